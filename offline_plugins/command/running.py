"""Running a program: its input, its two outputs, and how it ended."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Final

from offline_plugins.waiting import Patience, PluginError

_SHORT: Final = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}
_ASCII: Final = 0x80
_BASIC: Final = 0x10000


def quoted(text: str) -> str:
    """The text in double quotes, with escapes for what cannot be printed."""
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < _ASCII:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < _BASIC else f"\\U{code:08x}"


_CHUNK: Final = 65536
# After a kill, what the program started may hold its outputs open; nobody waits for that.
_DRAIN_WITHIN: Final = 0.5


@dataclass(frozen=True, slots=True)
class Result:
    """What a program that succeeded printed, without the last line end."""

    stdout: str
    stderr: str


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program to run.

    Args:
        arguments: the program and its arguments.
        environment: the whole environment.
        directory: where to run it.
        stdin: its standard input; nothing if empty.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    directory: str | None = None
    stdin: str = ""


@dataclass(slots=True)
class _Output:
    """One output as it arrives: kept, added to the common text, and shown line by line."""

    both: bytearray
    lock: threading.Lock
    show: Callable[[str], None] | None
    kept: bytearray = field(default_factory=bytearray)

    def read_from(self, stream: IO[bytes]) -> None:
        line = bytearray()
        with stream:
            while chunk := stream.read1(_CHUNK) if hasattr(stream, "read1") else stream.read(_CHUNK):
                self.kept += chunk
                with self.lock:
                    self.both += chunk
                line += chunk
                *complete, rest = line.split(b"\n")
                for text in complete:
                    self._show(text)
                line = bytearray(rest)
        if line:
            self._show(line)

    def _show(self, line: bytes | bytearray) -> None:
        if self.show is not None:
            self.show(line.decode(errors="replace").removesuffix("\r"))


class FailedError(PluginError):
    """The program did not start or did not succeed; the text is what is said before the command."""

    def __init__(self, what: str, *, output: str = "", code: int | None = None) -> None:
        super().__init__(what)
        self.output = output
        self.code = code


def run(
    program: Program,
    *,
    patience: Patience,
    show: Callable[[str], None] | None = None,
) -> Result:
    """Run a program to its end, which includes that of everything that holds its outputs open.

    Args:
        program: what to run.
        patience: when it ends, the program is killed.
        show: gets every line of both outputs as it comes.

    Raises:
        FailedError: it did not start, was killed, or ended with another status than 0.
    """
    process = _started(program)
    both, lock = bytearray(), threading.Lock()
    outputs = [_Output(both, lock, show), _Output(both, lock, show)]
    streams = [process.stdout, process.stderr]
    readers = [
        threading.Thread(target=output.read_from, args=(stream,), daemon=True)
        for output, stream in zip(outputs, streams, strict=True)
    ]
    for reader in readers:
        reader.start()
    with patience.ending(process.kill):
        _feed(process, program.stdin)
        code = process.wait()
        for reader in readers:
            while reader.is_alive() and not patience.ended:
                reader.join(_DRAIN_WITHIN)
            reader.join(_DRAIN_WITHIN)
    if code != 0:
        with lock:
            text = both.decode(errors="replace")
        raise FailedError(_ending(code), output=text, code=code)
    stdout, stderr = (output.kept.decode(errors="replace").removesuffix("\n") for output in outputs)
    return Result(stdout=stdout, stderr=stderr)


def _started(program: Program) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            list(program.arguments),
            stdin=subprocess.PIPE if program.stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=program.directory,
            env=dict(program.environment),
        )
    except OSError as error:
        name = program.arguments[0]
        reason = (error.strerror or type(error).__name__).lower()
        if program.directory is not None and error.filename == program.directory:
            raise FailedError(f"chdir {program.directory}: {reason}") from error
        if "/" not in name and isinstance(error, FileNotFoundError):
            raise FailedError(f'exec: "{name}": executable file not found in $PATH') from error
        raise FailedError(f"fork/exec {name}: {reason}") from error


def _feed(process: subprocess.Popen[bytes], text: str) -> None:
    if process.stdin is None:
        return
    try:
        with process.stdin as stream:
            stream.write(text.encode())
    except BrokenPipeError:
        # It ended without reading all of its input, which is its own business.
        return


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    return f"signal: {(signal.strsignal(-code) or str(-code)).lower()}"
