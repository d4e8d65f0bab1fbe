"""A client connection that knows EOF: closed while idle is never reused, broken under way is a failure."""

from __future__ import annotations

import asyncio
import select
import ssl
import time
from typing import Protocol, cast

from typing_extensions import override

from tests.support.load.record import Progress
from tests.support.load.response import BadResponseError, ResponseReader

READ_SIZE = 262_144
READABLE = select.POLLIN | select.POLLHUP | select.POLLERR
COLOR_HEADER = b"x-colorway-color"
WANTED = frozenset({COLOR_HEADER})


class Exchange(Protocol):
    """One request, and who is told how it ends; exactly one of the two methods is called, once."""

    payload: bytes
    keep_body: bool

    def answered(self, connection: Connection, response: ResponseReader) -> None:
        """Take a complete response, whatever its status."""

    def broke(self, connection: Connection, reason: str) -> None:
        """Take the reason why there is no complete response; the connection is gone."""


class Connection(asyncio.Protocol):
    """One TCP connection, with TLS or without, and at most one request under way.

    TLS runs on memory buffers here: that allows session resumption, which asyncio's own TLS does not,
    and the end of the handshake and the request leave in one packet.

    Attributes:
        opened: When connecting began, `time.monotonic()` seconds.
        last_used: When the last response was complete.
        last_data: When the last bytes came.
        served: Responses so far.
        closed: Whether the peer closed it, or we did; such a connection is never reused.
    """

    __slots__ = (
        "_exchange", "_incoming", "_outgoing", "_poller", "_ready", "_tls", "_transport",
        "closed", "last_data", "last_used", "opened", "opening", "response", "served",
    )  # fmt: skip

    def __init__(self, exchange: Exchange) -> None:
        self._exchange: Exchange | None = exchange
        self._transport: asyncio.Transport | None = None
        self._tls: ssl.SSLObject | None = None
        self._poller: select.poll | None = None
        self._ready = False
        self.opening: asyncio.Task[None] | None = None
        self.response: ResponseReader | None = None
        self.opened = self.last_used = self.last_data = time.monotonic()
        self.served = 0
        self.closed = False

    def use_tls(self, context: ssl.SSLContext, *, server_name: str, session: ssl.SSLSession | None) -> None:
        """Speak TLS as soon as the TCP connection is open."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name, session=session)

    @property
    def session(self) -> ssl.SSLSession | None:
        """What a later connection needs to resume this TLS session."""
        return self._tls.session if self._tls else None

    @property
    def encrypted(self) -> bool:
        """Whether a TLS handshake was completed."""
        return self._tls is not None and self._ready

    @property
    def resumed(self) -> bool:
        """Whether the TLS handshake was a resumed one."""
        return bool(self._tls and self._ready and self._tls.session_reused)

    @property
    def progress(self) -> Progress:
        """How far the request under way got."""
        if self._transport is None:
            return Progress.CONNECTING
        if not self._ready:
            return Progress.HANDSHAKE
        if self.response is None or not self.response.started:
            return Progress.SENT
        return Progress.HEAD if self.response.status == 0 else Progress.BODY

    def unread(self) -> bool:
        """Say whether the kernel holds something for this idle connection that the loop has not read yet.

        It may be the EOF: a client that looks before it writes, as browsers do, would see it too.
        """
        return self._poller is not None and bool(self._poller.poll(0))

    def send(self, exchange: Exchange) -> None:
        """Write the next request of an open, idle connection."""
        self._exchange = exchange
        self._write_request()

    def cut(self, reason: str) -> None:
        """Give up: the request under way, if there is one, broke for this reason."""
        if self.opening is not None and self._transport is None:
            self.opening.cancel()
        self._break(reason)

    def close(self) -> None:
        """Close the connection; a request under way is abandoned, and its exchange is told nothing."""
        self._exchange = None
        self.closed = True
        if self._transport is not None:
            self._transport.close()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start TLS, or send at once."""
        self._transport = cast("asyncio.Transport", transport)
        if self.closed:
            self._transport.abort()
            return
        self._poller = select.poll()
        self._poller.register(transport.get_extra_info("socket").fileno(), READABLE)
        if self._tls is not None:
            self._shake_hands()
        else:
            self._ready = True
            self._write_request()

    @override
    def data_received(self, data: bytes) -> None:
        """Decrypt and feed the response under way."""
        self.last_data = time.monotonic()
        if self._tls is None:
            self._feed(data)
            return
        self._incoming.write(data)
        if not self._ready and not self._shake_hands():
            return
        self._decrypt()

    @override
    def eof_received(self) -> None:
        """Never reuse; a request under way is lost. The transport closes itself."""
        self._break("the server closed the connection (EOF)")

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Never reuse; a request under way is lost."""
        if isinstance(exc, ConnectionResetError | BrokenPipeError):
            self._break("the server reset the connection (RST)")
        else:
            self._break(f"the connection broke: {exc}" if exc else "the server closed the connection (EOF)")

    def _shake_hands(self) -> bool:
        assert self._tls is not None, "only TLS connections shake hands"
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError as error:
            self._break(f"the TLS handshake failed: {error.reason or error}")
            return False
        self._ready = True
        self._write_request()
        return True

    def _write_request(self) -> None:
        if self._exchange is None or self._transport is None:
            return
        self.response = ResponseReader(keep_body=self._exchange.keep_body, wanted=WANTED)
        if self._tls is None:
            self._transport.write(self._exchange.payload)
            return
        try:
            self._tls.write(self._exchange.payload)
        except ssl.SSLError as error:
            self._break(f"TLS refused the request: {error.reason or error}")
            return
        self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending and self._transport is not None:
            self._transport.write(self._outgoing.read())

    def _decrypt(self) -> None:
        assert self._tls is not None, "only TLS connections decrypt"
        while not self.closed:
            try:
                data = self._tls.read(READ_SIZE)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError as error:
                self._break(
                    "the server closed the connection (TLS close_notify)"
                    if isinstance(error, ssl.SSLZeroReturnError)
                    else f"TLS broke: {error.reason or error}"
                )
                return
            if not data:
                self._break("the server closed the connection (TLS close_notify)")
                return
            self._feed(data)
        self._flush()

    def _feed(self, data: bytes) -> None:
        exchange, response = self._exchange, self.response
        if exchange is None or response is None:
            # Bytes that nobody asked for: whatever they are, the next response cannot be trusted.
            self._break("bytes without a request")
            return
        try:
            complete = response.feed(data)
        except BadResponseError as error:
            self._break(str(error))
            return
        if complete:
            self._exchange = None
            self.served += 1
            self.last_used = self.last_data
            self.closed = self.closed or response.last
            exchange.answered(self, response)
            if self._exchange is None:
                self.response = None
            if response.last and self._transport is not None:
                self._transport.close()

    def _break(self, reason: str) -> None:
        exchange, self._exchange = self._exchange, None
        self.closed = True
        if exchange is not None:
            exchange.broke(self, reason)
        if self._transport is not None:
            self._transport.abort()
