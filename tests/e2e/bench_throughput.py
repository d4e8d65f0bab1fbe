"""`python -m tests.e2e.bench_throughput`: what the load balancer's text costs, beside nginx with next to none.

The text is the one of the demo platform at 50:50, brought to life by Colorway's own scripts. The proxies stand before
the same two targets, end TLS, have a processor of their own and take turns, in the reverse order every second round.
What carries over to other machines is the ratio of one round. A proxy that `COLORWAY_KAMAL_PROXY` names, a binary of
kamal-proxy, takes its turns, too.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from colorway.machine import daemon
from colorway.machine.progress import silent
from tests.support.clone import Clone
from tests.support.figures import Figures
from tests.support.places import free_place
from tests.support.throughput.stage import Round, stage

ANSWERS = {"35 bytes": 35, "10 KB": 10_240}
"""Sizes of an answer's body: the least one shows what a request costs, the other is a page or a list from an API."""
ROUNDS = 6
"""Even, so that nobody is first more often."""
SECONDS = 8
"""That each proxy is under load in each round."""
KAMAL = "COLORWAY_KAMAL_PROXY"
BESIDE = {"bare": "bare nginx", "bare-logs": "bare nginx with its log", "kamal-proxy": "kamal-proxy"}
"""What Colorway's load balancer is measured beside, and how the table calls it."""

Turns = dict[str, list[Round]]


def measure(folder: Path, clone: Clone, *, answer: int, rounds: int = ROUNDS, seconds: int = SECONDS) -> Turns:
    """Let the proxies take turns; return what each did in each round.

    Args:
        folder: For the stage's files.
        clone: Of the project.
        answer: Bytes of each answer's body.
        rounds: How often each has its turn.
        seconds: That each is under load in a turn.

    Raises:
        AssertionError: a request was not answered with success, or a color was asked less than its share.
    """
    kamal = os.environ.get(KAMAL)
    with stage(folder, clone, answer=answer) as made:
        proxies = [made.colorway(), made.bare(logs=False), made.bare(logs=True)]
        if kamal:
            proxies.append(made.kamal(Path(kamal)))
        for proxy in proxies:
            made.warm_up(proxy)
        turns: Turns = {proxy.name: [] for proxy in proxies}
        for number in range(rounds):
            for proxy in proxies if number % 2 == 0 else reversed(proxies):
                turns[proxy.name].append(made.load(proxy, seconds=seconds))
            print(f"round {number + 1}: {last_round(turns)}", file=sys.stderr, flush=True)
    return turns


def last_round(turns: Turns) -> str:
    """Say what each proxy did in the last round."""
    return ", ".join(f"{name} {done[-1].rate:,.0f}/s, {done[-1].processor:.0f} µs each" for name, done in turns.items())


def add_all(folder: Path, clone: Clone, figures: Figures, *, rounds: int = ROUNDS, seconds: int = SECONDS) -> None:
    """Measure with answers of each size, and add the ratios to a table."""
    for size, answer in ANSWERS.items():
        figures.say(f"answers of {size}:")
        add_figures(measure(folder / str(answer), clone, answer=answer, rounds=rounds, seconds=seconds), figures)


def add_figures(turns: Turns, figures: Figures) -> None:
    """Add the ratios, round by round, to a table."""
    ours = turns["colorway"]
    for name, what in (
        ("bare", "bare nginx"),
        ("bare-logs", "bare nginx with its log"),
        ("kamal-proxy", "kamal-proxy"),
    ):
        others = turns.get(name, [])
        if not others:
            figures.say(f"requests/s to {what}: not measured, {KAMAL} names no binary of it")
            continue
        pairs = list(zip(ours, others, strict=True))
        figures.add(f"requests/s to {what}", [one.rate / other.rate for one, other in pairs], unit="")
        figures.add(
            "  the same per second of its processor", [other.processor / one.processor for one, other in pairs], unit=""
        )
        figures.add("  time of an answer, p50", [one.p50 / other.p50 for one, other in pairs], unit="")
        figures.add("  time of an answer, p99", [one.p99 / other.p99 for one, other in pairs], unit="")


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of load for each proxy in each round")
    chosen = parser.parse_args()
    daemon.ensure_docker(silent)
    figures = Figures()
    with tempfile.TemporaryDirectory() as folder, free_place() as place:
        clone = Clone.make(Path(folder) / "clone", place=place)
        add_all(Path(folder) / "stage", clone, figures, rounds=chosen.rounds, seconds=chosen.seconds)
    print("\n".join(figures.rows))


if __name__ == "__main__":
    main()
