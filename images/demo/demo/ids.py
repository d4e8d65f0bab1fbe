"""Ids that clients give to what they send."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 200
RIGHT: Final = f'JSON like {{"id": "a-1"}}, printable, {LONGEST} characters at most'


def id_in(content: object) -> str | None:
    """Return the field `id` of a decoded JSON object, or None where it is no printable text of 1 to 200 characters."""
    given = content.get("id") if isinstance(content, dict) else None
    return given if isinstance(given, str) and given.isprintable() and 1 <= len(given) <= LONGEST else None
