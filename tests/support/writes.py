"""Clients that write into a data store of a lab, and what became of all that they were told is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

from tests.support.clone import Clone
from tests.support.command import Command
from tests.support.labs import on_host

WRITERS = 5
PER_SECOND = 50
SCRIPT = r"""
import os, sys, threading, time, psycopg
from pathlib import Path
host, writers, pause = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
password = Path("/run/secrets/database-password").read_text()
stop, one = Path("/tmp/no-more-writes"), threading.Lock()

def say(*words):
    with one:
        print("write", *words, flush=True)

def connect():
    return psycopg.connect(host=host, user=os.environ["DATABASE_USER"], dbname="demo", password=password,
                           autocommit=True, connect_timeout=3, tcp_user_timeout=8000)

def write(number):
    connection, count = None, 0
    while not stop.exists():
        key, count = f"{number}-{count}", count + 1
        try:
            connection = connection or connect()
            connection.execute("INSERT INTO writes VALUES (%s)", (key,))
            say("done", time.time(), key)
        except psycopg.Error as error:
            say("failed", time.time(), key, str(error).splitlines()[0] if str(error) else type(error).__name__)
            if connection is not None:
                connection.close()
            connection = None
        time.sleep(pause)

with connect() as first:
    first.execute("CREATE TABLE IF NOT EXISTS writes (id text PRIMARY KEY)")
    first.execute("TRUNCATE writes")
stop.unlink(missing_ok=True)
threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
say("ended", time.time())
"""


@dataclass(frozen=True)
class Wrote:
    """One write as its client saw it."""

    at: float
    """Time of the writers' clock, seconds."""
    key: str
    error: str | None
    """Why it failed; none = it was told that it is there."""


@dataclass(kw_only=True)
class Writes:
    """Clients that write some 50 rows a second, each in a transaction of its own."""

    clone: Clone
    host: str
    container: str
    command: Command

    @property
    def all(self) -> list[Wrote]:
        """What has been written or tried so far."""
        found: list[Wrote] = []
        for line in self.command.output.splitlines():
            word, what, *rest = [*line.split(maxsplit=4), "", ""][:5]
            if word == "write" and what in {"done", "failed"}:
                found.append(Wrote(at=float(rest[0]), key=rest[1], error=rest[2] if what == "failed" else None))
        return found

    @property
    def done(self) -> list[Wrote]:
        """The writes that were acknowledged."""
        return [one for one in self.all if one.error is None]

    @property
    def failed(self) -> list[Wrote]:
        """The writes that were not."""
        return [one for one in self.all if one.error is not None]

    def longest_gap(self) -> float:
        """Return the longest time between two acknowledged writes, whoever's they are, in seconds."""
        return max(later.at - earlier.at for earlier, later in pairwise(sorted(self.done, key=lambda one: one.at)))

    def stop(self) -> None:
        """Tell the clients to end, and wait until they have."""
        on_host(self.clone, self.host, "docker", "exec", self.container, "touch", "/tmp/no-more-writes")
        self.command.wait_for("write ended", limit=120)
        self.command.process.wait(60)


@contextmanager
def writing(
    clone: Clone,
    *,
    service: str,
    host: str,
    to: str,
    script: str = SCRIPT,
    program: tuple[str, ...] = ("python3", "-u", "-c"),
) -> Iterator[Writes]:
    """Have clients write from inside a task of a service on a host, until the end or `stop`."""
    label = f"label=com.docker.swarm.service.name={clone.stack}-{service}"
    container = on_host(clone, host, "docker", "ps", "-q", "-f", label).split()[0]
    inside = ("docker", "exec", container, *program, script, to, str(WRITERS), str(WRITERS / PER_SECOND))
    command = Command.start(clone, "lab", "exec", host, "--stack", clone.stack, "--", *inside)
    writes = Writes(clone=clone, host=host, container=container, command=command)
    try:
        command.wait_for("write done", limit=120)
        yield writes
    finally:
        if command.process.poll() is None:
            writes.stop()
