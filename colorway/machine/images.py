"""Builds the images of a platform with `images: local`, each when its tag is missing."""

from __future__ import annotations

import os
import re
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from colorway.errors import ColorwayError
from colorway.machine.daemon import cache_directory, docker
from colorway.machine.progress import Count, Progress
from colorway.machine.turns import in_turn

_TAIL_LINES: Final = 15
_STEP: Final = re.compile(r"Step (?P<number>\d+)/(?P<total>\d+) : (?P<text>.*)")
_BASE_STEP: Final = re.compile(r"==> (?P<text>.*)")
_TERMINAL_COLORS: Final = re.compile(r"\x1b\[[0-9;]*m")
_PROXIES: Final = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def ensure_image(*, reference: str, version: str | None, context: Path, progress: Progress) -> str:
    """Build an image unless its tag is there, and return the reference.

    A tag holds the digest of the folder, so a tag that is there is right. Another colorway that builds images is waited
    for. Takes 4 to 20 s, the first image half a minute more where Debian itself must be made.

    Args:
        reference: Repository and tag, as `PlatformSpec.builds` gives them.
        version: What the program in the image shows as its version; None for an image that shows none.
        context: The folder with the Dockerfile; `base/make.sh` is in the folder beside it.
        progress: Told each step.

    Raises:
        ColorwayError: the build failed; names the image and the step, with the last lines.
    """
    if _exists(reference):
        return reference
    with in_turn(cache_directory() / "images", what="builds images", progress=progress):
        if not _exists(reference):
            ensure_base(folder=context.parent / "base", progress=progress)
            _build(reference=reference, version=version, context=context, progress=progress)
    return reference


def ensure_base(*, folder: Path, progress: Progress) -> None:
    """Make what every Dockerfile starts from: `debian:forky-slim`, and the builder with this host's apt configuration.

    Docker's cache makes it a matter of half a second when both are there and the host's apt is as it was.

    Raises:
        ColorwayError: Debian can neither be pulled nor made here, or its archive does not answer.
    """
    current = "Preparing Debian"

    def follow(line: str) -> None:
        nonlocal current
        if step := _BASE_STEP.fullmatch(line):
            current = step["text"]
            progress(current)

    code, tail = _run(["sh", str(folder / "make.sh")], on_line=follow)
    if code:
        raise ColorwayError(_failure("the base of the images", step=current, tail=tail))


def _build(*, reference: str, version: str | None, context: Path, progress: Progress) -> None:
    what = f"Building the image {reference}"
    current = "its start"

    def follow(line: str) -> None:
        nonlocal current
        if step := _STEP.fullmatch(line):
            current = f"step {step['number']} of {step['total']}, {step['text']}"
            progress(what, Count(done=int(step["number"]), total=int(step["total"]), unit="step"))

    progress(what)
    arguments = ["docker", "build", "--network", "host", "--tag", reference]
    if version is not None:
        arguments += ["--build-arg", f"VERSION={version}"]
    # By name only: the value may hold a password, and Docker keeps these arguments out of the image's history.
    for proxy in _PROXIES:
        if proxy in os.environ:
            arguments += ["--build-arg", proxy]
    code, tail = _run([*arguments, str(context)], on_line=follow)
    if code:
        raise ColorwayError(_failure(f"the image {reference}", step=current, tail=tail))


def _exists(reference: str) -> bool:
    return docker("image", "inspect", reference).returncode == 0


def _failure(what: str, *, step: str, tail: Sequence[str]) -> str:
    return "\n".join([f"{what} could not be built; it ended at: {step}", *(f"    {line}" for line in tail)])


def _run(command: list[str], *, on_line: Callable[[str], None]) -> tuple[int, Sequence[str]]:
    """Run a command, hand on each line it prints, and return its exit code and last lines."""
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    # The classic builder is in every Docker since 20.10; BuildKit is a plugin of its own that may be missing.
    environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for raw in process.stdout or ():
            line = _TERMINAL_COLORS.sub("", raw).rstrip()
            if line:
                tail.append(line)
                on_line(line)
    return process.returncode, tuple(tail)
