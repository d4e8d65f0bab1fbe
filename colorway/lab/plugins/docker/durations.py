"""Durations as Go writes them: `1m15s`, `500ms`, `0s`."""

from __future__ import annotations

import re
from typing import Final

from colorway.lab.plugins.values import Value

NANOSECONDS: Final = 1_000_000_000
_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": NANOSECONDS,
    "m": 60 * NANOSECONDS,
    "h": 3600 * NANOSECONDS,
}
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_WHOLE: Final = re.compile(rf"(?:{_PART.pattern})+|0")


def nanoseconds(text: str) -> int:
    """The length of a duration; 0 for text that is none, as the official provider takes it."""
    if not _WHOLE.fullmatch(text):
        return 0
    return sum(round(float(number) * _UNITS[unit]) for number, unit in _PART.findall(text))


def seconds(text: str) -> float:
    """The length of a duration in seconds."""
    return nanoseconds(text) / NANOSECONDS


def full(length: int) -> str:
    """The text of a length in nanoseconds as Go prints it: 60 s is `1m0s`."""
    if length < NANOSECONDS:
        for unit in ("ms", "µs", "ns"):
            if length >= _UNITS[unit]:
                return f"{_decimal(length, _UNITS[unit])}{unit}"
        return "0s"
    minutes, rest = divmod(length, _UNITS["m"])
    hours, minutes = divmod(minutes, 60)
    seconds_text = f"{_decimal(rest, NANOSECONDS)}s"
    if hours:
        return f"{hours}h{minutes}m{seconds_text}"
    return f"{minutes}m{seconds_text}" if minutes else seconds_text


def short(length: int) -> str:
    """The shortest text of a length in nanoseconds: 60 s is `1m`, 0 is `0s`."""
    text = full(length)
    text = text.removesuffix("0s") if text.endswith("m0s") else text
    return text.removesuffix("0m") if text.endswith("h0m") else text


def _decimal(length: int, unit: int) -> str:
    whole, rest = divmod(length, unit)
    digits = f"{rest:0{len(str(unit)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)


def duration(value: Value) -> str | None:
    """A check for a duration as text."""
    right = isinstance(value, str) and _WHOLE.fullmatch(value) is not None
    return None if right else "must be a duration such as 500ms, 10s or 1m30s"
