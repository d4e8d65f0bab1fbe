"""`python -m tests.support.leftovers`: removes what e2e runs that were killed left on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from colorway.machine.daemon import cache_directory
from colorway.spec import names
from tests.support import labs
from tests.support.clone import Clone
from tests.support.demo import docker, left_behind
from tests.support.places import Place, every_free_place

ONE = "from tests.support.leftovers import remove_leftovers; remove_leftovers()"


def remove_leftovers() -> None:
    """Remove the stacks under test that no living run has; stacks of people and of runs that live stay.

    Raises:
        AssertionError: something of them is still there.
    """
    with ExitStack() as taken:
        for place in every_free_place(taken):
            if left_behind(place.name):
                remove(place)
        is_ours = taken.enter_context(labs.turn(wait=False))
        if is_ours and (cache_directory() / "lab" / labs.OURS.name).exists():
            with tempfile.TemporaryDirectory() as folder:
                labs.lab(labs.make(Path(folder) / "clone", hosts=labs.ALL), "down")
            assert labs.left() == [], "a lab goes with all that is on it"


def remove(place: Place) -> None:
    """Remove a stack with its data from whatever checkout it was made; none of its state is needed.

    Whoever held its lock was killed, for its place is free.
    """
    for held in (names.lock(place.name), names.run_lock(place.name)):
        if held in docker("config", "ls", "--format", "{{.Name}}").split():
            docker("config", "rm", held)
    with tempfile.TemporaryDirectory() as folder:
        Clone.make(Path(folder) / "clone", place=place).down("--orphans")
    left = left_behind(place.name)
    assert not left, f"a stack without a state can be removed, too; still there: {', '.join(left)}"


def of_all_workers() -> None:
    """Do it, and for the labs of pytest's other workers, too: what a worker's lab is called is fixed in its process.

    Raises:
        CalledProcessError: something of them is still there; it has said what.
    """
    remove_leftovers()
    for left in (cache_directory() / "lab").glob(f"{labs.NAME}[1-9]*"):
        worker = {"PYTEST_XDIST_WORKER": f"gw{left.name.removeprefix(labs.NAME)}"}
        subprocess.run([sys.executable, "-c", ONE], env=os.environ | worker, check=True)


if __name__ == "__main__":
    of_all_workers()
