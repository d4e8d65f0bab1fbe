"""`make bench`: the figures that the README names, each as a median: times, and ratios to what does less."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from colorway.config.stack_files import user_directory
from tests.e2e import bench_lab, bench_throughput
from tests.support import labs
from tests.support.clone import Clone
from tests.support.demo import Demo, docker
from tests.support.figures import Figures
from tests.support.load import Load, LoadPlan
from tests.support.places import free_place

RUNS = 5
"""Runs of each; a machine that is shared needs several, and the median of them."""
_APPLY = re.compile(r"routing-apply-localhost \((?P<seconds>[\d.]+) s\)")


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def switched_by_up(clone: Clone, blue: int) -> tuple[float, float]:
    """Commit a traffic line and apply it; return the apply's start (monotonic) and the whole time."""
    clone.traffic(blue)
    began = time.monotonic()
    process = clone.start("up", clone.stack)
    assert process.stdout is not None
    apply_began = 0.0
    for line in process.stdout:
        found = _APPLY.search(line)
        if found:
            apply_began = time.monotonic() - float(found["seconds"])
    assert process.wait() == 0, "an `up` of the benchmark failed"
    return apply_began, time.monotonic() - began


def switched_by_hand(demo: Demo, generation: str) -> float:
    """Rename the symlink and reload, and nothing else; return the start (monotonic)."""
    directory = load_balancer(demo)
    (container,) = demo.containers("lb-localhost")
    began = time.monotonic()
    subprocess.run(["ln", "-sfn", generation, directory / "by-hand"], check=True)
    subprocess.run(["mv", "-fT", directory / "by-hand", directory / "current"], check=True)
    docker("exec", container, "nginx", "-e", "stderr", "-s", "reload", "-c", "/etc/colorway/current/nginx.conf")
    return began


def load_balancer(demo: Demo) -> Path:
    """Return the directory of the load balancer's generations."""
    return user_directory(demo.stack) / "load-balancer"


def current(demo: Demo) -> str:
    """Return what the symlink of the load balancer points at."""
    return str((load_balancer(demo) / "current").readlink())


def main() -> None:
    """Measure the demo in a clone, its load balancer's text alone, and the demo on hosts of a lab; print the table."""
    figures = Figures()
    with tempfile.TemporaryDirectory() as folder, free_place() as place:
        clone = Clone.make(Path(folder) / "clone", place=place)
        figures.add("from images to a running platform", [seconds(clone.up)])
        try:
            measure(clone, figures.add)
        finally:
            clone.down()
        bench_throughput.add_all(Path(folder) / "stage", clone, figures)
        measure_hosts(Path(folder) / "lab", figures)
    print("\n".join(figures.rows))


def measure_hosts(folder: Path, figures: Figures) -> None:
    """Measure the demo on hosts of its own, each figure a row."""
    if os.geteuid() != 0:
        figures.say("four hosts: not measured, because only root can make a lab")
        return
    with labs.bare(folder, hosts=labs.FOUR) as clone:
        bench_lab.measure(clone, figures)


def measure(clone: Clone, row: Callable[..., None]) -> None:
    """Measure a platform that is up, each figure a row."""

    row("preview of production", [seconds(lambda: clone.run("preview", "production")) for _ in range(RUNS)])
    row("preview, no change", [seconds(lambda: clone.run("preview", clone.stack)) for _ in range(RUNS)])
    row("up, no change", [seconds(clone.up) for _ in range(RUNS)])
    demo = Demo(clone=clone)
    below = [switched_by_up(clone, blue)[1] for blue in (90, 50, 90, 50, 90)]
    row("up with a switch below 100", below)
    clone.traffic(100)
    clone.up()
    whole: list[float] = []
    ours: list[float] = []
    bare: list[float] = []
    generations = {}
    with Load(target=demo.target, plan=LoadPlan(rate_total=200, fresh_per_second=120, returning_per_second=20)) as load:
        starts: list[tuple[str, str, float, list[float]]] = []
        for number in range(RUNS):
            for blue, old in ((0, "blue"), (100, "green")):
                label = f"up {number} to {blue}"
                load.mark(label, settled_after=0.0)
                began, took = switched_by_up(clone, blue)
                whole.append(took)
                starts.append((label, old, began, ours))
                generations[blue] = current(demo)
            for blue, old in ((0, "blue"), (100, "green")):
                label = f"by hand {number} to {blue}"
                load.mark(label, settled_after=0.0)
                starts.append((label, old, switched_by_hand(demo, generations[blue]), bare))
                settle = f"after hand {number} to {blue}"
                load.mark(settle, settled_after=0.0)
                load.wait_for(lambda report, settle=settle: len(list(report.rows(settle))) >= 600, timeout=60)
        report = load.stop()
    ats = {mark.label: mark.at for mark in report.marks}
    for label, old, began, values in starts:
        stages = [label, label.replace("by hand", "after hand")] if label.startswith("by hand") else [label]
        answered = {name: report.old_color_until(old, name) for name in stages}
        last = max((ats[name] + after for name, after in answered.items() if after), default=began)
        values.append(max(0.0, last - began))
    print(report.summary())
    assert report.problems(least_rate=1) == [], "the benchmark lost requests"
    row("up at 100 (workers change over)", whole)
    row("apply to last old answer, new connections", ours)
    row("the same with a bare rename and reload", bare)
    ratios = [one / other for one, other in zip(ours, bare, strict=True) if other > 0]
    row("ratio of the two, pair by pair", ratios, unit="")


if __name__ == "__main__":
    main()
