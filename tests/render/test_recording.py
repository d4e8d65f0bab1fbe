"""The recording in the README, as whoever sees it without animation sees it."""

from __future__ import annotations

import html
import re

from tests.e2e.record import COLUMNS, LINE, SHOWN, TOP, svg
from tests.support.specs import ROOT

PICTURE = (ROOT / "docs" / "demo.svg").read_text(encoding="utf-8")
LONG = "plugins: offline, because " + "a reason that is longer than the terminal is wide " * 4
RULES, _, _ = PICTURE.partition("@media")


def texts(picture: str) -> list[str]:
    return [html.unescape(text).replace("\xa0", " ") for text in re.findall(r"<text [^>]*>([^<]*)</text>", picture)]


def test_without_animation_the_last_screen_is_shown():
    lines = texts(PICTURE)
    [up] = re.findall(r"\.r\{transform:translateY\(-(\d+)px\)\}", RULES)
    assert int(up) == (len(lines) - SHOWN) * LINE, "print and reduced motion show the end, not an empty box"
    assert "opacity:0}" not in RULES.replace("@keyframes s{from{opacity:0}}", ""), "no line is hidden by itself"
    assert re.search(r"@media screen and \(prefers-reduced-motion:no-preference\)\{\.l\{animation", PICTURE)


def test_the_first_line_is_there_from_the_beginning_and_is_what_the_title_says():
    assert texts(PICTURE)[0] == "$ make up"
    assert f'<text y="{TOP}" fill="#7ee787" class="l" style="animation-delay:0.00s">' in PICTURE


def test_no_line_runs_off_the_edge_and_none_loses_its_end():
    picture = svg([(0.1, "$ make up"), (0.1, LONG)])
    shown = texts(picture)
    assert max(map(len, shown + texts(PICTURE))) <= COLUMNS + 2
    assert " ".join(" ".join(shown[1:]).split()) == " ".join(LONG.split()), "what does not fit goes on in the next line"
