"""When the containers of services ran, by Docker's own account: the application may be wrong about itself."""

from __future__ import annotations

import json
import math
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.demo import docker

SERVICE = "com.docker.swarm.service.name"


@dataclass(frozen=True, kw_only=True)
class Life:
    """One container's time as a running process; Docker's clock, seconds."""

    service: str
    container: str
    began: float
    ended: float = math.inf

    def overlaps(self, other: Life) -> bool:
        """Say whether both ran at the same time."""
        return self.began < other.ended and other.began < self.ended


@dataclass(frozen=True, kw_only=True)
class Event:
    """A container that began or ended."""

    service: str
    container: str
    begins: bool
    at: float


def lives_of(events: Iterable[Event], *, running: Iterable[Event] = ()) -> list[Life]:
    """Return the lives that events tell of, those of the containers that ran before the first of them included."""
    lives: dict[str, Life] = {}
    for event in sorted([*running, *events], key=lambda event: event.at):
        known = lives.get(event.container)
        began = known.began if known else event.at if event.begins else -math.inf
        ended = math.inf if event.begins else event.at
        lives[event.container] = Life(service=event.service, container=event.container, began=began, ended=ended)
    return list(lives.values())


def overlapping(lives: Iterable[Life]) -> list[tuple[Life, Life]]:
    """Return every two that ran at the same time."""
    return [(one, other) for one, other in combinations(lives, 2) if one.overlaps(other)]


class Watched:
    """Watches the containers of some services for as long as it is entered.

    Docker forgets: a task that is scaled away goes with its container, so its end must be heard when it comes.
    """

    def __init__(self, services: Iterable[str], *, folder: Path) -> None:
        self._services = tuple(services)
        self._file = folder / "docker-events"
        self._process: subprocess.Popen[bytes] | None = None
        self._running: list[Event] = []

    def __enter__(self) -> Self:
        """Begin to listen; Docker keeps the last events for whoever comes a moment late."""
        only = ("type=container", "event=start", "event=die")
        command = ["docker", "events", "--since", f"{time.time():.3f}", *(f"--filter={one}" for one in only)]
        with self._file.open("wb") as out:
            self._process = subprocess.Popen([*command, "--format", "{{json .}}"], stdout=out)
        for service in self._services:
            for container in docker("ps", "-q", "--no-trunc", "--filter", f"label={SERVICE}={service}").split():
                self._running.append(Event(service=service, container=container, begins=True, at=-math.inf))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None, "it was entered"
        self._process.kill()
        self._process.wait()

    def lives(self) -> list[Life]:
        """Return the lives so far."""
        return lives_of(parse(self._file.read_text(), services=self._services), running=self._running)


def parse(text: str, *, services: Iterable[str]) -> list[Event]:
    """Return the events of some services out of `docker events --format '{{json .}}'`."""
    wanted = set(services)
    found = []
    whole, _, _ = text.rpartition("\n")
    for line in whole.splitlines():
        event = json.loads(line)
        service = event["Actor"]["Attributes"].get(SERVICE)
        if service in wanted:
            begins, at = event["Action"] == "start", event["timeNano"] / 1e9
            found.append(Event(service=service, container=event["Actor"]["ID"], begins=begins, at=at))
    return found
