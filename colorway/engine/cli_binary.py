"""Finds a Pulumi CLI that fits the SDK, and gets one where there is none."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Final

from semver import VersionInfo

from colorway.engine.cli_compile import compile_cli, go_toolchain
from colorway.engine.progress import Progress
from colorway.errors import ColorwayError

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
    home.mkdir(parents=True, exist_ok=True)
    with _locked(home / "lock", progress=progress):
        if not cached.is_file():
            for left_over in home.glob("building-*"):
                shutil.rmtree(left_over)
            with tempfile.TemporaryDirectory(dir=home, prefix="building-") as work:
                _get(home=home, work=Path(work), progress=progress)
    return cached


def cache_directory() -> Path:
    """Return the directory for what is expensive to get twice: `$XDG_CACHE_HOME/colorway` or `~/.cache/colorway`."""
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (configured if configured.is_absolute() else Path.home() / ".cache") / "colorway"


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


@contextmanager
def _locked(path: Path, *, progress: Progress) -> Iterator[None]:
    """Hold the one right to fill the cache; the system gives it back when the process dies."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("Waiting for another colorway that gets the Pulumi CLI")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


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
