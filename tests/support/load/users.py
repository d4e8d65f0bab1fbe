"""The users of the load: who keeps a connection, who comes back, and the one cookie of each."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from typing import TYPE_CHECKING

from tests.support.load.record import Kind, Path
from tests.support.load.recorder import Recorder, Request

if TYPE_CHECKING:
    import ssl

    from tests.support.load.connection import Connection
    from tests.support.load.dialer import Dialer
    from tests.support.load.plan import LoadPlan, Target
    from tests.support.load.response import ResponseReader

BEYOND_EVERY = 10
IDLE_PART = 2 / 3
QUEUE_LIMIT = 10
RECHECK_SECONDS = 0.002
# The page costs the platform a database write each, so it is asked for once in ten times.
PATHS = (Path.HOME, *((Path.API_WHOAMI,) * 4), *((Path.WHOAMI,) * 5))


def color_cookie(response: ResponseReader, name: str) -> str | None:
    """Return the value that a response gives to the color cookie, if it sets it."""
    start = name.encode() + b"="
    for cookie in response.cookies:
        if cookie.startswith(start):
            return cookie[len(start) :].partition(b";")[0].decode("latin-1")
    return None


class User:
    """One user: a number for the record, and what its browser would keep."""

    __slots__ = ("awake", "budget", "busy", "connection", "cookie", "number", "queue", "session", "wakes_at")

    def __init__(self, number: int) -> None:
        self.number = number
        self.cookie: str | None = None
        self.session: ssl.SSLSession | None = None
        self.connection: Connection | None = None
        self.queue: deque[tuple[float, Path]] = deque()
        self.budget = 0
        self.awake = False
        self.busy = False
        self.wakes_at = 0.0

    def learn(self, cookie: str | None) -> bool:
        """Keep a cookie and say whether it replaced another."""
        changed = cookie is not None and self.cookie is not None and cookie != self.cookie
        self.cookie = cookie or self.cookie
        return changed


class KeepAliveUsers:
    """Users that send bursts on one connection each and let it idle in between.

    The slots of the plan go to those who are awake, so the total rate is even while each connection idles.
    """

    def __init__(
        self, *, plan: LoadPlan, target: Target, dialer: Dialer, recorder: Recorder, in_flight: set[Request]
    ) -> None:
        self._plan = plan
        self._target = target
        self._dialer = dialer
        self._recorder = recorder
        self._in_flight = in_flight
        self._random = random.Random(plan.seed)
        self._loop = asyncio.get_running_loop()
        self._users = [User(number) for number in range(1, plan.keep_alive_connections + 1)]
        self._awake: deque[User] = deque()
        low, high = plan.idle_range
        mean_idle = ((low + high) / 2 * (BEYOND_EVERY - 1) + (high + plan.idle_beyond) / 2) / BEYOND_EVERY
        # A burst is as long as it takes for a user to be idle that part of its time.
        rate = plan.keep_alive_per_second + plan.posts_per_second / 2
        self._burst = max(1, round(mean_idle / IDLE_PART * rate / max(1, len(self._users))))
        for user in self._users:
            if self._random.random() > IDLE_PART:
                self._wake(user, budget=self._random.randint(1, self._burst))
            else:
                self._sleep(user)

    def offer(self, scheduled: float, path: Path | None = None) -> bool:
        """Give one scheduled request to a user and say whether one could take it.

        Args:
            scheduled: When it is due, `time.monotonic()` seconds.
            path: What to ask for; one of the readable paths if not given.
        """
        user = self._next_user()
        if user is None:
            return False
        user.queue.append((scheduled, path or self._random.choice(PATHS)))
        user.budget -= 1
        if user.awake and user.budget <= 0:
            user.awake = False
            self._awake.remove(user)
        self._continue(user)
        return True

    def close(self) -> None:
        """Drop what is queued and close every idle connection."""
        for user in self._users:
            self._recorder.not_sent += len(user.queue)
            user.queue.clear()
            if user.connection is not None and not user.busy:
                user.connection.close()

    def _next_user(self) -> User | None:
        for _ in range(len(self._awake)):
            user = self._awake[0]
            self._awake.rotate(-1)
            if not user.busy and not user.queue:
                return user
        shortest = min(self._awake, key=lambda user: len(user.queue), default=None)
        if shortest is not None and len(shortest.queue) < QUEUE_LIMIT:
            return shortest
        sleepers = [user for user in self._users if not user.awake and not user.busy and not user.queue]
        if sleepers:
            earliest = min(sleepers, key=lambda user: user.wakes_at)
            self._wake(earliest, budget=self._burst)
            return earliest
        # All are busy: their queues make the wait visible, which a request that is not sent would hide.
        shortest = min(self._users, key=lambda user: len(user.queue))
        return shortest if len(shortest.queue) < QUEUE_LIMIT else None

    def _wake(self, user: User, *, budget: int) -> None:
        if not user.awake:
            user.awake = True
            user.budget = budget
            self._awake.append(user)

    def _sleep(self, user: User) -> None:
        low, high = self._plan.idle_range
        idle = self._random.uniform(low, high)
        if self._random.randrange(BEYOND_EVERY) == 0:
            idle = self._random.uniform(high, self._plan.idle_beyond)
        user.wakes_at = self._loop.time() + idle
        self._loop.call_at(user.wakes_at, self._wake_on_time, user, user.wakes_at)

    def _wake_on_time(self, user: User, wakes_at: float) -> None:
        if user.wakes_at == wakes_at and not user.busy:
            self._wake(user, budget=self._burst)

    def _continue(self, user: User) -> None:
        """Send the next queued request, on the kept connection if it is still good."""
        if user.busy or not user.queue:
            return
        connection = user.connection
        if connection is not None and connection.closed:
            self._recorder.idle_closes += 1
            connection = user.connection = None
        if connection is not None and connection.unread():
            # What the kernel holds may be the server's EOF: let the loop read it before deciding.
            self._loop.call_later(RECHECK_SECONDS, self._continue, user)
            return
        scheduled, path = user.queue.popleft()
        number, body = None, b""
        if path is Path.POSTS:
            number, post = self._recorder.next_post()
            body = f'{{"id":"{post}"}}'.encode()
        request = Request(
            kind=Kind.KEEP_ALIVE if number is None else Kind.POST,
            path=path,
            payload=self._target.request(
                "GET" if number is None else "POST", path, cookie=user.cookie, agent=f"user {user.number}", body=body
            ),
            scheduled=scheduled,
            finished=self._finished,
            user=user.number,
            post_number=number,
        )
        user.busy = True
        self._in_flight.add(request)
        self._dialer.begin(request, plan=self._plan, recorder=self._recorder, session=user.session, kept=connection)

    def _finished(self, request: Request, response: ResponseReader | None, reason: str | None) -> None:
        user = self._users[request.user - 1]
        self._in_flight.discard(request)
        cookie = color_cookie(response, self._target.cookie_name) if response else None
        self._recorder.record(request, response, reason, cookie=cookie is not None)
        self._recorder.cookie_changes += user.learn(cookie)
        user.busy = False
        connection = request.connection
        reusable = response is not None and not response.last and connection is not None
        user.connection = connection if reusable else None
        if connection is not None and request.served == 0:
            user.session = connection.session or user.session
        if user.queue:
            self._continue(user)
        elif not user.awake:
            self._sleep(user)
