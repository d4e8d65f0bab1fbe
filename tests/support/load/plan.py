"""What the load is aimed at, and how much of it there is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from colorway.errors import ColorwayError

MESSAGES_PER_SECOND = 1.0
"""On each WebSocket: often enough to be under way when something is switched, as rare as people's are."""


class LoadError(ColorwayError):
    """A plan that cannot be carried out, or a generator that died: never a failed request of the platform."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """One entry of the platform, as a client on this machine reaches it.

    Attributes:
        host: Address that is connected to.
        port: TCP port.
        server_name: Name for SNI and, unless `host_header` is given, for the Host header.
        tls: Whether to speak TLS; the certificate is never verified (tests use self-signed ones).
        host_header: Host header, where it differs from `server_name`.
        cookie_name: The load balancer's cookie that keeps a user on one color.
        headers: Further headers of every request; never printed, since one may hold the preview token.
        second: Another address and its port, which DNS has beside the first: who gets no answer from the first in
            `LoadPlan.first_try` takes it, as a client does that may repeat its request.
    """

    host: str = "127.0.0.1"
    port: int = 8443
    server_name: str = "localhost"
    tls: bool = True
    host_header: str | None = None
    cookie_name: str = "rel"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    second: tuple[str, int] | None = None

    def request(
        self,
        method: str,
        path: str,
        *,
        cookie: str | None = None,
        agent: str | None = None,
        more: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
    ) -> bytes:
        """Return the bytes of one HTTP/1.1 request that leaves the connection open, with `more` headers.

        Who has no cookie is drawn by address and agent: all from here have one address, so each client needs its
        own agent.
        """
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host_header or self.server_name}"]
        lines += [f"{name}: {value}" for name, value in (*self.headers, *more)]
        if agent is not None:
            lines.append(f"User-Agent: {agent}")
        if cookie is not None:
            lines.append(f"Cookie: {self.cookie_name}={cookie}")
        if method == "POST":
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(frozen=True, kw_only=True)
class LoadPlan:
    """How much of what; what `rate_total` leaves over goes to the keep-alive connections.

    Attributes:
        rate_total: Requests per second in all, without the download and the control probes.
        fresh_per_second: Newcomers: a new connection, a full TLS handshake and no cookie for each request.
        returning_per_second: Known users: a new connection (TLS session resumed) with their cookie.
        posts_per_second: POSTs with unique ids, in turn on new and on kept-alive connections.
        http2_per_second: Requests over HTTP/2, one in four of them a POST, on connections that are kept.
        http2_connections: Users that each keep one of these.
        websockets: Users that each keep one WebSocket, and send a message on it about every second.
        keep_alive_connections: Users that each keep one connection: a burst of requests, an idle time, …
        idle_range: Seconds that a kept-alive connection idles, drawn from this range nine times of ten.
        idle_beyond: Upper end in seconds of the tenth draw, which starts where `idle_range` ends.
        returning_users: Size of the pool of known users, filled by the first newcomers that got a cookie.
        download_seconds: Length of the one download that is always under way; None for none.
        control: Whether to probe a tiny server outside the platform: a sick machine makes it fail too.
        control_per_second: Rate of those probes.
        request_timeout: Seconds after which a request without a complete response failed.
        first_try: Seconds after which a client that knows a second address takes that.
        max_in_flight: Requests on new connections and over HTTP/2 are not sent, and counted as that, while so many are
            under way.
        max_seconds: The load ends by itself after so long.
        max_requests: The load ends by itself after so many requests (26 bytes of memory for each).
        seed: Of everything random except the ids of the posts, which are unique to each run.
    """

    rate_total: float = 350.0
    fresh_per_second: float = 100.0
    returning_per_second: float = 40.0
    posts_per_second: float = 30.0
    http2_per_second: float = 0.0
    http2_connections: int = 6
    websockets: int = 0
    keep_alive_connections: int = 20
    idle_range: tuple[float, float] = (0.0, 6.0)
    idle_beyond: float = 14.0
    returning_users: int = 300
    download_seconds: float | None = 20.0
    control: bool = True
    control_per_second: float = 5.0
    request_timeout: float = 15.0
    first_try: float = 5.0
    max_in_flight: int = 500
    max_seconds: float = 1800.0
    max_requests: int = 800_000
    seed: int = 1

    def __post_init__(self) -> None:
        rates = self._other_rates
        if not math.isfinite(self.rate_total) or self.rate_total <= 0 or min(rates) < 0:
            raise LoadError(
                "LoadPlan: rates are requests per second; rate_total must be above 0, the others at least 0."
            )
        if self.keep_alive_per_second < 0:
            raise LoadError(
                f"LoadPlan: rate_total is {self.rate_total:g}, but fresh, returning, posts, http2 and websockets"
                f" add up to {sum(rates):g}; raise rate_total or lower the others."
            )
        if self.keep_alive_connections < 1 and self.keep_alive_per_second > 0:
            raise LoadError(
                f"LoadPlan: {self.keep_alive_per_second:g} requests per second are left for keep-alive"
                " connections, but keep_alive_connections is 0; lower rate_total or give it connections."
            )
        if not 0 <= self.idle_range[0] <= self.idle_range[1] <= self.idle_beyond:
            raise LoadError("LoadPlan: idle_range and idle_beyond must rise, e.g. idle_range=(0, 6), idle_beyond=14.")
        users = (self.keep_alive_connections, self.returning_users, self.http2_connections, self.websockets)
        if sum(users) >= 2**16:
            raise LoadError(
                "LoadPlan: keep_alive_connections, returning_users, http2_connections and websockets together must"
                " stay below 65536."
            )

    @property
    def keep_alive_per_second(self) -> float:
        """Requests per second of all kept-alive connections together, without their posts."""
        return self.rate_total - sum(self._other_rates)

    @property
    def websocket_per_second(self) -> float:
        """Messages per second of all WebSockets together."""
        return self.websockets * MESSAGES_PER_SECOND

    @property
    def _other_rates(self) -> tuple[float, ...]:
        """Return the rates of all but the kept-alive connections."""
        new = (self.fresh_per_second, self.returning_per_second, self.posts_per_second)
        return (*new, self.http2_per_second, self.websocket_per_second)
