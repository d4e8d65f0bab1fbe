"""The scheduler: one at a time, whatever the release does, because PostgreSQL's lock says so."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Final

import psycopg

from demo.database import USE_SECONDS, Connection, connect
from demo.jobs import JobQueue, open_redis
from demo.outage import StateLog, UnavailableError, first_line
from demo.settings import Settings
from demo.signs import pause, show_life, stop_on_signal

LOCK: Final = 0xC0107
BEAT_SECONDS: Final = 1.0
BORN: Final = "INSERT INTO scheduler_lifetimes (color, version, host) VALUES (%s, %s, %s) RETURNING id"
BEAT: Final = """
    UPDATE scheduler_lifetimes SET last_beat_at = now(), ticks = ticks + 1
    WHERE id = %s RETURNING nextval('tick_numbers')
"""
ENDED: Final = "UPDATE scheduler_lifetimes SET ended_at = now(), last_beat_at = now() WHERE id = %s"
FORGET: Final = """
    WITH old AS (DELETE FROM job_ledger WHERE id LIKE 'tick-%' AND at < now() - interval '1 day' RETURNING id),
    runs AS (DELETE FROM job_runs WHERE id IN (SELECT id FROM old))
    DELETE FROM job_attempts WHERE id IN (SELECT id FROM old)
"""
FORGET_EVERY: Final = 600


class Scheduler:
    """One scheduler: waits for the lock, lives while its session lives."""

    def __init__(self, settings: Settings, *, queue: JobQueue, stop: asyncio.Event) -> None:
        identity = settings.identity
        self._settings = settings
        self._queue = queue
        self._stop = stop
        self._logger = logging.getLogger(f"{identity.service} {identity.color}")
        self._state = StateLog(self._logger)
        self._queue_state = StateLog(self._logger)

    async def run(self) -> None:
        """Be the scheduler whenever the lock can be had, until told to stop."""
        while not self._stop.is_set():
            try:
                connection = await connect(self._settings.postgres, application=self._settings.identity.service)
                try:
                    await self._serve(connection)
                finally:
                    # Not by `async with`: a lost connection must not raise once more.
                    with suppress(psycopg.Error):
                        await connection.close()
            except (UnavailableError, psycopg.Error, TimeoutError) as error:
                self._state.report(f"waiting: {first_line(error)}")
                await pause(self._stop, seconds=1)

    async def _serve(self, connection: Connection) -> None:
        while not await self._ask(connection, "SELECT pg_try_advisory_lock(%s)", LOCK):
            self._state.report("waiting: another scheduler holds the lock")
            await pause(self._stop, seconds=BEAT_SECONDS)
            if self._stop.is_set():
                return
        identity = self._settings.identity
        life = await self._ask(connection, BORN, identity.color, identity.version, identity.host)
        self._state.report(f"life {life} began: {identity.color} {identity.version} on {identity.host}")
        ticks = 0
        while not self._stop.is_set():
            # The statement runs in the lock's own session: if it succeeds, the lock is still held.
            await self._tick(await self._ask(connection, BEAT, life))
            ticks += 1
            if ticks % FORGET_EVERY == 0:
                await connection.execute(FORGET)
            await pause(self._stop, seconds=BEAT_SECONDS)
        async with asyncio.timeout(USE_SECONDS):
            await connection.execute(ENDED, (life,))
        self._state.report(f"life {life} ended after {ticks} ticks")

    async def _ask(self, connection: Connection, statement: str, *arguments: object) -> int:
        async with asyncio.timeout(USE_SECONDS):
            row = await (await connection.execute(statement, arguments)).fetchone()
        return int(row[0]) if row else 0

    async def _tick(self, number: int) -> None:
        try:
            await self._queue.put(f"tick-{number}")
        except UnavailableError as error:
            self._queue_state.report(f"ticks are lost: {error}")
        else:
            self._queue_state.report("ticking")


async def run_scheduler(settings: Settings) -> None:
    """Schedule until SIGTERM."""
    stop = stop_on_signal()
    redis = open_redis(settings.redis)
    life = None if settings.faults.never_healthy else asyncio.create_task(show_life())
    await Scheduler(settings, queue=JobQueue(redis), stop=stop).run()
    if life is not None:
        life.cancel()
    await redis.aclose()
