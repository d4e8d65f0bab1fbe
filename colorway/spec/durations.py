"""Lengths of time in Go's notation, which Docker, nginx and Prometheus share."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

LONGEST = timedelta(days=3650)
"""Longer is a slip of the finger; Docker counts nanoseconds in 64 bits, which overflow after 292 years."""
_DURATION = re.compile(r"(?=\d)(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)(?:\.(\d{1,3}))?s)?(?:(\d+)ms)?", re.ASCII)


def parse_duration(value: object) -> timedelta:
    """Read a duration in Go's notation, such as `500ms`, `1.5s`, `30s` or `1m30s`.

    Raises:
        ValueError: the value is anything else; a bare number has no unit.
    """
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise ValueError("is no duration; write a number with its unit, for example 30s, 1m30s or 500ms")
    hours, minutes, seconds, fraction, millis = match.groups()
    try:
        total = timedelta(
            hours=int(hours or 0),
            minutes=int(minutes or 0),
            seconds=int(seconds or 0),
            milliseconds=int(millis or 0) + int((fraction or "").ljust(3, "0")),
        )
    except (OverflowError, ValueError):
        total = timedelta.max
    if total > LONGEST:
        raise ValueError("is longer than ten years; write for example 1h")
    return total


def go_duration(value: timedelta) -> str:
    """Return the short Go form, `1m30s` for `90s` and `1m` for `60s`: the docker plugin reads back exactly that."""
    millis = round(value / timedelta(milliseconds=1))
    if millis < 1000:  # noqa: PLR2004 - a second
        return f"{millis}ms" if millis else "0s"
    minutes, millis = divmod(millis, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{millis / 1000:g}s"
    text = f"{minutes}m{seconds}" if minutes or hours else seconds
    text = f"{hours}h{text}" if hours else text
    for zero in ("m0s", "h0m"):
        text = text[:-2] if text.endswith(zero) else text
    return text


def whole_seconds(value: timedelta) -> int:
    """Return a duration in seconds, rounded up."""
    return math.ceil(value.total_seconds())


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ValueError("must be longer than nothing, for example 30s")
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(go_duration, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(\d+h)?(\d+m)?(\d+(\.\d{1,3})?s)?(\d+ms)?$",
            "minLength": 2,
            "examples": ["30s"],
        }
    ),
]
"""Length of time; Go notation in YAML."""
PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
"""Length of time above zero."""
