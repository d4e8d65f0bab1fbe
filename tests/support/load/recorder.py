"""The generator's memory: packs rows, keeps failures, counts what has no row."""

from __future__ import annotations

import resource
import time
from typing import TYPE_CHECKING

from tests.support.load.judge import Judgment, judge
from tests.support.load.record import (
    IDLE_LIMIT,
    KIND_NUMBERS,
    PATH_NUMBERS,
    ROW,
    Failure,
    Flag,
    Kind,
    MixedColors,
    Path,
    Progress,
    Snapshot,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.load.connection import Connection
    from tests.support.load.http2 import Stream
    from tests.support.load.response import ResponseReader
    from tests.support.load.websocket import WebSocket

DETAIL_LIMIT = 1000
UNDER_WAY, ACKNOWLEDGED, FAILED = 0, 1, 2


def cpu_seconds() -> float:
    """Return what this process has used of the processor, user and system."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Request:
    """One request of the load, from its scheduled time to its row."""

    __slots__ = (
        "_again", "_finished", "connection", "deadline", "idle", "keep_body", "kind", "message", "newcomer",
        "path", "payload", "post_number", "scheduled", "served", "started", "user",
    )  # fmt: skip

    def __init__(
        self,
        *,
        kind: Kind,
        path: Path,
        payload: bytes,
        scheduled: float,
        finished: Callable[[Request, ResponseReader | None, str | None], None],
        user: int = 0,
        newcomer: bool = False,
        post_number: int | None = None,
        message: str | None = None,
    ) -> None:
        self.kind = kind
        self.path = path
        self.payload = payload
        self.keep_body = kind is not Kind.DOWNLOAD
        self.scheduled = scheduled
        self.started = self.deadline = scheduled
        self.user = user
        self.newcomer = newcomer
        self.post_number = post_number
        self.message = message
        self.idle = 0.0
        self.served = 0
        self.connection: Connection | Stream | WebSocket | None = None
        self._again: Callable[[], None] | None = None
        self._finished = finished

    def begin(
        self,
        *,
        timeout: float,
        connection: Connection | WebSocket | None = None,
        again: Callable[[], None] | None = None,
    ) -> None:
        """Start the clock.

        Args:
            timeout: Seconds for a complete answer.
            connection: The one that is reused, if any.
            again: Sends it elsewhere, once, if there is none.
        """
        self._again = again
        self.started = max(time.monotonic(), self.scheduled)
        self.deadline = self.started + timeout
        if connection is not None:
            self.connection = connection
            self.idle = self.started - connection.last_used
            self.served = connection.served

    def answered(self, connection: Connection | Stream | WebSocket, response: ResponseReader) -> None:
        """Take a complete response."""
        self.connection = connection
        self._finished(self, response, None)

    def broke(self, connection: Connection | Stream | WebSocket, reason: str) -> None:
        """Take the reason why there is none."""
        again, self._again = self._again, None
        if again is not None:
            self.idle, self.served = 0.0, 0
            again()
            return
        self.connection = connection
        self._finished(self, None, reason)


class Recorder:
    """Everything that a snapshot holds.

    Attributes:
        scheduled: Requests that the plan asked for so far.
        not_sent: Those of them that found no free client: the generator or the target is too slow.
        idle_closes: Idle connections that the server closed before they were to be reused (no failure).
        cookie_changes: Times that a user who has a cookie was given another one.
        sent_again: Requests over HTTP/2 that were sent once more, because the server had said it did not process them.
        second_tries: Requests that were sent to the second address, because the first one gave no answer.
        websocket_closes: Open WebSockets that the server ended as it may (no failure).
        messages_again: Messages that were sent once more on the next WebSocket.
        abandoned: Requests that we ourselves cut off at the end.
        ended_by: Why sending ended; empty before.
    """

    def __init__(self, *, post_prefix: str) -> None:
        self._post_prefix = post_prefix
        self._rows = bytearray()
        self._colors: dict[str, int] = {"": 0}
        self._failures: list[Failure] = []
        self._mixed: list[MixedColors] = []
        self._post_states = bytearray()
        self._ended = 0.0
        self._cpu_before = cpu_seconds()
        self.started = time.monotonic()
        self.ended_by = ""
        self.count = 0
        self.scheduled = 0
        self.not_sent = 0
        self.idle_closes = 0
        self.cookie_changes = 0
        self.abandoned = 0
        self.sent_again = 0
        self.second_tries = 0
        self.websocket_closes = 0
        self.messages_again = 0
        self.handshakes = 0
        self.resumed = 0

    def next_post(self) -> tuple[int, str]:
        """Return number and id of a post that no request has carried yet."""
        number = len(self._post_states)
        self._post_states.append(UNDER_WAY)
        return number, self.post_id(number)

    def post_id(self, number: int) -> str:
        """Return the id of one post."""
        return f"{self._post_prefix}{number}"

    def end(self, reason: str) -> None:
        """Note when and why sending ended; the first reason stays."""
        if not self.ended_by:
            self.ended_by = reason
            self._ended = time.monotonic()

    def record(self, request: Request, response: ResponseReader | None, reason: str | None, *, cookie: bool) -> bool:
        """Add one finished request and say whether it was answered right."""
        done = time.monotonic()
        post = None if request.post_number is None else self.post_id(request.post_number)
        judgment = (
            Judgment(wrong=reason)
            if response is None
            else judge(kind=request.kind, path=request.path, sent=post or request.message, response=response)
        )
        self._count_handshake(request)
        flags = Flag(0)
        if judgment.wrong is not None:
            flags |= Flag.FAILED
            self._keep_failure(request, response, judgment.wrong, done=done, post=post)
        if judgment.mixed is not None:
            flags |= Flag.MIXED
            self._keep_mixed(request, judgment.mixed)
        if request.post_number is not None:
            self._post_states[request.post_number] = FAILED if judgment.wrong else ACKNOWLEDGED
        flags |= Flag.NEWCOMER if request.newcomer else Flag(0)
        flags |= Flag.NEW_CONNECTION if request.served == 0 else Flag(0)
        flags |= Flag.COOKIE_SET if cookie else Flag(0)
        self._rows += ROW.pack(
            request.scheduled,
            round((request.started - request.scheduled) * 1e6),
            round((done - request.started) * 1e6),
            request.user,
            min(round(request.idle * 1000), IDLE_LIMIT),
            response.status if response else 0,
            KIND_NUMBERS[request.kind],
            PATH_NUMBERS[request.path],
            self._colors.setdefault(judgment.color, len(self._colors)),
            flags,
        )
        self.count += 1
        return judgment.wrong is None

    def snapshot(self) -> Snapshot:
        """Return a copy of everything so far."""
        return Snapshot(
            rows=bytes(self._rows),
            colors=tuple(self._colors),
            failures=tuple(self._failures),
            mixed=tuple(self._mixed),
            post_prefix=self._post_prefix,
            post_states=bytes(self._post_states),
            started=self.started,
            ended=self._ended or time.monotonic(),
            ended_by=self.ended_by,
            scheduled=self.scheduled,
            not_sent=self.not_sent,
            idle_closes=self.idle_closes,
            cookie_changes=self.cookie_changes,
            abandoned=self.abandoned,
            sent_again=self.sent_again,
            second_tries=self.second_tries,
            websocket_closes=self.websocket_closes,
            messages_again=self.messages_again,
            handshakes=self.handshakes,
            resumed=self.resumed,
            cpu_seconds=cpu_seconds() - self._cpu_before,
        )

    def _count_handshake(self, request: Request) -> None:
        connection = request.connection
        if connection is not None and request.served == 0 and connection.encrypted:
            self.handshakes += 1
            self.resumed += connection.resumed

    def _keep_failure(
        self, request: Request, response: ResponseReader | None, reason: str, *, done: float, post: str | None
    ) -> None:
        if len(self._failures) >= DETAIL_LIMIT:
            return
        connection = request.connection
        seen = response or (connection.response if connection else None)
        progress = Progress.COMPLETE if response else (connection.progress if connection else Progress.CONNECTING)
        self._failures.append(
            Failure(
                kind=request.kind,
                path=request.path,
                at=request.started - self.started,
                after=done - request.started,
                reason=reason,
                progress=progress,
                received=seen.received if seen else 0,
                expected=seen.expected if seen else None,
                status=seen.status if seen else 0,
                connection_age=request.started - connection.opened if connection else 0.0,
                idle=request.idle,
                served=request.served,
                user=request.user,
                post=post,
            )
        )

    def _keep_mixed(self, request: Request, colors: tuple[str, str]) -> None:
        if len(self._mixed) < DETAIL_LIMIT:
            at = request.started - self.started
            self._mixed.append(
                MixedColors(kind=request.kind, path=request.path, at=at, colors=colors, user=request.user)
            )
