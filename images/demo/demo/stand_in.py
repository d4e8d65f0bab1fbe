"""`stand-in`: answers, works or waits in the place of somebody else's service, to rehearse a platform without it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
import pymysql
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute

from demo.asgi import App
from demo.database import CONNECT_SECONDS, connect
from demo.echo import Echo
from demo.jobs import answering, open_redis
from demo.outage import UnavailableError, first_line
from demo.settings import Identity, Login
from demo.signs import show_life, stop_on_signal

STORES: Final = "STAND_IN_STORES"
"""Environment variable with the data stores that it uses: names and kinds, `postgres=postgresql redis=redis`."""
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
LEDGER: Final = """
    CREATE TABLE IF NOT EXISTS colorway_migrations (
        id varchar(64) PRIMARY KEY, applied_at timestamp NOT NULL DEFAULT current_timestamp
    )
"""


@dataclass(frozen=True, kw_only=True)
class UsedStore:
    """A data store that the service uses."""

    kind: str
    login: Login

    async def ping(self) -> None:
        """Log in and ask it something.

        Raises:
            UnavailableError: it does not answer, or refuses.
        """
        match self.kind:
            case "postgresql":
                connection = await connect(self.login, application="stand-in")
                await connection.close()
            case "mariadb":
                connection = await asyncio.to_thread(mariadb, self.login)
                connection.close()
            case _:
                await ping(open_redis(self.login))


def mariadb(login: Login) -> pymysql.Connection:
    """Open a connection to MariaDB.

    Raises:
        UnavailableError: it does not answer, or refuses.
    """
    try:
        return pymysql.connect(
            host=login.host,
            user=login.user,
            password=login.password(),
            database=login.database,
            connect_timeout=CONNECT_SECONDS,
            autocommit=True,
        )
    except (pymysql.Error, OSError) as error:
        raise UnavailableError(f"mariadb: {first_line(error)}") from error


async def ping(redis: Redis) -> None:
    """Ask a Redis or Valkey, and hang up."""
    async with answering():
        await redis.ping()
        await redis.aclose()


def used_stores(environ: Mapping[str, str]) -> dict[str, UsedStore]:
    """Return the data stores by name; POSTGRES_HOST, _DATABASE, _USER and _PASSWORD_FILE say more of `postgres`."""
    found = {}
    for name, _, kind in (one.partition("=") for one in environ.get(STORES, "").split()):
        prefix = name.upper().replace("-", "_")
        found[name] = UsedStore(
            kind=kind,
            login=Login(
                host=environ.get(f"{prefix}_HOST", name),
                database=environ.get(f"{prefix}_DATABASE", ""),
                user=environ.get(f"{prefix}_USER", ""),
                password_file=Path(environ.get(f"{prefix}_PASSWORD_FILE", "/dev/null")),
            ),
        )
    return found


def make_stand_in(identity: Identity, stores: Mapping[str, UsedStore]) -> App:
    """Return an application that says on every path who answers, and below `…/stores` whether its stores do."""

    async def anything(request: Request) -> Response:
        said = {**identity.as_json(), "asked": request.headers.get("host", ""), "path": request.url.path}
        if not request.url.path.endswith("/stores"):
            return JSONResponse(said)
        missing = {}
        for name, store in stores.items():
            try:
                await store.ping()
            except UnavailableError as error:
                missing[name] = str(error)
        said |= {"stores": " ".join(stores), "missing": missing}
        return JSONResponse(said, status_code=503 if missing else 200)

    return Starlette(
        routes=[
            Route("/{path:path}", anything, methods=list(METHODS)),
            WebSocketRoute("/{path:path}", Echo(identity)),
        ]
    )


async def work() -> None:
    """Be alive until SIGTERM, as a worker without jobs is."""
    stop = stop_on_signal()
    alive = asyncio.create_task(show_life())
    await stop.wait()
    alive.cancel()


async def migrate(stores: Mapping[str, UsedStore], name: str) -> int:
    """Apply a migration that makes one table, once, in the first database; print one line and return the exit code."""
    table = f"stand_in_{name.replace('-', '_')}"
    # An id of a manifest: digits, small letters and -.
    note = f"""
        INSERT INTO colorway_migrations (id) SELECT '{name}' FROM (SELECT 1) AS one
        WHERE NOT EXISTS (SELECT 1 FROM colorway_migrations WHERE id = '{name}')
    """  # noqa: S608
    statements = [LEDGER, f"CREATE TABLE IF NOT EXISTS {table} (id integer)", note]
    database = next((one for one in stores.values() if one.kind in {"postgresql", "mariadb"}), None)
    try:
        if database is not None and database.kind == "postgresql":
            async with await connect(database.login, application="migrate") as connection:
                for statement in statements:
                    await connection.execute(statement.encode())
        elif database is not None:
            with await asyncio.to_thread(mariadb, database.login) as connection, connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
    except (UnavailableError, psycopg.Error, pymysql.Error) as error:
        sys.stdout.write(f"migration {name}: {first_line(error)}\n")
        return 1
    sys.stdout.write(f"migration {name}: there is the table {table}\n")
    return 0
