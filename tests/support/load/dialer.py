"""Opens connections to one target."""

from __future__ import annotations

import asyncio
import os
import ssl
from typing import TYPE_CHECKING

from tests.support.load.connection import Connection, Exchange

if TYPE_CHECKING:
    from tests.support.load.plan import Target


class Dialer:
    """Opens connections to one target, each for the request that it is to send first."""

    def __init__(self, target: Target, *, loop: asyncio.AbstractEventLoop) -> None:
        self._target = target
        self._loop = loop
        self._context = client_context() if target.tls else None

    def dial(self, exchange: Exchange, *, session: ssl.SSLSession | None = None) -> Connection:
        """Connect, send the exchange's request, and tell it how that ends."""
        connection = Connection(exchange)
        if self._context is not None:
            connection.use_tls(self._context, server_name=self._target.server_name, session=session)
        connection.opening = self._loop.create_task(self._open(connection))
        return connection

    async def _open(self, connection: Connection) -> None:
        try:
            await self._loop.create_connection(lambda: connection, self._target.host, self._target.port)
        except OSError as error:
            connection.opening = None
            connection.cut(f"connecting failed: {os.strerror(error.errno) if error.errno else error}")
        else:
            connection.opening = None


def client_context() -> ssl.SSLContext:
    """Return TLS settings that accept any certificate: the load asks whether answers come, not from whom."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
