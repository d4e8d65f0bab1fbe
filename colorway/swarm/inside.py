"""Commands in the containers that a service has on one host."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import Any, BinaryIO, cast

from colorway.swarm.connections import Connection, MissingError, RefusedError
from colorway.swarm.ssh import ssh_to

SERVICE_OF_CONTAINER = "com.docker.swarm.service.name"
"""Label that Swarm gives to each container of a service."""
PIECE = 2**20
"""Bytes of a file that are in memory at once."""
_HEADER = 8
"""Bytes before each piece of what a command prints: which output it is of, three zeros, its length."""
ENDS_WITHIN = 20
"""Seconds that the engine may take to know the exit code of a command whose outputs have ended."""
_POLL = 0.1


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A command that has run in a container."""

    code: int
    """Its exit code."""
    said: str
    """What it printed, on both of its outputs."""


class Inside:
    """Runs commands in the containers of one host."""

    def __init__(self, connection: Connection) -> None:
        """Take how the host's engine is asked."""
        self._engine = connection

    def each(self, service: str, command: Sequence[str], *, what: str | None = None) -> tuple[Ran, ...]:
        """Run a command in each container that a service has on this host, and return what became of it.

        Args:
            service: The service's name in the swarm.
            command: Program and arguments.
            what: The question in words; none = the program's name.

        Raises:
            NoAnswerError: Docker does not answer.
        """
        filters = {"label": f"{SERVICE_OF_CONTAINER}={service}", "status": "running"}

        def answer(api: Any) -> tuple[Ran, ...]:  # noqa: ANN401 - docker-py is untyped here
            return tuple(_run(api, one["Id"], command) for one in api.containers(filters=filters))

        return self._engine.ask(what or f"{command[0]} in {service}", answer)

    def fed(self, service: str, command: Sequence[str], *, source: BinaryIO, end: bytes) -> Ran:
        """Run a command in the one container that a service has on this host, and give it a file, piece by piece.

        Args:
            service: The service's name in the swarm.
            command: Program and arguments.
            source: What it reads; never all of it in memory.
            end: What it reads last: without it the connection was lost.

        Raises:
            MissingError: the service has no container there, or several.
            NoAnswerError: Docker does not answer.
        """
        filters = {"label": f"{SERVICE_OF_CONTAINER}={service}", "status": "running"}
        host, what = self._engine.host, f"{self._engine.host.name}: {service}"
        found = self._engine.ask(service, lambda api: [one["Id"] for one in api.containers(filters=filters)])
        if len(found) != 1:
            many = f"{len(found)} of it run there" if found else "it does not run there"
            raise MissingError(f"{what}: {many}", status=404, said=many)
        words = ["docker", "exec", "--interactive", found[0], *command]
        line = words if host.is_local else ssh_to(host, shlex.join(words))
        with (
            TemporaryFile() as said,
            subprocess.Popen(line, stdin=subprocess.PIPE, stdout=said, stderr=subprocess.STDOUT) as run,
        ):
            # Who reads no more has a reason, and says it.
            with suppress(BrokenPipeError), cast("BinaryIO", run.stdin) as pipe:
                shutil.copyfileobj(source, pipe, PIECE)
                pipe.write(end)
            code = run.wait()
            said.seek(0)
            return Ran(code=code, said=said.read().decode(errors="replace"))

    def said(self, service: str, command: Sequence[str]) -> str:
        """Return what a command says in the one container that a service has on this host.

        Raises:
            MissingError: it has none, or several.
            RefusedError: the command fails; with its last words.
            NoAnswerError: Docker does not answer.
        """
        ran, what = self.each(service, command), f"{self._engine.host.name}: {command[0]} in {service}"
        if len(ran) != 1:
            found = "it does not run there" if not ran else f"{len(ran)} of it run there"
            raise MissingError(f"{what}: {found}", status=404, said=found)
        [one] = ran
        if one.code:
            last = (one.said.strip() or f"exit code {one.code}").splitlines()[-1]
            raise RefusedError(f"{what}: {last}", status=500, said=one.said)
        return one.said


def _run(api: Any, container: str, command: Sequence[str]) -> Ran:  # noqa: ANN401 - docker-py is untyped here
    run = api.exec_create(container, list(command))
    said = _spoken(_printed(api, run["Id"])).decode(errors="replace")
    until = time.monotonic() + ENDS_WITHIN
    while (code := api.exec_inspect(run["Id"])["ExitCode"]) is None:
        if time.monotonic() > until:
            raise ConnectionError(f"{command[0]} has not ended, and nothing comes from it any more")
        time.sleep(_POLL)
    return Ran(code=int(code), said=said)


def _printed(api: Any, run: str) -> bytes:  # noqa: ANN401 - docker-py is untyped here
    # docker-py's own `exec_start` reads the socket beside the buffer that it has read the headers into, so what was
    # printed by then is lost (docker-py#3332): on a busy machine all that 12 of 250 commands said.
    upgrade = {"Connection": "Upgrade", "Upgrade": "tcp"}
    start = api._url("/exec/{0}/start", run)  # noqa: SLF001 - there is no public way
    with api._post_json(start, headers=upgrade, data={"Detach": False, "Tty": False}, stream=True) as answer:  # noqa: SLF001
        api._raise_for_status(answer)  # noqa: SLF001
        # The buffer; like the socket it has a time limit.
        return bytes(answer.raw._fp.fp.read())  # noqa: SLF001


def _spoken(stream: bytes) -> bytes:
    """Return what a command has printed, on both of its outputs, from the engine's stream of it.

    The format is that of https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach.

    Raises:
        ConnectionError: the stream was cut off.
    """
    pieces, begin = [], 0
    while begin < len(stream):
        first = begin + _HEADER
        end = first + int.from_bytes(stream[begin + 4 : first], "big")
        if first > len(stream) or end > len(stream):
            raise ConnectionError("the connection was lost while a command was printing")
        pieces.append(stream[first:end])
        begin = end
    return b"".join(pieces)
