"""`migrate ID`: applies one migration exactly once, and only where it could be undone by a restore."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Final

import psycopg

from demo.database import Connection, connect
from demo.gate import RefusedError, check_backup, read_migration
from demo.outage import UnavailableError, first_line
from demo.settings import Settings

LOCK: Final = 0xC0108
DATABASE_SECONDS: Final = 60.0
LEDGER: Final = """
    CREATE TABLE IF NOT EXISTS colorway_migrations (
        id text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now(), applied_by text NOT NULL
    )
"""
USER_TABLES: Final = """
    SELECT count(*) FROM pg_catalog.pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND tablename <> 'colorway_migrations'
"""


async def _connect(settings: Settings) -> Connection:
    deadline = time.monotonic() + DATABASE_SECONDS
    while True:
        try:
            return await connect(settings.postgres, application="migrate")
        except UnavailableError as error:
            if time.monotonic() > deadline:
                raise RefusedError(f"no answer within {DATABASE_SECONDS:.0f} s: {error}") from error
            await asyncio.sleep(0.5)


async def _apply(connection: Connection, settings: Settings, name: str) -> str:
    identity = settings.identity
    async with connection.transaction():
        # Held to the end of the transaction: a second `migrate` waits here, then finds the ledger's row.
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        await connection.execute(LEDGER)
        ledger = await connection.execute("SELECT 1 FROM colorway_migrations WHERE id = %s", (name,))
        if await ledger.fetchone():
            return f"migration {name}: already applied"
        row = await (await connection.execute(USER_TABLES)).fetchone()
        check_backup(name, backup=settings.backup, user_tables=int(row[0]) if row else 0)
        await connection.execute(read_migration(name).encode())
        await connection.execute(
            "INSERT INTO colorway_migrations (id, applied_by) VALUES (%s, %s)",
            (name, f"{identity.color} {identity.version} on {identity.host}"),
        )
    return f"migration {name}: applied by {identity.color} {identity.version}"


async def run_migration(settings: Settings, name: str) -> int:
    """Apply a migration, print one line and return the exit code: 0 if the ledger holds it now, else 1."""
    try:
        connection = await _connect(settings)
        try:
            line = await _apply(connection, settings, name)
        finally:
            await connection.close()
    except RefusedError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    except psycopg.Error as error:
        sys.stdout.write(f"migration {name}: failed and undone: {first_line(error)}\n")
        return 1
    sys.stdout.write(f"{line}\n")
    return 0
