"""The table of a benchmark."""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass, field


@dataclass
class Figures:
    """The table; it is printed last, whole, below whatever else a run had to say."""

    rows: list[str] = field(default_factory=list)

    def add(self, what: str, values: list[float], unit: str = "s") -> None:
        """Add a row, and say that it is done."""
        middle, low, high = statistics.median(values), min(values), max(values)
        self.rows.append(
            f"{what:<44} median {middle:6.2f} {unit:<2} min {low:6.2f}   max {high:6.2f}   of {len(values)}"
        )
        print(f"measured: {what}", file=sys.stderr)

    def say(self, what: str) -> None:
        """Add a row without figures."""
        self.rows.append(what)
