"""Records docs/demo.svg: a real `up` and a real change of one line, as a terminal whose lines appear one by one."""

from __future__ import annotations

import html
import subprocess
import tempfile
import textwrap
import time
from pathlib import Path

from tests.support.clone import ROOT, Clone

WIDTH, LINE, TOP, SIDE = 900, 19, 46, 18
SHOWN = 30
"""Lines that the terminal is high."""
COLUMNS = 100
"""Characters that the terminal is wide; a longer line goes on in the next, as in every terminal."""
LONGEST_PAUSE = 0.7
"""Seconds; waiting is shortened, the order and the words are real."""
REST = 6.0
"""Seconds that the last screen stays."""
SPACE, HARD_SPACE = " ", "&#160;"
"""Several spaces in a row are one to some viewers."""
COLORS = {"$": "#7ee787", "  +": "#7ee787", "  ~": "#e3b341", "wrong": "#ff7b72", "open": "#79c0ff"}

Line = tuple[float, str]
"""Seconds since the line before, and its text."""


def captured(clone: Clone, *arguments: str, typed: str | None = None) -> list[Line]:
    """Run a command and return its lines; `typed` is what a user types for it, where that is something else."""
    began = time.monotonic()
    lines = [(LONGEST_PAUSE, f"$ {typed or 'colorway ' + ' '.join(arguments)}")]
    process = clone.start(*arguments)
    assert process.stdout is not None
    for line in process.stdout:
        now = time.monotonic()
        lines.append((min(LONGEST_PAUSE, now - began), line.rstrip()))
        began = now
    assert process.wait() == 0, f"colorway {' '.join(arguments)} failed; nothing is recorded"
    return [*lines, (LONGEST_PAUSE, "")]


def shell(clone: Clone, said: str, *argv: str) -> list[Line]:
    """Run another command in the clone and return its lines."""
    run = subprocess.run(argv, cwd=clone.path, capture_output=True, check=True, text=True)
    return [(LONGEST_PAUSE, f"$ {said}"), *((0.05, line) for line in run.stdout.splitlines()), (LONGEST_PAUSE, "")]


def wrapped(lines: list[Line]) -> list[Line]:
    """Return the lines as the terminal shows them: none is wider than it is."""
    shown: list[Line] = []
    for pause, text in lines:
        first, *rest = textwrap.wrap(text, COLUMNS, drop_whitespace=False, replace_whitespace=False) or [""]
        shown += [(pause, first), *((0.0, f"  {part.strip()}") for part in rest)]
    return shown


def svg(lines: list[Line]) -> str:
    """Return the picture: every line appears at its time, and the whole scrolls up when the screen is full.

    Without animation (print, reduced motion, a viewer that has none) it is the last screen; the first line
    is there from the beginning, so that it never is an empty box.
    """
    at, drawn, steps = 0.0, [], []
    for number, (pause, text) in enumerate(wrapped(lines)):
        at += pause if number else 0.0
        color = next((color for start, color in COLORS.items() if text.startswith(start)), "#c9d1d9")
        drawn.append(
            f'<text y="{TOP + number * LINE}" fill="{color}" class="l" style="animation-delay:{at:.2f}s">'
            f"{html.escape(text).replace(SPACE, HARD_SPACE)}</text>"
        )
        if number >= SHOWN:
            steps.append((at, (number - SHOWN + 1) * LINE))
    total = at + REST
    frames = "".join(f"{100 * when / total:.3f}%{{transform:translateY(-{up}px)}}" for when, up in steps)
    last = steps[-1][1] if steps else 0
    height = TOP + SHOWN * LINE + 12
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
        "<title>make up, then one line of traffic is changed</title>"
        "<style>text{font:14px ui-monospace,Menlo,Consolas,monospace;white-space:pre}"
        f".r{{transform:translateY(-{last}px)}}"
        "@keyframes s{from{opacity:0}}"
        f"@keyframes r{{0%{{transform:none}}{frames}to{{transform:translateY(-{last}px)}}}}"
        "@media screen and (prefers-reduced-motion:no-preference){"
        f".l{{animation:s .01s linear backwards}}.r{{animation:r {total:.2f}s step-end backwards}}}}</style>"
        f'<rect width="{WIDTH}" height="{height}" rx="10" fill="#0d1117"/>'
        '<circle cx="20" cy="17" r="6" fill="#ff5f57"/><circle cx="40" cy="17" r="6" fill="#febc2e"/>'
        '<circle cx="60" cy="17" r="6" fill="#28c840"/>'
        f'<svg y="30" width="{WIDTH}" height="{height - 36}" viewBox="0 30 {WIDTH} {height - 36}">'
        f'<g transform="translate({SIDE} 0)"><g class="r">{"".join(drawn)}</g></g></svg></svg>\n'
    )


def main() -> None:
    """Bring the demo up in a clone, change one line, and write docs/demo.svg."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Clone.make(Path(folder) / "clone")
        try:
            lines = captured(clone, "up", "local", typed="make up")
            clone.traffic(90)
            lines += shell(clone, "git show --unified=0", "git", "show", "--unified=0", "--format=%s")
            lines += captured(clone, "preview", "local")
            lines += captured(clone, "up", "local")
        finally:
            clone.down()
    (ROOT / "docs" / "demo.svg").write_text(svg(lines))


if __name__ == "__main__":
    main()
