"""Compose's names, amounts, durations and lists of words, as the platform file writes them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from colorway.config.compose.said import Remarks, Said
from colorway.config.compose.variables import without_unset
from colorway.spec.fields import SMALLEST_MEMORY, go_duration, memory_text, parse_duration

_BYTES = re.compile(r"(\d+(?:\.\d+)?)\s*([bkmgt]?)i?b?", re.IGNORECASE)
LABEL_ROOM = 40
"""Characters that a label has, so that a stack and a color fit beside it."""
_POWERS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def label(name: str) -> str:
    """Return a name as the platform file takes one: a DNS label that begins with a letter."""
    plain = re.sub(r"[^a-z0-9]+", "-", without_unset(name).lower()).strip("-")
    return (plain if plain[:1].isalpha() else f"s-{plain}".rstrip("-"))[:LABEL_ROOM].rstrip("-")


def bytes_of(text: str) -> int | None:
    """Return an amount of memory in bytes as Docker reads it; None where it is none."""
    match = _BYTES.fullmatch(text.strip())
    return None if match is None else int(float(match[1]) * 1024 ** _POWERS[match[2].lower()])


def memory_of(text: str, *, least: int = SMALLEST_MEMORY) -> str | None:
    """Return an amount of memory as the platform file has it, at least what Docker takes."""
    found = bytes_of(text)
    return None if not found else memory_text(max(found, least))


def duration_of(text: str) -> timedelta | None:
    """Return a length of time; None where it is none, or below a millisecond."""
    try:
        return parse_duration(text)
    except ValueError:
        return None


def duration_text(text: str) -> str | None:
    """Return a length of time above zero as the platform file has it."""
    found = duration_of(text)
    return go_duration(found) if found else None


def pause_text(text: str) -> str | None:
    """Return a length of time as the platform file has it, which may be none at all."""
    found = duration_of(text)
    return None if found is None else go_duration(found)


def number_of(text: str) -> int | None:
    """Return a whole number; None where it is none."""
    return int(text) if re.fullmatch(r"\d{1,9}", text) else None


def cores_of(text: str) -> float | None:
    """Return a number of processor cores; None where it is none, or none that a task can have."""
    try:
        found = float(text)
    except ValueError:
        return None
    return round(max(found, 0.01), 2) if 0 < found <= 512 else None  # noqa: PLR2004 - as the platform file has it


def words_of(said: Said) -> list[str]:
    """Return a command: a list as it is, one text as a shell would split it, without what nothing sets."""
    if isinstance(said.value, list):
        return [without_unset(one.text or "") for one in said.items]
    text = without_unset(said.text or "")
    try:
        return shlex.split(text)
    except ValueError:
        return ["/bin/sh", "-c", text]


Reading = tuple[str, tuple[str, ...], Callable[[str], Any]]
"""A key of the platform file, where Compose says it, and how it is read."""


def read_each(said: Said, readings: Sequence[Reading], *, path: str, remarks: Remarks) -> dict[str, Any]:
    """Return what several keys say; one that cannot be read is remarked, and stays as it is by default."""
    found: dict[str, Any] = {}
    for key, where, reading in readings:
        text = said.text_at(*where)
        if text is None:
            continue
        value = reading(text)
        if value is not None:
            found[key] = value
            continue
        place = (said.at(*where) or said).place
        reason = "is nothing that can be read here"
        remarks.add(place, ".".join([path, *where]), reason, f"write {key} into the platform file, if it is needed")
    return found
