"""Finds a Pulumi CLI that fits the SDK, and gets one where there is none."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Final

from semver import VersionInfo

from colorway.errors import ColorwayError
from colorway.machine.daemon import cache_directory
from colorway.machine.progress import Count, Progress
from colorway.machine.turns import in_turn

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


PINNED: Final = VersionInfo(3, 274, 1)
"""The version of the CLI that is downloaded or compiled: the newest whose Go module is published."""

OLDEST: Final = VersionInfo.parse(metadata.version("pulumi"))
"""The version of the SDK in requirements.txt: a CLI that somebody else installed is as new as that."""

DOWNLOADS: Final = "https://get.pulumi.com"
"""Where the official installer and the official plugins come from."""

_INSTALL: Final = """\
import sys, semver, pulumi.automation as automation
automation.PulumiCommand.install(root=sys.argv[1], version=semver.VersionInfo.parse(sys.argv[2]))
"""
_PROBE: Final = """\
import sys, urllib.error, urllib.request
try:
    urllib.request.urlopen(sys.argv[1], timeout=5)
except urllib.error.HTTPError:
    pass
"""
_PROBE_SECONDS: Final = 8.0
_INSTALL_SECONDS: Final = 300.0
_VERSION_SECONDS: Final = 20.0


def find_or_build(*, progress: Progress) -> Path:
    """Return a `pulumi` executable as new as the SDK, with the same major number.

    Looked for in this order: PATH, the cache, the official installer, the Go module compiled. What is installed or
    compiled is kept in the cache; a second run waits for the first instead of doing the same work beside it.

    Raises:
        ColorwayError: none of the four ways works here; the message says why each failed.
    """
    on_path = _on_path(progress=progress)
    if on_path is not None:
        return on_path
    home = cache_directory() / "pulumi" / str(PINNED)
    cached = home / "pulumi"
    if cached.is_file():
        return cached
    with in_turn(home, what="gets the Pulumi CLI", progress=progress):
        if not cached.is_file():
            for left_over in home.glob("building-*"):
                shutil.rmtree(left_over)
            with tempfile.TemporaryDirectory(dir=home, prefix="building-") as work:
                _get(home=home, work=Path(work), progress=progress)
    return cached


def is_reachable(url: str) -> bool:
    """Tell within eight seconds whether a server answers, also where packets or name look-ups vanish silently."""
    return run_bounded([sys.executable, "-c", _PROBE, url], seconds=_PROBE_SECONDS).returncode == 0


def run_bounded(
    argv: Sequence[str | Path], *, seconds: float, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command with no input; when its time is over, end it with everything it started (return code -9)."""
    with subprocess.Popen(
        argv,
        env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true", **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(list(argv), process.returncode, output)


def _on_path(*, progress: Progress) -> Path | None:
    found = shutil.which("pulumi")
    if found is None:
        return None
    version = _version_of(Path(found))
    if version is not None and version.major == OLDEST.major and version >= OLDEST:
        return Path(found)
    is_what = f"is {version}" if version else "does not say its version"
    progress(
        f"{found} {is_what} and is passed over: colorway needs {OLDEST} or newer, below {OLDEST.major + 1}.0.0",
        lasting=True,
    )
    return None


def _version_of(binary: Path) -> VersionInfo | None:
    try:
        answer = run_bounded([binary, "version"], seconds=_VERSION_SECONDS)
    except OSError:
        return None
    version = re.search(r"^v?(\d+\.\d+\.\d+\S*)$", answer.stdout, re.MULTILINE)
    return VersionInfo.parse(version[1]) if version and VersionInfo.is_valid(version[1]) else None


def _get(*, home: Path, work: Path, progress: Progress) -> None:
    """Put a CLI of the pinned version at `home`/pulumi in one atomic step."""
    not_installed = _install(home=home, work=work, progress=progress)
    if not_installed is None:
        return
    try:
        go = go_toolchain()
    except ColorwayError as not_compiled:
        raise ColorwayError(
            f"no Pulumi CLI {OLDEST} or newer on PATH, {not_installed}, and {not_compiled}; install Pulumi or Go first"
        ) from not_compiled
    progress(f"The Pulumi CLI {PINNED} is compiled with {go}: {not_installed}", lasting=True)
    binary = compile_cli(go=go, version=str(PINNED), directory=work, progress=progress)
    if _version_of(binary) != PINNED:
        raise ColorwayError(f"the compiled Pulumi CLI does not answer `pulumi version` with {PINNED}")
    binary.replace(home / "pulumi")


def _install(*, home: Path, work: Path, progress: Progress) -> str | None:
    """Run the official installer; return why that failed, or None."""
    progress(f"Downloading the Pulumi CLI {PINNED}")
    if not is_reachable(DOWNLOADS):
        return f"{DOWNLOADS} cannot be reached"
    official, binary = work / "official", Path("official", "bin", "pulumi")
    argv: list[str | Path] = [sys.executable, "-c", _INSTALL, official, str(PINNED)]
    result = run_bounded(argv, seconds=_INSTALL_SECONDS)
    if result.returncode != 0 or _version_of(work / binary) != PINNED:
        last_line = (result.stdout.strip().splitlines() or ["it said nothing"])[-1]
        return f"the official installer failed ({last_line})"
    shutil.rmtree(home / "official", ignore_errors=True)
    official.replace(home / "official")
    # The language hosts lie beside the real binary, and the CLI looks for them there.
    (work / "pulumi").symlink_to(binary)
    (work / "pulumi").replace(home / "pulumi")
    return None
