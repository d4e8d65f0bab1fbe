"""Bars for a page of the documentation, as SVG that is read on a light and on a dark page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, LABEL, BAR = 720, 190, 24
"""Pixels: of the picture, of the labels' column, of a bar with the space below it."""
_TOP = 36
_INK = "#767676"
"""A gray that both white and black leave readable."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar."""

    label: str
    value: float
    is_ours: bool = False


def plot(title: str, bars: Sequence[Bar], *, unit: str = "") -> str:
    """Return horizontal bars from zero on, each with its value behind it.

    Args:
        title: What is shown.
        bars: From top to bottom.
        unit: Written behind each value.
    """
    most = max((bar.value for bar in bars), default=0.0) or 1.0
    room = WIDTH - LABEL - 110
    lines = [f'<text x="0" y="18" font-weight="bold">{escape(title)}</text>']
    for number, bar in enumerate(bars):
        y = _TOP + number * BAR
        length = max(1.0, room * bar.value / most)
        color = "#2a7de1" if bar.is_ours else "#a0a0a0"
        value = f"{bar.value:,.0f}" if bar.value >= 10 or bar.value == 0 else f"{bar.value:.2g}"
        lines += [
            f'<text x="{LABEL - 8}" y="{y + 13}" text-anchor="end">{escape(bar.label)}</text>',
            f'<rect x="{LABEL}" y="{y}" width="{length:.0f}" height="{BAR - 7}" fill="{color}"/>',
            f'<text x="{LABEL + length + 6:.0f}" y="{y + 13}">{value}{escape(unit)}</text>',
        ]
    height = _TOP + len(bars) * BAR
    style = f'font-family="sans-serif" font-size="13" fill="{_INK}"'
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>', *lines, "</svg>", ""])
