"""Writes the tables of docs/verdict.md: `nice python -m tests.support.releases_table` (a quarter of an hour)."""

from __future__ import annotations

import re
import statistics
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from tests.support.releases import KINDS, LEVELS, SICK, End, run
from tests.support.releases_world import BASE_ERRORS, Kind

PAGE = Path(__file__).resolve().parents[2] / "docs/verdict.md"
RATIOS = (0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0)
"""Error ratios that are tried for the smallest that is caught."""
TRIES, NEEDED = 40, 38
LOUD = (
    "20 % errors",
    "20 % errors from minute 5 on",
    "dead, answered by the other color",
    "dies in minute 5, answered by the other color",
    "hangs, clients give up",
)
"""Kinds whose end must come within a minute wherever there is traffic."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """The releases of one kind at one level."""

    ends: Counter[str]
    median: float
    """Seconds from the release's turning bad, or its beginning, to its end."""
    slowest: float

    def __str__(self) -> str:
        counts = ", ".join(f"{outcome} {number}" for outcome, number in self.ends.most_common())
        return counts if set(self.ends) == {"held"} else f"{counts}; {_time(self.median)}"


def releases(kind: Kind, rate: float) -> int:
    """Return how many releases of a kind are run: fewer where few requests make all of them end alike, in the hold."""
    if rate < LEVELS[2]:
        return 20
    return 60 if kind.good else 40


def cell(kind: Kind, rate: float) -> Cell:
    """Run the releases of one cell; the same ones each time."""
    ends = [_end(kind, rate, number) for number in range(releases(kind, rate))]
    seconds = [end.seconds - kind.begins for end in ends]
    return Cell(ends=Counter(end.outcome for end in ends), median=statistics.median(seconds), slowest=max(seconds))


def outcomes(cells: dict[tuple[str, int], Cell]) -> str:
    """Return the table of all kinds and levels."""
    head = [["releases", *(f"{rate} / s" for rate in LEVELS)]]
    return _table(head + [[kind.name, *(str(cells[kind.name, rate]) for rate in LEVELS)] for kind in KINDS])


def slowest(cells: dict[tuple[str, int], Cell]) -> str:
    """Return the table of the slowest decisions on loud failures."""
    head = [["slowest decision after the first failure", *(f"{rate} / s" for rate in LEVELS)]]
    return _table(head + [[name, *(_time(cells[name, rate].slowest) for rate in LEVELS)] for name in LOUD])


def smallest() -> str:
    """Return the table of the smallest error ratios that are caught."""
    rows = [["smallest error ratio that is", *(f"{rate} / s" for rate in LEVELS)]]
    asked = list(product(("not promoted", "rolled back on evidence"), ("all services", SICK), LEVELS))
    with ProcessPoolExecutor() as pool:
        found = dict(zip(asked, pool.map(_smallest, *zip(*asked, strict=True)), strict=True))
    for what, where in product(("not promoted", "rolled back on evidence"), ("all services", SICK)):
        place = "everywhere" if where == "all services" else "in one service of five"
        rows.append([f"{what}, {place}", *(found[what, where, rate] for rate in LEVELS)])
    return _table(rows)


def main() -> None:
    """Run all releases and write the tables between their marks."""
    keys = list(product(range(len(KINDS)), LEVELS))
    with ProcessPoolExecutor() as pool:
        results = pool.map(_numbered_cell, *zip(*keys, strict=True))
        cells = {(KINDS[number].name, rate): one for (number, rate), one in zip(keys, results, strict=True)}
    text = PAGE.read_text()
    for name, table in {"outcomes": outcomes(cells), "slowest": slowest(cells), "smallest": smallest()}.items():
        text = re.sub(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", rf"\g<1>{table}\g<2>", text, flags=re.DOTALL)
    PAGE.write_text(text)


def _numbered_cell(number: int, rate: int) -> Cell:
    return cell(KINDS[number], rate)


def _end(kind: Kind, rate: float, number: int) -> End:
    return run(kind, rate=rate, seed=f"{kind.name} {rate} {number}")


def _smallest(what: str, where: str, rate: float) -> str:
    """Return the smallest ratio of which 95 % end so, by bisection: what catches less catches more."""
    low, high = -1, len(RATIOS)
    while high - low > 1:
        middle = (low + high) // 2
        ends = Counter(_end(_failing(RATIOS[middle], where), rate, number).outcome for number in range(TRIES))
        caught = ends["aborted"] if what == "rolled back on evidence" else TRIES - ends["promoted"]
        low, high = (low, middle) if caught >= NEEDED else (middle, high)
    return f"{100 * RATIOS[high]:g} %" if high < len(RATIOS) else "none"


def _failing(ratio: float, where: str) -> Kind:
    def errors(_at: float, service: str) -> float:
        return ratio if where in ("all services", service) else BASE_ERRORS

    return replace(KINDS[0], name=f"{ratio} {where}", good=False, errors=errors)


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _table(rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "| --- |" + " --- |" * (len(rows[0]) - 1), *lines[1:]])


if __name__ == "__main__":
    sys.exit(main())
