"""Connections to PostgreSQL that outlive its restarts."""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg

from demo.outage import UnavailableError, first_line
from demo.settings import Login

Connection = psycopg.AsyncConnection[tuple[Any, ...]]

# On a busy machine PostgreSQL takes seconds to begin a session, and users would rather wait than read an error.
CONNECT_SECONDS: Final = 10
USE_SECONDS: Final = 12.0
MOST_CONNECTIONS: Final = 8
# Both ends must notice a peer that died without a word: an advisory lock lives as long as its session. What the
# platform says of sessions (how long a migration waits for a lock) is not read where a program says `options` itself.
# PgBouncer refuses a space at their end.
SESSION_OPTIONS: Final = "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"


async def connect(login: Login, *, application: str) -> Connection:
    """Open one connection in autocommit mode.

    Raises:
        UnavailableError: the database does not answer, or refuses; it may be there a moment later.
    """
    try:
        return await psycopg.AsyncConnection.connect(
            host=login.host,
            dbname=login.database,
            user=login.user,
            password=login.password(),
            application_name=application,
            connect_timeout=CONNECT_SECONDS,
            tcp_user_timeout=5000,
            options=" ".join(filter(None, (SESSION_OPTIONS, os.environ.get("PGOPTIONS")))),
            autocommit=True,
        )
    except (psycopg.Error, OSError) as error:
        raise UnavailableError(f"database: {first_line(error)}") from error


class Database:
    """A small pool: the database may start later than the demo, and restart under it."""

    def __init__(self, login: Login, *, application: str) -> None:
        self._login = login
        self._application = application
        self._idle: list[Connection] = []
        self._slots = asyncio.Semaphore(MOST_CONNECTIONS)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection for `USE_SECONDS` at most; one that saw an error is not lent again.

        Raises:
            UnavailableError: the database does not answer in time, or refuses the statement.
        """
        try:
            async with asyncio.timeout(USE_SECONDS), self._slots:
                connection = self._take() or await connect(self._login, application=self._application)
                try:
                    yield connection
                except BaseException:
                    await connection.close()
                    raise
                self._idle.append(connection)
        except (psycopg.Error, TimeoutError) as error:
            raise UnavailableError(f"database: {first_line(error)}") from error

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            # Nothing is to be read from an idle connection, unless the server has closed it.
            readable, _, _ = select.select([connection.fileno()], [], [], 0)
            if not readable:
                return connection
        return None

    async def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            await self._idle.pop().close()
