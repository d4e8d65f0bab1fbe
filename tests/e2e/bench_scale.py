"""`python -m tests.e2e.bench_scale`: `preview` and `up` of many services, as the table of docs/benchmarks.md.

`preview` only reads; `up` makes the services on this machine's swarm and removes them. A service sleeps: what is
measured is Colorway, the engine, its plugins and the swarm, and not so many applications that start at once.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.clone import Clone
from tests.support.places import Place, free_place
from tests.support.scale import add_platform

PREVIEWED = (10, 100, 500)
APPLIED = (10, 100)
"""More do not fit into the /24 that a color has."""
RUNS = 3
PROMISED = 20.0
"""Seconds that a preview of 500 services may take."""


@dataclass(frozen=True, kw_only=True)
class Took:
    """What one command cost."""

    wall: float
    """Seconds."""
    processor: float
    """Seconds of processor: the command line, the engine and the plugins; not Docker."""


def took(work: Callable[[], object]) -> Took:
    """Measure a command that runs in processes of its own and is waited for."""
    began, before = time.monotonic(), os.times()
    work()
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return Took(wall=time.monotonic() - began, processor=spent)


def row(what: str, services: int, runs: list[Took]) -> Took:
    """Print one line of the table; return its medians."""
    wall = statistics.median(run.wall for run in runs)
    processor = statistics.median(run.processor for run in runs)
    each = f"{1000 * processor / services:.0f} ms"
    print(f"| {what} | {services} | {wall:.1f} s | {processor:.1f} s | {each} | {len(runs)} |", flush=True)
    return Took(wall=wall, processor=processor)


def main() -> None:
    """Measure in a clone, print the table, and remove what was made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preview", type=int, nargs="*", default=PREVIEWED, help="services to preview")
    parser.add_argument("--up", type=int, nargs="*", default=APPLIED, help="services to bring up; none = preview only")
    parser.add_argument("--runs", type=int, default=RUNS, help="runs of each preview and of each up without a change")
    chosen = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start\n")
    print("| command | services | time | processor | per service | runs |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    medians: dict[int, Took] = {}
    with tempfile.TemporaryDirectory() as folder, free_place() as place:
        for number in chosen.preview:
            medians[number] = previewed(Path(folder), place, number, runs=chosen.runs)
        for number in chosen.up:
            applied(Path(folder), place, number, runs=chosen.runs)
    print(f"\nload {os.getloadavg()[0]:.1f} at the end")
    found = medians.get(500)
    if found:
        print(f"a preview of 500 services took {found.wall:.1f} s; promised are {PROMISED:.0f} s on two idle cores")
        # The processor's time, since whatever else this machine does makes the other one longer.
        assert found.processor <= 3 * PROMISED, "far more than was promised"


def previewed(folder: Path, place: Place, services: int, *, runs: int) -> Took:
    """Measure previews of a platform that is not there yet: every resource is to be made."""
    clone = Clone.make(folder / f"preview-{services}", place=place)
    add_platform(clone, services)
    return row("preview", services, [took(lambda: clone.run("preview", clone.stack)) for _ in range(runs)])


def applied(folder: Path, place: Place, services: int, *, runs: int) -> None:
    """Measure an `up` that makes everything, those after it that change nothing, and the `down`."""
    clone = Clone.make(folder / f"up-{services}", place=place)
    add_platform(clone, services)
    try:
        row("up", services, [took(lambda: clone.run("up", clone.stack))])
        row("up, no change", services, [took(lambda: clone.run("up", clone.stack)) for _ in range(runs)])
    finally:
        row("down", services, [took(lambda: clone.run("down", clone.stack, "--data", "--yes"))])


if __name__ == "__main__":
    main()
