"""The pace of the load: every request has its time, whatever happened to the ones before it."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

from tests.support.load.dialer import Dialer
from tests.support.load.http2 import Http2Users
from tests.support.load.plan import Target
from tests.support.load.record import Kind, Path
from tests.support.load.recorder import Recorder, Request
from tests.support.load.users import PATHS, KeepAliveUsers, User, color_cookie
from tests.support.load.websocket_users import WebSocketUsers

if TYPE_CHECKING:
    from tests.support.load.plan import LoadPlan
    from tests.support.load.response import ResponseReader

TICK_SECONDS = 0.002
SWEEP_SECONDS = 0.25
CATCH_UP_SECONDS = 1.0
DOWNLOAD_PAUSE = 0.5


class Traffic:
    """Sends the whole load from one event loop."""

    def __init__(self, *, target: Target, plan: LoadPlan, recorder: Recorder, control_port: int | None) -> None:
        self._target = target
        self._plan = plan
        self._recorder = recorder
        self._loop = asyncio.get_running_loop()
        self._random = random.Random(plan.seed)
        self._in_flight: set[Request] = set()
        self._dialer = Dialer(target, loop=self._loop)
        self._keep_alive = KeepAliveUsers(
            plan=plan, target=target, dialer=self._dialer, recorder=recorder, in_flight=self._in_flight
        )
        self._http2 = Http2Users(plan=plan, target=target, recorder=recorder, in_flight=self._in_flight)
        self._websockets = WebSocketUsers(plan=plan, target=target, recorder=recorder, in_flight=self._in_flight)
        self._control = Target(port=control_port, tls=False) if control_port is not None else None
        self._control_dialer = Dialer(self._control, loop=self._loop) if self._control else None
        self._pool: list[User] = []
        self._weights = {
            Kind.KEEP_ALIVE: plan.keep_alive_per_second,
            Kind.FRESH: plan.fresh_per_second,
            Kind.RETURNING: plan.returning_per_second,
            Kind.POST: plan.posts_per_second,
            Kind.HTTP2: plan.http2_per_second,
            Kind.WEBSOCKET: plan.websocket_per_second,
        }
        self._credit = dict.fromkeys(self._weights, 0.0)
        self._slot = 0
        self._begun = self._due = time.monotonic()
        self._post_on_new = False
        self._running = False

    def start(self) -> None:
        """Begin every stream."""
        self._running = True
        self._begun = self._due = time.monotonic()
        self._tick()
        self._sweep()
        self._probe_control()
        self._download()
        self._loop.call_later(self._plan.max_seconds, self.halt, f"max_seconds ({self._plan.max_seconds:g}) reached")

    def halt(self, reason: str) -> None:
        """Send nothing new; what is under way goes on."""
        if self._running:
            self._running = False
            self._recorder.end(reason)
            self._keep_alive.close()
            self._websockets.close()

    async def drain(self, *, finish_download: bool) -> None:
        """Wait until everything under way ended; each request has its own time limit."""
        while self._in_flight:
            if not finish_download and all(request.kind is Kind.DOWNLOAD for request in self._in_flight):
                break
            await asyncio.sleep(TICK_SECONDS)
        for request in self._in_flight:
            self._recorder.abandoned += 1
            if request.connection is not None:
                request.connection.close()

    def _tick(self) -> None:
        """Send what is due; the timer is coarse, the scheduled times are not."""
        if not self._running:
            return
        now = time.monotonic()
        behind = int((now - CATCH_UP_SECONDS - self._due) * self._plan.rate_total)
        if behind > 0:
            # The machine stood still: asking for it all at once would be a load that nobody planned.
            self._recorder.scheduled += behind
            self._recorder.not_sent += behind
            self._slot += behind
        while self._due <= now:
            if self._recorder.count >= self._plan.max_requests:
                self.halt(f"max_requests ({self._plan.max_requests}) reached")
                return
            self._recorder.scheduled += 1
            self._recorder.not_sent += not self._launch(self._due)
            self._slot += 1
            jitter = self._random.random() - 1 / 2
            self._due = self._begun + (self._slot + jitter) / self._plan.rate_total
        self._loop.call_later(max(self._due - now, TICK_SECONDS), self._tick)

    def _launch(self, scheduled: float) -> bool:
        """Send one request of the kind whose turn it is, and say whether it was possible."""
        for kind, weight in self._weights.items():
            self._credit[kind] += weight
        kind = max(self._credit, key=lambda kind: self._credit[kind])
        self._credit[kind] -= self._plan.rate_total
        if kind is Kind.KEEP_ALIVE:
            return self._keep_alive.offer(scheduled)
        if kind is Kind.HTTP2:
            return self._http2.offer(scheduled)
        if kind is Kind.WEBSOCKET:
            return self._websockets.offer(scheduled)
        if kind is Kind.POST and self._plan.keep_alive_connections:
            self._post_on_new = not self._post_on_new
            if not self._post_on_new:
                return self._keep_alive.offer(scheduled, Path.POSTS)
        if len(self._in_flight) >= self._plan.max_in_flight:
            return False
        if kind is Kind.POST:
            self._send_post(scheduled)
        elif kind is Kind.RETURNING and self._pool:
            self._send_get(scheduled, kind, user=self._pool[self._random.randrange(len(self._pool))])
        else:
            self._send_get(scheduled, Kind.FRESH)
        return True

    def _send_get(self, scheduled: float, kind: Kind, *, user: User | None = None) -> None:
        path = self._random.choice(PATHS)
        request = Request(
            kind=kind,
            path=path,
            payload=self._target.request("GET", path, cookie=user.cookie if user else None, agent=self._agent()),
            scheduled=scheduled,
            finished=self._finished,
            user=user.number if user else 0,
            newcomer=user is None,
        )
        self._begin(request, user=user)

    def _agent(self) -> str:
        """Return an agent that nobody had before; a known user has its cookie beside it."""
        return f"load {self._slot}"

    def _send_post(self, scheduled: float) -> None:
        number, post = self._recorder.next_post()
        request = Request(
            kind=Kind.POST,
            path=Path.POSTS,
            payload=self._target.request("POST", Path.POSTS, agent=self._agent(), body=f'{{"id":"{post}"}}'.encode()),
            scheduled=scheduled,
            finished=self._finished,
            newcomer=True,
            post_number=number,
        )
        self._begin(request)

    def _begin(self, request: Request, *, user: User | None = None) -> None:
        self._in_flight.add(request)
        session = user.session if user else None
        self._dialer.begin(request, plan=self._plan, recorder=self._recorder, session=session)

    def _finished(self, request: Request, response: ResponseReader | None, reason: str | None) -> None:
        self._in_flight.discard(request)
        cookie = color_cookie(response, self._target.cookie_name) if response else None
        user = self._pool[request.user - self._plan.keep_alive_connections - 1] if request.user else None
        if user is not None:
            self._recorder.cookie_changes += user.learn(cookie)
        elif cookie is not None and len(self._pool) < self._plan.returning_users and request.kind is Kind.FRESH:
            user = User(self._plan.keep_alive_connections + len(self._pool) + 1)
            user.learn(cookie)
            self._pool.append(user)
            request.user = user.number
        self._recorder.record(request, response, reason, cookie=cookie is not None)
        connection = request.connection
        if connection is not None:
            if user is not None:
                user.session = connection.session or user.session
            connection.close()

    def _download(self) -> None:
        """Keep one download under way."""
        if not self._running or self._plan.download_seconds is None:
            return
        request = Request(
            kind=Kind.DOWNLOAD,
            path=Path.DOWNLOAD,
            payload=self._target.request("GET", f"{Path.DOWNLOAD}?seconds={self._plan.download_seconds:g}"),
            scheduled=time.monotonic(),
            finished=self._download_finished,
            newcomer=True,
        )
        self._begin(request)

    def _download_finished(self, request: Request, response: ResponseReader | None, reason: str | None) -> None:
        self._finished(request, response, reason)
        self._loop.call_later(DOWNLOAD_PAUSE, self._download)

    def _probe_control(self) -> None:
        if not self._running or self._control is None or self._control_dialer is None:
            return
        request = Request(
            kind=Kind.CONTROL,
            path=Path.HOME,
            payload=self._control.request("GET", Path.HOME),
            scheduled=time.monotonic(),
            finished=self._finished,
        )
        request.begin(timeout=self._plan.request_timeout)
        self._in_flight.add(request)
        request.connection = self._control_dialer.dial(request)
        self._loop.call_later(1 / self._plan.control_per_second, self._probe_control)

    def _sweep(self) -> None:
        """Cut what has taken too long; a download is only too long when its bytes stop coming."""
        now = time.monotonic()
        timeout = self._plan.request_timeout
        for request in [one for one in self._in_flight if one.deadline < now]:
            connection = request.connection
            if connection is None:
                continue
            if request.kind is Kind.DOWNLOAD and connection.last_data + timeout > now:
                continue
            connection.cut(f"no complete response within {timeout:g} s")
        if self._running or self._in_flight:
            self._loop.call_later(SWEEP_SECONDS, self._sweep)
