"""When the jobs of a cron run: five fields, UTC."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from colorway.spec.base import Mistake

if TYPE_CHECKING:
    from colorway.spec.services import ServiceSpec

EXAMPLE = '"*/5 * * * *"'
FIELDS = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("weekday", 0, 7),
)
"""Each field with its least and its greatest value; weekdays from Sunday, which is 0 and 7."""
LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""Days of each month, in the year that has most."""
_ENTRY = re.compile(r"(?:(?P<all>\*)|(?P<first>\d{1,4})(?:-(?P<last>\d{1,4}))?)(?:/(?P<step>\d{1,4}))?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The minutes that a schedule means, each field as all of its values."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    """0 is Sunday."""
    either: bool
    """Whether a day of the month or a weekday is enough: so cron has it where neither field begins with *."""


class Overlap(StrEnum):
    """What becomes of a time that comes while the job of an earlier one runs."""

    FORBID = "forbid"
    """It is left out."""


def parse_schedule(text: str) -> Schedule:
    """Read five fields with lists, ranges and steps, such as `*/5 * * * *` or `0 6-18/2 * * 1-5`.

    Raises:
        ValueError: the text is anything else, or means no minute at all.
    """
    if text.lstrip().startswith("@"):
        raise ValueError('is one of the short names that cron has; write its five fields, for example "0 0 * * *"')
    fields = text.split()
    if len(fields) != len(FIELDS):
        names = ", ".join(name for name, *_ in FIELDS)
        raise ValueError(f"has {len(fields)} fields and not five ({names}); write for example {EXAMPLE}")
    minutes, hours, days, months, weekdays = (
        _values(field, name, least=least, most=most) for field, (name, least, most) in zip(fields, FIELDS, strict=True)
    )
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    if not either and not any(days[0] <= LONGEST_MONTHS[month - 1] for month in months):
        raise ValueError("names days that its months never have, so that it would never run; name another day or month")
    return Schedule(
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=tuple(sorted({day % 7 for day in weekdays})),
        either=either,
    )


def _values(field: str, name: str, *, least: int, most: int) -> tuple[int, ...]:
    return tuple(sorted({value for entry in field.split(",") for value in _entry(entry, name, least=least, most=most)}))


def _entry(entry: str, name: str, *, least: int, most: int) -> range:
    match = _ENTRY.fullmatch(entry)
    if not match:
        known = "names are not known, numbers are: " if re.search("[A-Za-z]", entry) else ""
        cure = f"{known}write a number, a range, * or a list of them, for example {least},{least + 2} or */2"
        raise ValueError(f"has a {name} that cannot be read; {cure}")
    step = int(match["step"] or 1)
    if match["all"]:
        first, last = least, most
    else:
        first, last = int(match["first"]), int(match["last"] or match["first"])
        if match["step"] and not match["last"]:
            cure = f"write for example */2 or {least}-{most}/2"
            raise ValueError(f"has a step in its {name} without a range to go through; {cure}")
    if min(first, last) < least or max(first, last) > most:
        raise ValueError(f"has a {name} out of its range; it must be from {least} to {most}")
    if first > last:
        raise ValueError(f"has a range in its {name} that ends before it begins; write the lower number first")
    if not 1 <= step <= max(most - least, 1):
        raise ValueError(f"has a step out of range in its {name}; it must be from 1 to {most - least}")
    # As a weekday 7 is Sunday again, which * has already.
    return range(first, last if match["all"] and most == 7 else last + 1, step)  # noqa: PLR2004 - days of a week


def _check_schedule(text: str) -> str:
    parse_schedule(text)
    return " ".join(text.split())


def _check_overlap(value: Any) -> Any:  # noqa: ANN401 - whatever YAML made of it
    if value not in tuple(Overlap):
        raise ValueError("must be forbid: a job is neither run twice at once nor cut off for the next one")
    return value


CronSchedule = Annotated[
    str,
    AfterValidator(_check_schedule),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\S+(\s+\S+){4}\s*$", "examples": ["*/5 * * * *"]}),
]
"""Minute, hour, day of the month, month, weekday; UTC."""
OnlyOverlap = Annotated[Overlap, BeforeValidator(_check_overlap)]
"""What becomes of a time that comes while a job runs; there is one answer."""


def cron_mistakes(service: ServiceSpec, *, is_cron: bool) -> Iterator[Mistake]:
    """Yield what a cron must say and does not, what it may not say, and what only a cron may."""
    if not is_cron:
        for key in ("schedule", "overlap"):
            if key in service.model_fields_set:
                yield (key,), "belongs to a cron; write kind: cron, or leave it out"
        return
    if service.schedule is None:
        yield (), f"is a cron without a schedule; add for example schedule: {EXAMPLE}, which is every five minutes"
    if not service.entrypoint and not service.command:
        cure = "add for example command: [python3, cleanup.py]"
        yield (), f"is a cron that does not say what to run, and what its image would run is not known here; {cure}"
    for key, is_said in (("port", service.port), ("ports", service.ports), ("published", service.published)):
        if is_said:
            yield (key,), "belongs to a cron, which nobody calls: its jobs come and go; leave it out"
    if service.ready_path:
        yield ("ready-path",), "belongs to a cron, which nobody asks; leave it out"
    if service.stop_signal:
        yield ("stop-signal",), "belongs to a cron, whose job is left to its end and gets no signal; leave it out"
