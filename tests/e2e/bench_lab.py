"""`python -m tests.e2e.bench_lab`: what a switch costs on hosts of their own, beside Swarm's own ways to do it.

Four bare hosts of a lab, the demo on two load balancers. Beside it nginx as stack files have it, before the same
services, its text changed by `docker service update` and by `docker stack deploy`; see tests/support/usual.py. They
take turns under the same load, so what carries over to other machines is what was lost, and the ratio of the times.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from colorway.config import stack_files
from colorway.lab.lab import Lab
from colorway.machine import daemon
from colorway.machine.progress import silent
from tests.support.clone import Clone
from tests.support.figures import Figures
from tests.support.labs import FOUR, GENTLE, aimed, bare, lab
from tests.support.load import Load, Report, Target
from tests.support.plot import Bar, plot
from tests.support.usual import PORT, Usual

RUNS = 3
"""Of each, there and back."""
SETTLED = 100
"""Answers of the new color after which a switch counts as over."""
PLAN = replace(GENTLE, rate_total=60, fresh_per_second=30, posts_per_second=0, download_seconds=None)
OURS = "colorway up"
OTHER = {"blue": "green", "green": "blue"}


@dataclass(kw_only=True)
class Way:
    """One way to switch, and what its switches cost."""

    name: str
    target: Target
    switch: Callable[[str], None]
    """Sends all to a color, and returns when the tool says that it is so."""
    took: list[float] = field(default_factory=list)
    """Seconds until the tool said so."""
    overlap: list[float] = field(default_factory=list)
    """Seconds from the first answer of the new color to the last one of the old, on new connections."""
    lost: int = 0
    requests: int = 0

    def there_and_back(self) -> None:
        """Switch to green and to blue again, under load."""
        with Load(target=self.target, plan=PLAN) as load:
            load.wait_for(lambda report: _answers(report, "blue", "start") >= SETTLED, timeout=120)
            for color in ("green", "blue"):
                load.mark(color, settled_after=0.0)
                began = time.monotonic()
                self.switch(color)
                self.took.append(time.monotonic() - began)
                load.wait_for(lambda report, color=color: _answers(report, color, color) >= SETTLED, timeout=300)
            report = load.stop()
        for mark in report.marks[1:]:
            first = min(row.started for row in report.rows(mark.label) if _color(report, row.color) == mark.label)
            last = mark.at + report.old_color_until(OTHER[mark.label], mark.label)
            self.overlap.append(max(0.0, last - first))
        self.lost += sum(report.failed.values())
        self.requests += sum(report.requests.values())
        print(f"{self.name}: {report.summary()}", file=sys.stderr, flush=True)


def _answers(report: Report, color: str, mark: str) -> int:
    return sum(_color(report, row.color) == color for row in report.rows(mark))


def _color(report: Report, number: int) -> str:
    return report.snapshot.colors[number]


def measure(clone: Clone, figures: Figures, *, runs: int = RUNS) -> list[Way]:
    """Bring the demo up on bare hosts, and let the ways take turns.

    Args:
        clone: A checkout with a stack of hosts.
        figures: The table to fill.
        runs: How often each way switches there and back.
    """
    clone.edit(
        clone.place.file,
        r"^(  colorway:network: .*)$",
        rf"\1\n  colorway:bootstrap: {{open: [{PORT}]}}",
        subject="Let in what stands beside the platform",
    )
    lab(clone, "up")
    figures.add("four hosts: from bare to a running platform", [_seconds(clone.up)])
    figures.add("four hosts: preview", [_seconds(lambda: clone.run("preview", clone.stack)) for _ in range(runs)])
    figures.add("four hosts: up, no change", [_seconds(clone.up) for _ in range(runs)])
    spec = stack_files.from_file(root=clone.path, stack=clone.stack)
    made = Lab(spec=spec, root=clone.path)
    image = made.host("lb1").run("docker image ls --format '{{.Repository}}:{{.Tag}}' colorway/nginx").split()[0]
    usual = Usual(stack=clone.stack, manager=made.host(spec.manager.name), image=image)
    usual.deploy("blue")

    def ours(color: str) -> None:
        # The workers follow, too, which the others leave to somebody else.
        clone.traffic({"blue": 100, "green": 0}[color])
        clone.up()

    on_ours = aimed(clone, 11)
    on_usual = replace(on_ours, port=PORT, tls=False)
    ways = [
        Way(name=OURS, target=on_ours, switch=ours),
        Way(name="docker service update", target=on_usual, switch=lambda to: usual.update(to, before=OTHER[to])),
        Way(name="docker stack deploy", target=on_usual, switch=usual.deploy),
    ]
    for number in range(runs):
        for way in ways if number % 2 == 0 else reversed(ways):
            way.there_and_back()
    usual.remove()
    for way in ways:
        figures.add(f"{way.name}: until it is done", way.took)
        figures.add(f"{way.name}: both colors answer", way.overlap)
        figures.say(f"{way.name}: {way.lost} of {way.requests:,} requests lost in {len(way.took)} switches")
    return ways


def _seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def main() -> None:
    """Measure, print the table, and draw what was lost into the file that is named, if one is."""
    figures = Figures()
    daemon.ensure_docker(silent)
    with tempfile.TemporaryDirectory() as folder, bare(Path(folder) / "clone", hosts=FOUR) as clone:
        ways = measure(clone, figures)
    print("\n".join(figures.rows))
    for name in sys.argv[1:]:
        lost = [Bar(label=way.name, value=1000 * way.lost / way.requests, is_ours=way.name == OURS) for way in ways]
        Path(name).write_text(plot("Requests lost of a thousand", lost), encoding="utf-8")


if __name__ == "__main__":
    main()
