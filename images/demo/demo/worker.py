"""The worker: takes jobs from Redis, does each exactly once in PostgreSQL, survives the loss of either."""

from __future__ import annotations

import asyncio
import logging
import uuid
from contextlib import suppress
from typing import Final, Protocol

from demo.outage import StateLog, UnavailableError
from demo.settings import Settings
from demo.signs import pause, show_life, stop_on_signal

BEAT_SECONDS: Final = 1.0
RECOVER_SECONDS: Final = 3.0
LEAVE_SECONDS: Final = 3.0


class Queue(Protocol):
    """Where jobs come from; its methods raise UnavailableError."""

    async def take(self, worker: str) -> str | None:
        """Return a job that is now in the worker's hand, or None."""

    async def done(self, worker: str, job: str) -> None:
        """Forget a job."""

    async def beat(self, worker: str) -> None:
        """Show that a worker lives."""

    async def leave(self, worker: str) -> None:
        """Put back what a worker has in hand."""

    async def recover(self) -> list[str]:
        """Put back what dead workers have in hand, and name them."""


class Ledger(Protocol):
    """Where the effects of jobs go; its methods raise UnavailableError."""

    async def begin_job(self, job: str) -> None:
        """Count an attempt."""

    async def finish_job(self, job: str) -> bool:
        """Give a job its effect; False if it had it before."""


class Worker:
    """One worker, under a name of its own."""

    def __init__(self, *, queue: Queue, ledger: Ledger, job_seconds: float, logger: logging.Logger) -> None:
        self.name = uuid.uuid4().hex
        self._queue = queue
        self._ledger = ledger
        self._job_seconds = job_seconds
        self._logger = logger
        self._work_state = StateLog(logger)

    async def work(self, stop: asyncio.Event) -> None:
        """Do jobs until told to stop; the job in hand is finished."""
        while not stop.is_set():
            try:
                job = await self._queue.take(self.name)
                if job is not None:
                    await self._do(job)
            except UnavailableError as error:
                self._work_state.report(f"waiting: {error}")
                await pause(stop, seconds=1)
            else:
                self._work_state.report("working")

    async def _do(self, job: str) -> None:
        await self._ledger.begin_job(job)
        await asyncio.sleep(self._job_seconds)
        if not await self._ledger.finish_job(job):
            self._logger.info("job %s was done before; its second delivery changed nothing", job)
        await self._queue.done(self.name, job)

    async def beat(self) -> None:
        """Show other workers that this one lives; never returns."""
        while True:
            with suppress(UnavailableError):  # work() says so
                await self._queue.beat(self.name)
            await asyncio.sleep(BEAT_SECONDS)

    async def recover(self) -> None:
        """Put back what dead workers had in hand; never returns."""
        while True:
            try:
                for dead in await self._queue.recover():
                    self._logger.info("worker %s is dead; its jobs are back in the queue", dead)
            except UnavailableError:
                pass  # work() says so
            await asyncio.sleep(RECOVER_SECONDS)

    async def leave(self) -> None:
        """Put back what could not be done, if Redis answers; otherwise the heartbeat's end says it."""
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._queue.leave(self.name)
        except (UnavailableError, TimeoutError) as error:
            self._logger.info("left without saying so: %s", error)


async def run_worker(settings: Settings) -> None:
    """Work until SIGTERM."""
    from demo.database import Database  # noqa: PLC0415 - tests run the worker without the drivers
    from demo.jobs import JobQueue, open_redis  # noqa: PLC0415 - same
    from demo.store import Store  # noqa: PLC0415 - same

    stop = stop_on_signal()
    logger = logging.getLogger(f"{settings.identity.service} {settings.identity.color}")
    database = Database(settings.postgres, application=settings.identity.service)
    redis = open_redis(settings.redis)
    worker = Worker(
        queue=JobQueue(redis),
        ledger=Store(database, settings.identity),
        job_seconds=settings.job_seconds,
        logger=logger,
    )
    background = [asyncio.create_task(worker.beat()), asyncio.create_task(worker.recover())]
    if not settings.faults.never_healthy:
        background.append(asyncio.create_task(show_life()))
    await worker.work(stop)
    await worker.leave()
    for task in background:
        task.cancel()
    await database.close()
    await redis.aclose()
    logger.info("stopped")
