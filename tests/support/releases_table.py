"""Writes the tables of docs/verdict.md: `nice python -m tests.support.releases_table DIRECTORY`.

That takes half an hour on two cores. What is done is kept in the directory, so that a run that was cut short goes on.
"""

from __future__ import annotations

import hashlib
import pickle
import re
import statistics
import sys
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import product, repeat
from pathlib import Path

from tests.support.releases import KINDS, LEVELS, SICK, End, run
from tests.support.releases_world import BASE_ERRORS, Kind

PAGE = Path(__file__).resolve().parents[2] / "docs/verdict.md"
RATIOS = (0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0)
"""Error ratios that are tried for the smallest that is caught."""
TRIES, NEEDED = 20, 19
ABORTED = "rolled back on evidence"
CAUGHT = ("not promoted", ABORTED)
PLACES = {"all services": "everywhere", SICK: "in one service of five"}
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
        return 10
    return 40 if kind.good else 20


def cell(kind: Kind, rate: float) -> Cell:
    """Run the releases of one cell; the same ones each time."""
    ends = [_end(kind, rate, number) for number in range(releases(kind, rate))]
    seconds = [end.seconds - kind.begins for end in ends]
    return Cell(ends=Counter(end.outcome for end in ends), median=statistics.median(seconds), slowest=max(seconds))


def outcomes(cells: Mapping[tuple[str, int], Cell]) -> str:
    """Return the table of all kinds and levels."""
    head = [["releases", *(f"{rate} / s" for rate in LEVELS)]]
    return _table(head + [[kind.name, *(str(cells[kind.name, rate]) for rate in LEVELS)] for kind in KINDS])


def slowest(cells: Mapping[tuple[str, int], Cell]) -> str:
    """Return the table of the slowest decisions on loud failures."""
    head = [["slowest decision after the first failure", *(f"{rate} / s" for rate in LEVELS)]]
    return _table(head + [[name, *(_time(cells[name, rate].slowest) for rate in LEVELS)] for name in LOUD])


def smallest(found: Mapping[tuple[str, str, int], str]) -> str:
    """Return the table of the smallest error ratios that are caught."""
    rows = [["smallest error ratio that is", *(f"{rate} / s" for rate in LEVELS)]]
    for what, where in product(CAUGHT, PLACES):
        rows.append([f"{what}, {PLACES[where]}", *(found[what, where, rate] for rate in LEVELS)])
    return _table(rows)


def main(directory: Path) -> None:
    """Run all releases and write the tables between their marks."""
    cells = list(product([kind.name for kind in KINDS], LEVELS))
    ratios = list(product(CAUGHT, PLACES, LEVELS))
    with ProcessPoolExecutor() as pool:
        done = dict(zip(cells + ratios, pool.map(_kept, repeat(directory), cells + ratios), strict=True))
    text = PAGE.read_text()
    for name, table in {"outcomes": outcomes(done), "slowest": slowest(done), "smallest": smallest(done)}.items():
        text = re.sub(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", rf"\g<1>{table}\g<2>", text, flags=re.DOTALL)
    PAGE.write_text(text)


def _kept(directory: Path, asked: tuple[str, int] | tuple[str, str, int]) -> Cell | str:
    """Return a result that is kept in the directory, or work it out and keep it."""
    path = directory / hashlib.sha256(repr(asked).encode()).hexdigest()
    if path.exists():
        return pickle.loads(path.read_bytes())
    result = _smallest(*asked) if len(asked) == 3 else cell(kind_named(asked[0]), asked[1])
    path.write_bytes(pickle.dumps(result))
    return result


def kind_named(name: str) -> Kind:
    """Return the kind of that name."""
    return next(kind for kind in KINDS if kind.name == name)


def _end(kind: Kind, rate: float, number: int) -> End:
    return run(kind, rate=rate, seed=f"{kind.name} {rate} {number}")


def _smallest(what: str, where: str, rate: float) -> str:
    """Return the smallest ratio of which 95 % end so, by bisection: what catches less catches more."""
    low, high = -1, len(RATIOS)
    while high - low > 1:
        middle = (low + high) // 2
        ends = Counter(_end(_failing(RATIOS[middle], where), rate, number).outcome for number in range(TRIES))
        caught = ends["aborted"] if what == ABORTED else TRIES - ends["promoted"]
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
    main(Path(sys.argv[1]))
