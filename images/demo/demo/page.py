"""The page as text: one template, no script, nothing loaded from elsewhere."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Final

from demo.settings import Identity

TEMPLATE: Final = Template((Path(__file__).parent / "page.html").read_text(encoding="utf-8"))
KNOWN_COLORS: Final = frozenset({"blue", "green"})


def _tone(color: str) -> str:
    """Return the style of a color; what is neither blue nor green is gray."""
    return color if color in KNOWN_COLORS else "gray"


def render_page(identity: Identity, *, api: Mapping[str, object] | None, visits: int | None) -> str:
    """Return the page; without an answer of the API it says so in the API's place."""
    api_color = str(api["color"]) if api else ""
    if api is None:
        verdict = "The API did not answer, so this visit was not counted."
    elif api_color == identity.color:
        verdict = f"One color served all of it: {identity.color}."
    else:
        verdict = f"Two colors had a part in it: {identity.color} and {api_color}."
    values = {
        "tone": _tone(identity.color),
        "api_tone": _tone(api_color),
        "color": identity.color,
        "version": identity.version,
        "host": identity.host,
        "visits": "?" if visits is None else f"{visits:,}",
        "api_color": api_color or "no answer",
        "api_place": f"{api['version']} on {api['host']}" if api else "it may be back in a moment",
        "verdict": verdict,
    }
    return TEMPLATE.substitute({name: html.escape(value) for name, value in values.items()})
