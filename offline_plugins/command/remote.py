"""Commands on another host, through the `ssh` of this machine."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from offline_plugins.command.running import FailedError, Program, Result, run
from offline_plugins.values import Properties, Value, revealed
from offline_plugins.waiting import CanceledError, Patience, PluginError

_FIRST_PAUSE: Final = 0.1
_GROWTH: Final = 1.5
_LONGEST_PAUSE: Final = 5.0
_ALIAS: Final = "target"


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Where to connect to, and as whom."""

    host: str
    user: str
    port: int
    host_key: str
    tries: int
    """How often to try; -1 is without end."""
    seconds: int
    """How long one try may take; 0 is without end."""

    @classmethod
    def of(cls, inputs: Properties) -> Connection:
        """The connection of checked inputs."""
        given = revealed(inputs.get("connection"))
        values: Mapping[str, Value] = given if isinstance(given, dict) else {}

        def text(name: str) -> str:
            value = values.get(name)
            return value if isinstance(value, str) else ""

        def number(name: str) -> int:
            value = values.get(name)
            return value if isinstance(value, int) else 0

        return cls(
            host=text("host"),
            user=text("user"),
            port=number("port"),
            host_key=text("hostKey"),
            tries=number("dialErrorLimit"),
            seconds=number("perDialTimeout"),
        )


@dataclass(frozen=True, kw_only=True)
class RemoteRun:
    """One command on one host.

    Args:
        connection: the host.
        patience: when it ends, the connection is cut.
        tell: gets a line for every failed try to connect, and every line that the command prints, as it comes.
    """

    connection: Connection
    patience: Patience
    tell: Callable[[str], None]

    def run(self, command: str, *, stdin: str, environment: Mapping[str, str]) -> Result:
        """Run a command in the login shell of the user.

        Args:
            command: the text for the shell.
            stdin: its standard input.
            environment: variables that are offered to the host, which may decline them.

        Raises:
            FailedError: the command failed.
            PluginError: there is no connection.
        """
        # Both the connection and the command in it must be told which variables to offer.
        offered = [part for name in environment for part in ("-o", f"SendEnv={name}")]
        with self._prepared() as connecting:
            options = [*connecting, *offered]
            self._dial(options)
            program = self._program([*options, _ALIAS, command], stdin=stdin, more=environment)
            try:
                return run(program, patience=self.patience, show=self.tell)
            except FailedError as error:
                if error.code is None or error.code < 0:
                    raise
                raise FailedError(
                    f"Process exited with status {error.code}",
                    output=error.output,
                    code=error.code,
                ) from error
            finally:
                self._hang_up(options)

    @contextmanager
    def _prepared(self) -> Iterator[list[str]]:
        """The options of a connection, whose host key lies in a file of its own as long as it is needed."""
        target = self.connection
        with tempfile.TemporaryDirectory(prefix="colorway-ssh-") as directory:
            known = Path(directory, "known_hosts")
            known.write_text(f"{_ALIAS} {target.host_key.strip()}\n")
            options = {
                "HostName": target.host,
                "User": target.user,
                "Port": str(target.port),
                "HostKeyAlias": _ALIAS,
                "UserKnownHostsFile": str(known),
                "GlobalKnownHostsFile": os.devnull,
                "StrictHostKeyChecking": "yes",
                "UpdateHostKeys": "no",
                "BatchMode": "yes",
                "LogLevel": "ERROR",
                "ControlPath": str(Path(directory, "control")),
                "IdentityFile": "none",
                "IdentityAgent": os.environ.get("SSH_AUTH_SOCK") or "none",
            }
            if target.seconds:
                options["ConnectTimeout"] = str(target.seconds)
            # Neither the user's nor the system's configuration is read, as the official provider does not.
            yield ["-F", os.devnull, "-T", *_as_options(options)]

    def _dial(self, options: Sequence[str]) -> None:
        """Open the connection that the command then uses; so a failure to connect is told from its own."""
        failures, pause = 0, _FIRST_PAUSE
        while (problem := self._try(options)) is not None:
            if self.patience.ended:
                raise CanceledError
            failures += 1
            if -1 < self.connection.tries < failures:
                where = f"{self.connection.host} port {self.connection.port}"
                raise PluginError(f"after {failures - 1} failed attempts: ssh to {where}: {problem}")
            limit = "inf" if self.connection.tries < 0 else self.connection.tries
            self.tell(f"Dial {failures}/{limit} failed: retrying")
            self.patience.pause(pause)
            pause = min(_GROWTH * pause, _LONGEST_PAUSE)

    def _try(self, options: Sequence[str]) -> str | None:
        """Try to connect; returns what went wrong."""
        # What stays in the background holds its outputs open, so they must not be pipes.
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                ["ssh", *options, "-o", "ControlMaster=yes", "-f", "-N", _ALIAS],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
            with self.patience.ending(process.kill):
                code = process.wait()
            errors.seek(0)
            lines = errors.read().decode(errors="replace").split("\n")
        told = [line.strip() for line in lines if line.strip()]
        return None if code == 0 else (told or [f"exit status {code}"])[-1]

    def _hang_up(self, options: Sequence[str]) -> None:
        program = self._program([*options, "-O", "exit", _ALIAS])
        try:
            run(program, patience=Patience())
        except FailedError:
            # It was cut already; there is nothing left to end.
            return

    @staticmethod
    def _program(
        arguments: Sequence[str],
        *,
        stdin: str = "",
        more: Mapping[str, str] | None = None,
    ) -> Program:
        return Program(arguments=["ssh", *arguments], environment={**os.environ, **(more or {})}, stdin=stdin)


def _as_options(options: Mapping[str, str]) -> list[str]:
    return [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
