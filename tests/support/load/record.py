"""The record of a load: one compact row a request, and every failure in full."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntFlag, StrEnum
from typing import NamedTuple

from typing_extensions import override


class Kind(StrEnum):
    """Which client made a request."""

    KEEP_ALIVE = "keep-alive"
    """A user with a cookie on a connection that is reused after idling."""
    FRESH = "fresh"
    """A newcomer: new connection, no cookie."""
    RETURNING = "returning"
    """A known user: new connection, its cookie."""
    POST = "post"
    """A write with a unique id."""
    HTTP2 = "http/2"
    """A user whose requests share one HTTP/2 connection; one in four is a write with a unique id."""
    WEBSOCKET = "websocket"
    """A message of a user who keeps a WebSocket, and its answer; on a new one the handshake is part of it."""
    DOWNLOAD = "download"
    """The one long response."""
    CONTROL = "control"
    """A probe of the control target, outside the platform."""


class Path(StrEnum):
    """What is asked for."""

    API_WHOAMI = "/api/whoami"
    WHOAMI = "/whoami"
    HOME = "/"
    POSTS = "/api/posts"
    DOWNLOAD = "/download"
    WEBSOCKET = "/ws"


class Progress(StrEnum):
    """How far a request got."""

    CONNECTING = "the TCP connection was not open yet"
    HANDSHAKE = "the TLS handshake was not done yet"
    SENT = "the request was sent, nothing came back"
    HEAD = "the response head was incomplete"
    BODY = "the response body was incomplete"
    COMPLETE = "the response was complete"


class Flag(IntFlag):
    """What else is known of a request."""

    NEWCOMER = 1
    """Sent on a new connection without a cookie."""
    NEW_CONNECTION = 2
    """The first request of its connection."""
    FAILED = 4
    """No complete, right response."""
    MIXED = 8
    """Two colors served parts of one response."""
    COOKIE_SET = 16
    """The response set the color cookie."""


KINDS = tuple(Kind)
PATHS = tuple(Path)
KIND_NUMBERS = {kind: number for number, kind in enumerate(KINDS)}
PATH_NUMBERS = {path: number for number, path in enumerate(PATHS)}
ROW = struct.Struct("<dIIHHHBBBB")
IDLE_LIMIT = 0xFFFF


class Row(NamedTuple):
    """One request; times are `time.monotonic()` seconds, durations are microseconds."""

    scheduled: float
    wait_us: int
    """From its scheduled time to its start."""
    service_us: int
    """From its start (before connecting) to its end."""
    user: int
    """0 is nobody known."""
    idle_ms: int
    """How long the connection had idled before, cut off at 65 s; 0 on a new one."""
    status: int
    """0 is no response."""
    kind: int
    path: int
    color: int
    """Index into the snapshot's colors; 0 is unknown."""
    flags: int

    @property
    def started(self) -> float:
        """When the request was begun, `time.monotonic()` seconds."""
        return self.scheduled + self.wait_us / 1e6

    @property
    def ended(self) -> float:
        """When its last byte came, or it failed."""
        return self.scheduled + (self.wait_us + self.service_us) / 1e6


@dataclass(frozen=True, kw_only=True, repr=False)
class Failure:
    """One request without a complete, right response; times in seconds, `at` since the start of the load."""

    kind: Kind
    path: Path
    at: float
    after: float
    """From the start of the request to the failure."""
    reason: str
    progress: Progress
    received: int
    expected: int | None
    status: int
    connection_age: float
    idle: float
    """How long the connection had idled before the request."""
    served: int
    """Requests that the connection had answered before."""
    user: int
    post: str | None
    mark: str = ""

    @override
    def __repr__(self) -> str:
        of = f" of {self.expected}" if self.expected is not None else ""
        body = f" ({self.received}{of} body bytes)" if self.progress in {Progress.BODY, Progress.COMPLETE} else ""
        status = f", status {self.status}" if self.status else ""
        reuse = (
            f"connection {self.connection_age:.2f} s old, idle {self.idle:.3f} s, {self.served} answers before"
            if self.served
            else "new connection"
        )
        post = f", id {self.post}" if self.post else ""
        return (
            f"<{self.kind} {self.path} at {self.at:.3f} s, mark {self.mark!r}: {self.reason}"
            f" after {self.after:.3f} s; {self.progress}{body}{status}; {reuse}{post}>"
        )


@dataclass(frozen=True, kw_only=True)
class MixedColors:
    """One response in which two colors had a part."""

    kind: Kind
    path: Path
    at: float
    colors: tuple[str, str]
    """The outer service's and the inner one's (or the body's and the header's)."""
    user: int
    mark: str = ""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What the generator hands over; `Report` makes sense of it."""

    rows: bytes
    colors: tuple[str, ...]
    failures: tuple[Failure, ...]
    """The first thousand in full; the rows count all."""
    mixed: tuple[MixedColors, ...]
    post_prefix: str
    post_states: bytes
    """One byte a post: 0 under way, 1 acknowledged, 2 failed."""
    started: float
    ended: float
    """When sending ended, or the time of the snapshot."""
    ended_by: str
    """Empty while it runs."""
    scheduled: int
    not_sent: int
    idle_closes: int
    cookie_changes: int
    abandoned: int
    handshakes: int
    resumed: int
    cpu_seconds: float
    sent_again: int = 0
    """Requests over HTTP/2 that the server had said it did not process."""
    second_tries: int = 0
    """Requests that the first address did not answer, and the second one was asked for."""
    websocket_closes: int = 0
    """Open WebSockets that the server ended as it may; their users came back at once."""
    messages_again: int = 0
    """Messages that were unanswered when their WebSocket ended, and that were sent once more on the next one."""
