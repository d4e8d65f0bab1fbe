"""uvicorn as the demo wants it: one process, quiet, and polite when it stops."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import uvicorn

from demo.api import make_api
from demo.asgi import App
from demo.database import Database
from demo.faults import with_faults
from demo.jobs import JobQueue, VisitCache, open_redis
from demo.peer import Peer
from demo.settings import Settings
from demo.store import Store
from demo.web import make_web

KEEP_ALIVE_SECONDS: Final = 75
"""Longer than nginx keeps idle connections to us: whoever sends requests must be the one who closes."""
LINGER_SECONDS: Final = 1.0
"""A request that was on its way when SIGTERM came still finds its connection open."""


class PoliteServer(uvicorn.Server):
    """Stops in two steps: answers what still arrives with `Connection: close`, then closes what is idle.

    WebSockets are never idle: uvicorn closes them in the second step, with 1012, so that their clients come back.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave by the exit code 0: uvicorn's own way raises the signal again at the end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def shutdown(self, sockets: list[object] | None = None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Stop accepting, finish what is in flight, go."""
        for server in self.servers:
            server.close()
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        await asyncio.sleep(LINGER_SECONDS)
        await super().shutdown()


async def serve(app: App, settings: Settings, *, more: Sequence[int] = ()) -> None:
    """Serve an application until SIGTERM, and at most GRACE_SECONDS longer; `more` are further ports."""
    identity = settings.identity
    config = uvicorn.Config(
        with_faults(app, settings.faults),
        host="0.0.0.0",  # noqa: S104 - a container's network is its own
        port=settings.port,
        http="httptools",
        ws="wsproto",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.grace_seconds,
        headers=[
            ("X-Colorway-Service", identity.service),
            ("X-Colorway-Color", identity.color),
            ("X-Colorway-Version", identity.version),
        ],
    )
    ports = (settings.port, *more) if more else ()
    await PoliteServer(config).serve([socket.create_server(("", port)) for port in ports] or None)


async def serve_api(settings: Settings) -> None:
    """Serve the API."""
    database = Database(settings.postgres, application=settings.identity.service)
    redis = open_redis(settings.redis)
    store = Store(database, settings.identity)
    await serve(make_api(settings, store=store, jobs=JobQueue(redis), visits=VisitCache(redis)), settings)
    await database.close()
    await redis.aclose()


async def serve_web(settings: Settings) -> None:
    """Serve the page."""
    database = Database(settings.postgres, application=settings.identity.service)
    redis = open_redis(settings.redis)
    store = Store(database, settings.identity)
    peer = Peer(settings.api_url)
    await serve(make_web(settings, store=store, visits=VisitCache(redis), jobs=JobQueue(redis), peer=peer), settings)
    await database.close()
    await redis.aclose()
