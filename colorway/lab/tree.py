"""The root that every host of a lab begins with: the files of one image, unpacked once for all labs of this machine."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from colorway.config.stack_files import digest_of
from colorway.errors import ColorwayError
from colorway.machine.daemon import cache_directory, docker
from colorway.machine.images import ensure_image
from colorway.machine.progress import Progress
from colorway.machine.turns import in_turn

IMAGE = "host"
"""The folder below images/ that a host's root is made of."""


@dataclass(frozen=True, kw_only=True)
class Tree:
    """What every host begins with."""

    root: Path
    """The project's folder."""

    @cached_property
    def folder(self) -> Path:
        """Where it is, called by what it is made of."""
        return cache_directory() / "lab-trees" / digest_of(self.root / "images" / IMAGE)

    def make(self, progress: Progress) -> None:
        """Make it unless it is there, or another lab makes it, which is waited for.

        Raises:
            ColorwayError: its image cannot be built or unpacked.
        """
        if self.folder.is_dir():
            return
        with in_turn(self.folder.parent, what="makes the root of a lab's hosts", progress=progress):
            if self.folder.is_dir():
                return
            image = f"colorway/{IMAGE}:{self.folder.name}"
            context = self.root / "images" / IMAGE
            ensure_image(reference=image, version=None, context=context, progress=progress)
            progress("Unpacking a host's root")
            new = self.folder.with_suffix(".new")
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            container = _asked("create", image)
            try:
                _unpack(container, new)
            finally:
                _asked("rm", container)
            new.rename(self.folder)


def _asked(*arguments: str) -> str:
    answer = docker(*arguments)
    if answer.returncode:
        raise ColorwayError(f"docker {arguments[0]} failed: {answer.stderr.strip()}")
    return answer.stdout.strip()


def _unpack(container: str, folder: Path) -> None:
    with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as exported:
        subprocess.run(["tar", "--extract", f"--directory={folder}"], stdin=exported.stdout, check=True)
    if exported.returncode:
        raise ColorwayError(f"docker export failed with {exported.returncode}")
