"""Records docs/demo.svg: a real `up` and a real change of one line, as a terminal whose lines appear one by one."""

from __future__ import annotations

import html
import subprocess
import tempfile
import time
from pathlib import Path

from tests.support.clone import ROOT, Clone

WIDTH, LINE, TOP, SIDE = 900, 19, 46, 18
SHOWN = 30
"""Lines that the terminal is high."""
LONGEST_PAUSE = 0.7
"""Seconds; waiting is shortened, the order and the words are real."""
REST = 6.0
"""Seconds that the last screen stays."""
SPACE, HARD_SPACE = " ", "&#160;"
"""Several spaces in a row are one to some viewers."""
COLORS = {"$": "#7ee787", "  +": "#7ee787", "  ~": "#e3b341", "wrong": "#ff7b72", "open": "#79c0ff"}


def captured(clone: Clone, *arguments: str) -> list[tuple[float, str]]:
    """Run a command and return its lines, each with the seconds since the one before."""
    began = time.monotonic()
    lines = [(LONGEST_PAUSE, f"$ colorway {' '.join(arguments)}")]
    process = clone.start(*arguments)
    assert process.stdout is not None
    for line in process.stdout:
        now = time.monotonic()
        lines.append((min(LONGEST_PAUSE, now - began), line.rstrip()))
        began = now
    assert process.wait() == 0, f"colorway {' '.join(arguments)} failed; nothing is recorded"
    return [*lines, (LONGEST_PAUSE, "")]


def shell(clone: Clone, said: str, *argv: str) -> list[tuple[float, str]]:
    """Run another command in the clone and return its lines."""
    run = subprocess.run(argv, cwd=clone.path, capture_output=True, check=True, text=True)
    return [(LONGEST_PAUSE, f"$ {said}"), *((0.05, line) for line in run.stdout.splitlines()), (LONGEST_PAUSE, "")]


def svg(lines: list[tuple[float, str]]) -> str:
    """Return the picture: every line fades in at its time, and the whole scrolls up when the screen is full."""
    at, drawn, steps = 0.5, [], []
    for number, (pause, text) in enumerate(lines):
        at += pause
        color = next((color for start, color in COLORS.items() if text.startswith(start)), "#c9d1d9")
        drawn.append(
            f'<text y="{TOP + number * LINE}" fill="{color}" class="l" style="animation-delay:{at:.2f}s">'
            f"{html.escape(text[:104]).replace(SPACE, HARD_SPACE)}</text>"
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
        ".l{opacity:0;animation:s .01s linear forwards}@keyframes s{to{opacity:1}}"
        f".r{{animation:r {total:.2f}s step-end forwards}}@keyframes r{{0%{{transform:none}}{frames}"
        f"to{{transform:translateY(-{last}px)}}}}</style>"
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
            lines = captured(clone, "up", "local")
            clone.traffic(90)
            lines += shell(clone, "git show --unified=0", "git", "show", "--unified=0", "--format=%s")
            lines += captured(clone, "preview", "local")
            lines += captured(clone, "up", "local")
        finally:
            clone.down()
    (ROOT / "docs" / "demo.svg").write_text(svg(lines))


if __name__ == "__main__":
    main()
