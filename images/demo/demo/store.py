"""What the demo keeps in PostgreSQL."""

from __future__ import annotations

from typing import Any, Final, LiteralString

from demo.database import Database
from demo.settings import Identity

VISIT: Final = "UPDATE visits SET total = total + 1 RETURNING total"
POST: Final = "INSERT INTO posts (id, color) VALUES (%s, %s)"
POSTS: Final = "SELECT id, count(*) FROM posts WHERE starts_with(id, %s) GROUP BY id"
ATTEMPT: Final = "INSERT INTO job_attempts (id, color, host) VALUES (%s, %s, %s)"
LEDGER: Final = "INSERT INTO job_ledger (id) VALUES (%s) ON CONFLICT DO NOTHING"
RUN: Final = "INSERT INTO job_runs (id, color, host) VALUES (%s, %s, %s)"
RUNS: Final = "SELECT id, count(*) FROM job_runs WHERE starts_with(id, %s) GROUP BY id"
ATTEMPTS: Final = "SELECT id, count(*) FROM job_attempts WHERE starts_with(id, %s) GROUP BY id"
LIFETIMES: Final = """
    SELECT id, color, version, host, ticks, started_at, last_beat_at, ended_at
    FROM scheduler_lifetimes ORDER BY id DESC LIMIT 100
"""


class Store:
    """The demo's tables; every method raises UnavailableError when the database does not answer."""

    def __init__(self, database: Database, identity: Identity) -> None:
        self._database = database
        self._identity = identity

    async def ping(self) -> None:
        """Return once the database answers and has its tables."""
        await self._rows("SELECT total FROM visits")

    async def add_visit(self) -> int:
        """Count one visit and return how many there were."""
        [(total,)] = await self._rows(VISIT)
        return int(total)

    async def add_post(self, post: str) -> None:
        """Write one row; nothing prevents a second one, so a request that ran twice shows."""
        async with self._database.connection() as connection:
            await connection.execute(POST, (post, self._identity.color))

    async def count_posts(self, prefix: str) -> dict[str, int]:
        """Return how often each post with a prefix was written."""
        return dict(await self._rows(POSTS, prefix))

    async def begin_job(self, job: str) -> None:
        """Note that a worker took a job, in a transaction of its own: attempts are counted, whatever follows."""
        async with self._database.connection() as connection:
            await connection.execute(ATTEMPT, (job, self._identity.color, self._identity.host))

    async def finish_job(self, job: str) -> bool:
        """Do a job's work in the transaction that enters it into the ledger; False if it was done before."""
        async with self._database.connection() as connection, connection.transaction():
            entered = await connection.execute(LEDGER, (job,))
            if entered.rowcount == 0:
                return False
            await connection.execute(RUN, (job, self._identity.color, self._identity.host))
            return True

    async def count_runs(self, prefix: str) -> dict[str, int]:
        """Return how often each job with a prefix had its effect; once each is what is promised."""
        return dict(await self._rows(RUNS, prefix))

    async def count_attempts(self, prefix: str) -> dict[str, int]:
        """Return how often each job with a prefix was taken by a worker."""
        return dict(await self._rows(ATTEMPTS, prefix))

    async def lifetimes(self) -> list[dict[str, Any]]:
        """Return the last hundred lives of schedulers, newest first."""
        names = ("id", "color", "version", "host", "ticks", "started", "last_beat", "ended")
        rows = await self._rows(LIFETIMES)
        return [
            {
                name: value.isoformat() if hasattr(value, "isoformat") else value
                for name, value in zip(names, row, strict=True)
            }
            for row in rows
        ]

    async def _rows(self, statement: LiteralString, *arguments: str) -> list[tuple[Any, ...]]:
        async with self._database.connection() as connection:
            return await (await connection.execute(statement, arguments)).fetchall()
