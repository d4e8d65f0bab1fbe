"""Visitors of a stack that may be closed: each asks two paths, and who answered is counted by stage."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections import Counter
from typing import Self

from typing_extensions import override

from tests.support.load import Target
from tests.support.wait import wait_until

WEB, API = "/whoami", "/api/whoami"
MESSAGE = "Back at 14:00 UTC."
"""What the page says to them."""
PEOPLE = 6
"""For each entrance; every second one keeps a connection."""
ENOUGH = 60
"""Answers of each path that a stage must have seen."""
PATIENCE = 120
"""Seconds that a stage may take on a busy machine before the test gives up."""


class Connection(http.client.HTTPSConnection):
    """A connection to an entrance of a stack, by its address and under its name; no certificate is verified."""

    def __init__(self, target: Target) -> None:
        super().__init__(target.server_name, target.port, timeout=30)
        self._entrance = (target.host, target.port)
        self._tls = ssl.create_default_context()
        self._tls.check_hostname, self._tls.verify_mode = False, ssl.CERT_NONE

    @override
    def connect(self) -> None:
        plain = socket.create_connection(self._entrance, timeout=30)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def kind(answer: http.client.HTTPResponse, body: str) -> str:
    """Return who has answered: the application, the page, or somebody who should not have."""
    if answer.status == http.HTTPStatus.OK and json.loads(body)["service"]:
        return "application"
    is_page = answer.status == http.HTTPStatus.SERVICE_UNAVAILABLE and answer.headers["Retry-After"] and MESSAGE in body
    return "page" if is_page else f"{answer.status}: {body[:80]}"


class Visitors:
    """People on kept connections and on new ones, at each entrance."""

    def __init__(self, *targets: Target) -> None:
        self.stage = "before"
        self.seen: Counter[tuple[str, str, str]] = Counter()
        """Answers by stage, path and who gave them."""
        self._over = threading.Event()
        self._guard = threading.Lock()
        self._threads = [
            threading.Thread(target=self._visit, args=(target, number % 2 == 0))
            for target in targets
            for number in range(PEOPLE)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def meet(self, stage: str) -> None:
        """Begin a stage, and wait until enough was answered in it."""
        self.stage = stage

        def enough() -> bool:
            with self._guard:
                return all(
                    sum(count for key, count in self.seen.items() if key[:2] == (stage, path)) >= ENOUGH
                    for path in (WEB, API)
                )

        wait_until(enough, limit=PATIENCE, what=f"{ENOUGH} answers of each path {stage}")

    def who(self, stage: str, path: str) -> set[str]:
        """Return who has answered a path in a stage."""
        return {who for at, where, who in self.seen if (at, where) == (stage, path)}

    def total(self, who: str) -> int:
        """Return how many answers somebody gave, over all stages."""
        return sum(count for key, count in self.seen.items() if key[2] == who)

    @property
    def lost(self) -> dict[tuple[str, str, str], int]:
        """What was neither the application's answer nor the page."""
        return {key: count for key, count in self.seen.items() if key[2] not in {"application", "page"}}

    def _visit(self, target: Target, is_kept: bool) -> None:  # noqa: FBT001 - two kinds of people
        asking = Connection(target)
        while not self._over.is_set():
            for path in (WEB, API):
                stage = self.stage
                try:
                    asking.request("GET", path)
                    answer = asking.getresponse()
                    who = kind(answer, answer.read().decode())
                except (OSError, http.client.HTTPException, ValueError) as error:
                    # nginx may close an idle connection; whoever is refused on a new one is lost.
                    who = "" if is_kept and isinstance(error, http.client.RemoteDisconnected) else repr(error)
                    asking.close()
                with self._guard:
                    self.seen[stage, path, who] += bool(who)
                if not is_kept:
                    asking.close()
            self._over.wait(0.02)
        asking.close()
