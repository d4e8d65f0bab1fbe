"""Containers that a test starts itself on this machine, in images of the project."""

from __future__ import annotations

import subprocess

from colorway.config import stack_files
from colorway.machine import images
from colorway.machine.progress import silent
from colorway.spec import names
from tests.support.specs import ROOT

LIMIT = 180
"""Seconds that one command may take."""


def docker(*words: str, check: bool = True, stdin: str | None = None) -> str:
    """Run docker and return what it printed, its errors with it.

    Raises:
        AssertionError: it failed, and that is checked; the message is what it said.
    """
    ran = subprocess.run(
        ["docker", *words],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert ran.returncode == 0 or not check, f"docker {words}: {ran.stdout}"
    return ran.stdout.strip()


def built(folder: str, *, version: str | None = None) -> str:
    """Build the image of a folder below images/ where it is missing, and return its reference."""
    context = ROOT / "images" / folder
    reference = names.local_image(folder, stack_files.digest_of(context))
    return images.ensure_image(reference=reference, version=version, context=context, progress=silent)
