"""Compiles the Pulumi CLI with the Go toolchain, for places where only package registries can be reached."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from colorway.engine.progress import Count, Progress
from colorway.errors import ColorwayError

_PACKAGE: Final = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"

# `go 1.21` is the lowest that prunes the module graph and knows toolchain lines; the go command raises it to what
# Pulumi needs. Without the line the whole unpruned graph is fetched: more than ten minutes instead of one.
_GO_MOD: Final = """\
module colorway/pulumi-cli

go 1.21

require github.com/pulumi/pulumi/pkg/v3 v{version}

replace github.com/atotto/clipboard => github.com/tgummerer/clipboard v0.0.0-20241001131231-d02d263e614e
"""
# Packages are unequal: a handful of syntax highlighters near the end take a minute. Share of the packages behind,
# in Go's order, and share of the time, measured on two cores; without it four minutes are announced as ninety seconds.
_TIME_BY_PACKAGES: Final = ((0.0, 0.0), (0.5, 0.23), (0.73, 0.46), (0.89, 0.61), (0.905, 0.8), (1.0, 1.0))

_OLDEST_GO: Final = (1, 21)
_TAIL_LINES: Final = 20
_TIDY_SECONDS: Final = 2.0


def go_toolchain() -> Path:
    """Find the Go toolchain on PATH.

    Raises:
        ColorwayError: there is none, or it is too old to fetch the version that Pulumi asks for.
    """
    found = shutil.which("go")
    if found is None:
        raise ColorwayError("there is no Go toolchain (`go`) on PATH to compile it with")
    answer = subprocess.run([found, "env", "GOVERSION"], capture_output=True, text=True, check=False)
    version = re.match(r"go(\d+)\.(\d+)", answer.stdout)
    if version is None or (int(version[1]), int(version[2])) < _OLDEST_GO:
        oldest = ".".join(map(str, _OLDEST_GO))
        raise ColorwayError(
            f"the Go toolchain {found} is {answer.stdout.strip() or 'unusable'}; compiling needs {oldest} or newer"
        )
    return Path(found)


def compile_cli(*, go: Path, version: str, directory: Path, progress: Progress) -> Path:
    """Compile the CLI into a directory of its own and return the binary.

    It takes six to eight minutes on two cores and 3 GB of disk in Go's caches. Interrupted, it leaves nothing but
    those caches, from which the next try goes on.

    Args:
        go: The go command.
        version: The version of the CLI, without "v".
        directory: An empty directory for the wrapper module and the binary; the caller removes it.
        progress: Told how many modules are downloaded and how many packages compiled.

    Raises:
        ColorwayError: the go command failed; the message carries its own last words.
    """
    (directory / "go.mod").write_text(_GO_MOD.format(version=version), encoding="utf-8")
    amount = _fetch_modules(go=go, directory=directory, progress=progress)
    return _build(go=go, version=version, directory=directory, amount=amount, progress=progress)


@dataclass(frozen=True, kw_only=True)
class _Amount:
    packages: int
    """How many the CLI consists of, Go's own included."""
    cached: int
    """How many of them Go's build cache holds already."""

    def count(self, compiled: int) -> Count:
        """Say how far the compilation is after so many packages."""
        done = min(self.cached + compiled, self.packages)
        start, now = (_time_share(n / self.packages) for n in (self.cached, done))
        return Count(done=done, total=self.packages, unit="package", time_share=(now - start) / ((1 - start) or 1))


def _fetch_modules(*, go: Path, directory: Path, progress: Progress) -> _Amount:
    """Download the modules and list the packages."""
    step = "Downloading the Go modules of the Pulumi CLI"
    fetched = 0
    progress(step)

    def count(line: str) -> None:
        nonlocal fetched
        if line.startswith("go: downloading"):
            fetched += 1
            progress(step, Count(done=fetched, unit="module"))

    listing = _go(
        [go, "list", "-deps", "-mod=mod", "-f", "{{.Stale}}", _PACKAGE], directory=directory, on_line=count
    ).split()
    return _Amount(packages=len(listing), cached=listing.count("false"))


def _build(*, go: Path, version: str, directory: Path, amount: _Amount, progress: Progress) -> Path:
    step = f"Compiling the Pulumi CLI {version} (once; 4 to 8 min on two cores)"
    compiled = 0
    progress(step)

    def count(line: str) -> None:
        nonlocal compiled
        if not line.startswith("go: "):
            compiled += 1
            progress(step, amount.count(compiled))

    binary = directory / "pulumi"
    linker = f"-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version={version}"
    argv: list[str | Path] = [go, "build", "-v", "-mod=mod", "-ldflags", linker, "-o", binary, _PACKAGE]
    _go(argv, directory=directory, on_line=count)
    return binary


def _time_share(packages_share: float) -> float:
    """Translate the share of the packages that are behind into the share of the time, on straight lines."""
    for (left, low), (right, high) in pairwise(_TIME_BY_PACKAGES):
        if packages_share <= right:
            return low + (high - low) * (packages_share - left) / (right - left)
    return 1.0


def _go(argv: Sequence[str | Path], *, directory: Path, on_line: Callable[[str], None]) -> str:
    """Run a go command to its end, hand over each line it says, and return its standard output."""
    environment = {"HOME": str(Path.home())} | os.environ | {"CGO_ENABLED": "0", "GOWORK": "off"}
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as output,
        subprocess.Popen(
            argv,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            for line in process.stderr or ():
                tail.append(line.strip())
                on_line(line)
            failed = process.wait() != 0
        except BaseException:
            _end(process)
            raise
        output.seek(0)
        if failed:
            raise ColorwayError(f"`go {argv[1]}` failed: {_last_words(tail)}")
        return output.read()


def _end(process: subprocess.Popen[str]) -> None:
    """End a go command with its compilers, which would otherwise keep all cores busy for nobody."""
    # On SIGINT it removes its work directory, hundreds of megabytes.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_TIDY_SECONDS)
        os.killpg(process.pid, signal.SIGKILL)


def _last_words(tail: Sequence[str]) -> str:
    """The line that says why, without the credentials that a module proxy's address may carry."""
    telling = [line for line in tail if line and not line.startswith(("go: downloading", "#"))]
    return re.sub(r"//[^/@\s]+@", "//", telling[-1]) if telling else "it said nothing"
