"""People who ask every place of a platform, one after the other, and what each was answered."""

from __future__ import annotations

import http.client
import json
import random
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from colorway.config import stack_files
from colorway.spec.names import MAIN_DOMAIN
from tests.support.clone import Clone
from tests.support.wait import wait_until

PAUSE = 0.5
"""Seconds between two requests of a caller: below the rates that the platforms' routes let one address have."""
PATIENCE = 600
"""Seconds that a stage may take on a busy machine before the test gives up."""
AGENTS = 1000
"""Browsers that a caller has: a newcomer's color is drawn by it, and by the address, which is one for all here."""


@dataclass(frozen=True, kw_only=True)
class PlaceAsked:
    """A place that a service answers."""

    name: str
    path: str
    service: str


def places(clone: Clone, stack: str) -> list[PlaceAsked]:
    """Return a place of each route of a stack, with who has to answer there."""
    spec = stack_files.from_file(root=clone.path, stack=stack)
    found = []
    for test in spec.platform.release.smoke:
        if service := test.json_fields.get("service"):
            domain = spec.settings.domains[test.domain or MAIN_DOMAIN]
            name = domain if test.host is None else f"{test.host}.{domain}"
            found.append(PlaceAsked(name=name, path=test.path, service=service))
    return found


class Callers:
    """One caller for each place and load balancer, each request on a connection of its own, as a newcomer's is."""

    def __init__(self, asked: Sequence[PlaceAsked], *, entrances: Sequence[tuple[str, int]]) -> None:
        self.answers: Counter[tuple[str, str]] = Counter()
        """How often each service was met in each color."""
        self.lost: list[str] = []
        self._over = threading.Event()
        self._guard = threading.Lock()
        self._threads = [
            threading.Thread(target=self._call, args=(place, entrance)) for place in asked for entrance in entrances
        ]
        self._services = {place.service for place in asked}

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def meet(self, color: str, *, times: int) -> None:
        """Wait until every service was met so many times more in a color."""
        before = Counter(self.answers)
        wait_until(
            lambda: all(self.answers[one, color] - before[one, color] >= times for one in self._services),
            limit=PATIENCE,
            what=f"every service is met {times} times in {color}",
        )

    def _call(self, place: PlaceAsked, entrance: tuple[str, int]) -> None:
        drawn = random.Random(f"{place.name}{place.path}{entrance[0]}")
        while not self._over.wait(PAUSE):
            try:
                color = self._ask(place, entrance, agent=drawn.randrange(AGENTS))
            except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
                with self._guard:
                    self.lost.append(f"{place.name}{place.path} through {entrance[0]}: {error!r}")
            else:
                with self._guard:
                    self.answers[place.service, color] += 1

    def _ask(self, place: PlaceAsked, entrance: tuple[str, int], *, agent: int) -> str:
        """Return the color that has answered.

        Raises:
            ValueError: somebody else has, or with another status.
        """
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        asking = http.client.HTTPSConnection(place.name, entrance[1], context=context, timeout=60)
        asking.sock = context.wrap_socket(socket.create_connection(entrance, timeout=60), server_hostname=place.name)
        try:
            asking.request("GET", place.path, headers={"User-Agent": f"caller-{agent}", "Host": place.name})
            answer = asking.getresponse()
            body = answer.read().decode()
            if answer.status != http.HTTPStatus.OK or json.loads(body)["service"] != place.service:
                raise ValueError(f"{answer.status}: {body[:120]}")
            return str(json.loads(body)["color"])
        finally:
            asking.close()
