"""What happened under load: the questions that a test or a bench asks of the record."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from typing_extensions import override

from tests.support.load.findings import IN_TIME, problems_of, summary_of
from tests.support.load.record import KINDS, ROW, Failure, Flag, Kind, MixedColors, Row
from tests.support.load.stages import (
    ColorChange,
    Latency,
    Mark,
    Share,
    Sighting,
    Stage,
    UserHistory,
    changes,
    histories,
    shares_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.load.plan import LoadPlan
    from tests.support.load.record import Snapshot

RATE_TOLERANCE = 0.02
PACED = frozenset({Kind.KEEP_ALIVE, Kind.FRESH, Kind.RETURNING, Kind.POST, Kind.HTTP2, Kind.WEBSOCKET})
PACED_NUMBERS = frozenset(KINDS.index(kind) for kind in PACED)
CONTROL = KINDS.index(Kind.CONTROL)
WEBSOCKET = KINDS.index(Kind.WEBSOCKET)


@dataclass(frozen=True, kw_only=True, repr=False)
class Report:
    """The record of one load with the marks that the test set.

    Questions that take a mark take its label; a request belongs to the stage in which it started. Control
    probes answer only to `control_failures` and to `Kind.CONTROL`.

    Attributes:
        snapshot: The record itself.
        plan: What was asked for.
        marks: Beginnings of the stages, by time; the first one is "start".
    """

    snapshot: Snapshot
    plan: LoadPlan
    marks: tuple[Mark, ...]

    @override
    def __repr__(self) -> str:
        return f"<Report: {self.summary()}>"

    @cached_property
    def failures(self) -> list[Failure]:
        """Every request to the platform that failed (the first thousand in full); `[]` is the proof."""
        return [self._placed(one) for one in self.snapshot.failures if one.kind is not Kind.CONTROL]

    @cached_property
    def control_failures(self) -> list[Failure]:
        """Failed probes of the control target: if there are any, the machine was sick."""
        return [self._placed(one) for one in self.snapshot.failures if one.kind is Kind.CONTROL]

    @cached_property
    def mixed_colors(self) -> list[MixedColors]:
        """Responses in which two colors had a part."""
        return [dataclasses.replace(one, mark=self._mark_at(one.at)) for one in self.snapshot.mixed]

    @cached_property
    def requests(self) -> dict[Kind, int]:
        """Finished requests by kind."""
        counts = Counter(row.kind for row in self.rows())
        return {kind: counts[number] for number, kind in enumerate(KINDS)}

    @cached_property
    def failed(self) -> dict[Kind, int]:
        """Failed requests by kind: all of them, also those of which `failures` holds no details."""
        counts = Counter(row.kind for row in self.rows() if row.flags & Flag.FAILED)
        return {kind: counts[number] for number, kind in enumerate(KINDS)}

    @property
    def rate(self) -> float:
        """Requests per second that were sent while the load lasted."""
        return sum(self.requests[kind] for kind in PACED) / max(self.snapshot.ended - self.snapshot.started, 1e-9)

    @property
    def rate_reached(self) -> bool:
        """Whether the planned rate was sent within 2 %, until stop(); if not, the proof is a weaker one."""
        in_time = self.snapshot.ended_by in IN_TIME
        sent = self.snapshot.scheduled - self.snapshot.not_sent
        seconds = self.snapshot.ended - self.snapshot.started
        return in_time and sent >= self.plan.rate_total * seconds * (1 - RATE_TOLERANCE) - 1

    @property
    def cpu_share(self) -> float:
        """What the generator itself used, of one core (0 to 1), over the time of the load."""
        return self.snapshot.cpu_seconds / max(self.snapshot.ended - self.snapshot.started, 1e-9)

    def rows(self, mark: str | None = None, *, settled: bool = False) -> Iterator[Row]:
        """Yield the finished requests of one stage, or all, including failed ones and control probes.

        Args:
            mark: The stage in which they started; None for all.
            settled: Only those that started after the stage was settled and ended before the next one began.
        """
        first, last = -math.inf, math.inf
        if mark is not None:
            stage = self._stage(mark)
            first, last = (stage.settled if settled else stage.mark.at), stage.end
        for values in ROW.iter_unpack(self.snapshot.rows):
            row = Row._make(values)
            if first <= row.started < last and not (settled and row.ended >= last):
                yield row

    def shares(self, mark: str, *, settled: bool = True) -> dict[str, Share]:
        """Return the part of each color in the answers to newcomers (new connection, no cookie).

        Args:
            mark: The stage.
            settled: Leave out requests that started before the stage was settled.
        """
        return shares_of(
            self.snapshot.colors[row.color]
            for row in self.rows(mark, settled=settled)
            if row.flags & Flag.NEWCOMER and row.color
        )

    def users(self, mark: str) -> dict[int, UserHistory]:
        """Return what each known user saw in the settled part of a stage; who sent nothing is missing.

        A WebSocket stays with the color that it was opened to for as long as an old worker may keep it, so of a
        user who has one only the first answer on each counts.
        """
        seen = (
            (row.user, Sighting(row.started - self.snapshot.started, self.snapshot.colors[row.color]))
            for row in self.rows(mark, settled=True)
            if row.user and row.color and (row.kind != WEBSOCKET or row.flags & Flag.NEW_CONNECTION)
        )
        return histories(mark, seen)

    def users_who_saw_two_colors(self, mark: str) -> list[UserHistory]:
        """Return users whom more than one color answered in the settled part of a stage."""
        return [history for history in self.users(mark).values() if len(history.colors) > 1]

    def users_not_monotonic(self, marks: Sequence[str], *, color: str) -> list[ColorChange]:
        """Return users who lost a color although its share never fell.

        Args:
            marks: Stages in which the share of `color` rises, in order.
            color: The rising color.
        """
        seen = [self.users(mark) for mark in marks]
        return [
            change
            for number, earlier in enumerate(seen)
            for later in seen[number + 1 :]
            for change in changes(color, earlier, later)
        ]

    def old_color_until(self, color: str, after_mark: str, *, new_connections_only: bool = True) -> float:
        """Return the switch latency: seconds from a mark to the start of a color's last answered request.

        It is 0 if the color answered none in that stage. By default only requests on new connections count: on an
        idle one an old nginx worker may lawfully answer one more, and on a WebSocket many.
        """
        begin = self._stage(after_mark).mark.at
        number = self._color_number(color)
        starts = (
            row.started - begin
            for row in self.rows(after_mark)
            if row.color == number and (row.flags & Flag.NEW_CONNECTION or not new_connections_only)
        )
        return max(starts, default=0.0)

    def latency(self, mark: str | None = None, *, kind: Kind | None = None, color: str | None = None) -> Latency:
        """Return percentiles from the scheduled time to the last byte: what a user waits, queues included.

        Without a kind: all but downloads and control probes.
        """
        rows = self._good(mark, kind=kind, color=color)
        return Latency.of((row.wait_us + row.service_us) / 1e6 for row in rows)

    def service_time(self, mark: str | None = None, *, kind: Kind | None = None, color: str | None = None) -> Latency:
        """Return percentiles from the start of the request (connecting included) to the last byte."""
        return Latency.of(row.service_us / 1e6 for row in self._good(mark, kind=kind, color=color))

    def generator_lag(self, mark: str | None = None) -> Latency:
        """Return by how much newcomers started late: the generator's own weakness, or the machine's."""
        return Latency.of(row.wait_us / 1e6 for row in self._good(mark, kind=Kind.FRESH, color=None))

    def longest_gap(self, mark: str | None = None) -> float:
        """Return the longest time in seconds in which no request (control and download aside) ended well."""
        ends = sorted(row.ended for row in self._good(mark, kind=None, color=None))
        return max((later - earlier for earlier, later in pairwise(ends)), default=math.inf)

    def reuses_after(self, idle: float, mark: str | None = None) -> int:
        """Return how many requests reused a connection that had idled for so many seconds or more."""
        return sum(row.idle_ms >= idle * 1000 and not row.flags & Flag.NEW_CONNECTION for row in self.rows(mark))

    def newcomers_without_cookie(self) -> int:
        """Return how many newcomers were answered right without a color cookie (posts, downloads aside)."""
        return sum(not row.flags & Flag.COOKIE_SET for row in self._good(None, kind=Kind.FRESH, color=None))

    def problems(self, *, least_rate: float | None = None) -> list[str]:
        """Return everything that speaks against "no request was lost", in sentences; `[]` is the proof.

        Args:
            least_rate: Requests per second that the proof needs; without it, the planned rate.
        """
        return problems_of(self, least_rate=least_rate)

    def summary(self) -> str:
        """Return a few lines for a terminal."""
        return summary_of(self)

    def _good(self, mark: str | None, *, kind: Kind | None, color: str | None) -> Iterator[Row]:
        kinds = PACED_NUMBERS if kind is None else {KINDS.index(kind)}
        number = None if color is None else self._color_number(color)
        for row in self.rows(mark):
            if row.kind in kinds and not row.flags & Flag.FAILED and (number is None or row.color == number):
                yield row

    def _color_number(self, color: str) -> int:
        """Return a color's number in the rows, or one that no row has."""
        return self.snapshot.colors.index(color) if color in self.snapshot.colors else 0xFFFF

    def _stage(self, label: str) -> Stage:
        for number, mark in enumerate(self.marks):
            if mark.label == label:
                following = self.marks[number + 1 : number + 2]
                return Stage(mark=mark, end=following[0].at if following else math.inf)
        known = ", ".join(repr(mark.label) for mark in self.marks)
        raise KeyError(f"no mark {label!r} in this load, only {known}")

    def _mark_at(self, at: float) -> str:
        begun = [mark.label for mark in self.marks if mark.at <= self.snapshot.started + at]
        return begun[-1] if begun else self.marks[0].label

    def _placed(self, failure: Failure) -> Failure:
        return dataclasses.replace(failure, mark=self._mark_at(failure.at))
