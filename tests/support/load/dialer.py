"""Opens connections to one target."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from typing import TYPE_CHECKING

from tests.support.load.connection import Connection, Exchange

if TYPE_CHECKING:
    from tests.support.load.plan import LoadPlan, Target
    from tests.support.load.recorder import Recorder, Request


class Dialer:
    """Opens connections to one target, each for the request that it is to send first."""

    def __init__(self, target: Target, *, loop: asyncio.AbstractEventLoop) -> None:
        self._target = target
        self._loop = loop
        self._context = client_context() if target.tls else None

    def begin(
        self,
        request: Request,
        *,
        plan: LoadPlan,
        recorder: Recorder,
        session: ssl.SSLSession | None = None,
        kept: Connection | None = None,
    ) -> None:
        """Send a request, on the kept connection if there is one; where that gets no answer, to the second address."""
        timeout, second = plan.request_timeout, self._target.second

        def again() -> None:
            recorder.second_tries += 1
            request.deadline = time.monotonic() + timeout
            request.connection = self._dial(request, second or ("", 0), session=None)

        request.begin(timeout=plan.first_try if second else timeout, connection=kept, again=again if second else None)
        if kept is None:
            request.connection = self.dial(request, session=session)
        else:
            kept.send(request)

    def dial(self, exchange: Exchange, *, session: ssl.SSLSession | None = None) -> Connection:
        """Connect, send the exchange's request, and tell it how that ends."""
        return self._dial(exchange, (self._target.host, self._target.port), session=session)

    def _dial(self, exchange: Exchange, address: tuple[str, int], *, session: ssl.SSLSession | None) -> Connection:
        connection = Connection(exchange)
        if self._context is not None:
            connection.use_tls(self._context, server_name=self._target.server_name, session=session)
        connection.opening = self._loop.create_task(self._open(connection, address))
        return connection

    async def _open(self, connection: Connection, address: tuple[str, int]) -> None:
        try:
            await self._loop.create_connection(lambda: connection, *address)
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
