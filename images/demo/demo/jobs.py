"""The queue of jobs in Redis: a job is always in exactly one list until it is done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import RedisError

from demo.outage import UnavailableError, first_line
from demo.settings import Login

PENDING: Final = "jobs:pending"
WORKING: Final = "jobs:working:"
ALIVE: Final = "jobs:alive:"
VISITS: Final = "visits"
WAIT_SECONDS: Final = 1
"""How long a worker waits for a job in one go; shorter than the socket's time-out."""
LIFE_SECONDS: Final = 6
"""A worker that did not show itself for so long is dead, and its jobs are anybody's."""


class FilePassword(CredentialProvider):
    """Reads the password for each connection anew."""

    def __init__(self, login: Login) -> None:
        self._login = login

    def get_credentials(self) -> tuple[str]:
        """Return the password of Redis's default user."""
        return (self._login.password(),)

    async def get_credentials_async(self) -> tuple[str]:
        """Return the same; the file is in memory, so reading it blocks nobody."""
        return self.get_credentials()


def open_redis(login: Login) -> Redis:
    """Return a client that connects when it is first used; it never repeats a command by itself."""
    return Redis(
        host=login.host,
        credential_provider=FilePassword(login),
        socket_timeout=3,
        socket_connect_timeout=2,
        decode_responses=True,
        retry=Retry(NoBackoff(), 0),
    )


@asynccontextmanager
async def answering() -> AsyncIterator[None]:
    """Turn every failure of Redis into UnavailableError."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise UnavailableError(f"redis: {first_line(error)}") from error


class JobQueue:
    """Pending jobs, and one list for each worker of what it has in hand; raises UnavailableError."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def ping(self) -> None:
        """Return once Redis answers."""
        async with answering():
            await self._redis.ping()

    async def put(self, job: str) -> None:
        """Add a job at the end of the queue."""
        async with answering():
            await self._redis.lpush(PENDING, job)

    async def take(self, worker: str) -> str | None:
        """Move the oldest job into the worker's list; None if there was none for a second.

        What the list holds already comes first: a move whose answer was lost left its job there.
        """
        async with answering():
            own = f"{WORKING}{worker}"
            in_hand = await self._redis.lindex(own, -1)
            return in_hand or await self._redis.blmove(PENDING, own, WAIT_SECONDS, "RIGHT", "LEFT")

    async def done(self, worker: str, job: str) -> None:
        """Forget a job that is in the ledger."""
        async with answering():
            await self._redis.lrem(f"{WORKING}{worker}", 1, job)

    async def beat(self, worker: str) -> None:
        """Show that a worker lives."""
        async with answering():
            await self._redis.set(f"{ALIVE}{worker}", "1", ex=LIFE_SECONDS)

    async def leave(self, worker: str) -> None:
        """Put back what a worker has in hand and forget it."""
        async with answering():
            await self._put_back(worker)
            await self._redis.delete(f"{ALIVE}{worker}")

    async def recover(self) -> list[str]:
        """Put back the jobs of dead workers and return those workers' names."""
        async with answering():
            dead = []
            async for key in self._redis.scan_iter(match=f"{WORKING}*"):
                worker = key.removeprefix(WORKING)
                if not await self._redis.exists(f"{ALIVE}{worker}"):
                    await self._put_back(worker)
                    dead.append(worker)
            return dead

    async def pending(self) -> int:
        """Return how many jobs are not done: waiting, or in a worker's hand."""
        async with answering():
            total = await self._redis.llen(PENDING)
            async for key in self._redis.scan_iter(match=f"{WORKING}*"):
                total += await self._redis.llen(key)
            return int(total)

    async def _put_back(self, worker: str) -> None:
        while await self._redis.lmove(f"{WORKING}{worker}", PENDING, "RIGHT", "RIGHT"):
            pass


class VisitCache:
    """The last known number of visits, for those who only look; raises UnavailableError."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def put(self, visits: int) -> None:
        """Remember the number."""
        async with answering():
            await self._redis.set(VISITS, visits)

    async def get(self) -> int | None:
        """Return the number, or None if nobody has visited yet."""
        async with answering():
            text = await self._redis.get(VISITS)
            return int(text) if text else None
