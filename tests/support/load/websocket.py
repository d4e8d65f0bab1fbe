"""A client's end of one WebSocket: the handshake, texts, ping and pong, and how it may end."""

from __future__ import annotations

import asyncio
import base64
import os
import struct
import time
from typing import TYPE_CHECKING, Final, Protocol, cast

from typing_extensions import override

from tests.support.load.connection import COLOR_HEADER
from tests.support.load.record import Path, Progress
from tests.support.load.response import HEAD_LIMIT, STATUS_LINE, ResponseReader
from tests.support.load.websocket_frames import BadFrameError, Frame, FrameReader, Opcode, accept_of, close_code, encode

if TYPE_CHECKING:
    from tests.support.load.plan import Target

SWITCHING: Final = 101
EXCERPT: Final = 80
LAWFUL: Final = frozenset({None, 1000, 1001, 1012})
"""Codes with which a server may end a connection that was well: it is done, goes away or restarts, or says nothing.

Whatever else it says is an error of its own (1011, 1013, …), or one of ours that it saw (1002, 1007, …).
"""


class Listener(Protocol):
    """Who is told what becomes of a WebSocket; after `closed` or `broke` nothing more is told."""

    def said(self, socket: WebSocket, answer: ResponseReader) -> None:
        """Take a text that came; the answer's head is that of the handshake."""

    def closed(self, socket: WebSocket, reason: str) -> None:
        """Take that the server ended an open connection as it may."""

    def broke(self, socket: WebSocket, reason: str) -> None:
        """Take why there was never an open connection, or why it ended as none should."""


class WebSocket(asyncio.Protocol):
    """One connection of a client, from the handshake to its end.

    Attributes:
        opened: When connecting began, `time.monotonic()` seconds.
        last_used: When the last answer came.
        last_data: When the last bytes came.
        served: Answers so far.
        response: What is known of the handshake's response; the first answer has its cookies.
    """

    resumed = False

    def __init__(self, *, target: Target, listener: Listener, cookie: str | None, agent: str) -> None:
        self._key = base64.b64encode(os.urandom(16)).decode()
        self._handshake = target.request(
            "GET",
            Path.WEBSOCKET,
            cookie=cookie,
            agent=agent,
            more=(
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
                ("Sec-WebSocket-Key", self._key),
                ("Sec-WebSocket-Version", "13"),
            ),
        )
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._head = bytearray()
        self._frames = FrameReader(masked=False)
        self._waiting: list[bytes] = []
        self._over = False
        self.is_open = False
        self.opened = self.last_used = self.last_data = time.monotonic()
        self.served = 0
        self.response: ResponseReader = ResponseReader(keep_body=True)

    @property
    def encrypted(self) -> bool:
        """Whether a TLS handshake was completed."""
        return self._transport is not None and self._transport.get_extra_info("ssl_object") is not None

    @property
    def progress(self) -> Progress:
        """How far the message under way got, or the handshake before it."""
        if self._transport is None:
            return Progress.CONNECTING
        if self.is_open:
            return Progress.BODY if self._frames.started else Progress.SENT
        if self.response.status:
            return Progress.COMPLETE
        return Progress.HEAD if self._head else Progress.SENT

    def send(self, text: bytes) -> None:
        """Send a text, at once or as soon as the connection is open."""
        if self.is_open:
            self._write(Opcode.TEXT, text)
        else:
            self._waiting.append(text)

    def cut(self, reason: str) -> None:
        """Give up: what is under way broke for this reason."""
        self._break(reason)

    def close(self) -> None:
        """Close the connection, as a client does that is done; nobody is told."""
        self._over = True
        self._leave(1000)

    def failed(self, reason: str) -> None:
        """Take that connecting failed."""
        self._break(reason)

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast("asyncio.Transport", transport)
        if self._over:
            self._transport.abort()
            return
        self._transport.write(self._handshake)

    @override
    def data_received(self, data: bytes) -> None:
        """Take the handshake's response, then frames."""
        if self._over:
            return
        self.last_data = time.monotonic()
        if not self.is_open:
            rest = self._read_handshake(data)
            if rest is None:
                return
            data = rest
        try:
            frames = self._frames.feed(data)
        except BadFrameError as error:
            self._leave(1002)
            self._break(str(error))
            return
        for frame in frames:
            if not self._over:
                self._take(frame)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """An open connection may end at any time; one that never was open is a loss."""
        if isinstance(exc, ConnectionResetError | BrokenPipeError):
            reason = "the server reset the connection (RST)"
        else:
            reason = f"the connection broke: {exc}" if exc else "the server closed the connection (EOF)"
        if self.is_open:
            self._close(reason)
        else:
            self._break(f"{reason} during the handshake")

    def _read_handshake(self, data: bytes) -> bytes | None:
        """Return what follows the handshake, or None while there is no whole and right one."""
        self._head += data
        head, found, rest = bytes(self._head).partition(b"\r\n\r\n")
        if not found:
            if len(self._head) > HEAD_LIMIT:
                self._break(f"the response head exceeds {HEAD_LIMIT} bytes")
            return None
        wrong = self._wrong_in(head)
        if wrong is not None:
            excerpt = f": {rest[:EXCERPT].decode('latin-1')!r}" if rest else ""
            self._break(wrong + excerpt)
            return None
        self.is_open = True
        for text in self._waiting:
            self._write(Opcode.TEXT, text)
        self._waiting.clear()
        return rest

    def _wrong_in(self, head: bytes) -> str | None:
        """Keep what the head says, and return what is wrong with it as the answer to our handshake."""
        first, *lines = head.split(b"\r\n")
        status = STATUS_LINE.match(first)
        if status is None:
            return f"the response starts with {first[:40]!r}, no HTTP/1.1 status line"
        said: dict[bytes, bytes] = {}
        for line in lines:
            name, _, value = line.partition(b":")
            said[name.lower()] = value.strip()
            if name.lower() == b"set-cookie":
                self.response.cookies.append(value.strip())
        self.response.status = int(status[2])
        self.response.headers = {name: value for name, value in said.items() if name == COLOR_HEADER}
        if self.response.status != SWITCHING:
            return f"the handshake was answered with status {self.response.status} instead of {SWITCHING}"
        if said.get(b"upgrade", b"").lower() != b"websocket" or b"upgrade" not in said.get(b"connection", b"").lower():
            return "the handshake's response upgrades to something else than a WebSocket"
        if said.get(b"sec-websocket-accept") != accept_of(self._key).encode():
            return "the handshake's Sec-WebSocket-Accept is not that of our key"
        unasked = [name.decode() for name in said if name in {b"sec-websocket-extensions", b"sec-websocket-protocol"}]
        return f"the handshake agrees to what was not asked for: {', '.join(unasked)}" if unasked else None

    def _take(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT:
                self._answer(frame.payload)
            case Opcode.PING:
                self._write(Opcode.PONG, frame.payload)
            case Opcode.PONG:
                pass
            case Opcode.CLOSE:
                code = close_code(frame.payload)
                words = frame.payload[2:].decode(errors="replace")
                self._leave(code or 1000)
                reason = f"the server closed the WebSocket with {code or 'no code'}{f' ({words})' if words else ''}"
                if code in LAWFUL:
                    self._close(reason)
                else:
                    self._break(reason)
            case _:
                self._leave(1003)
                self._break("a message came as bytes, not as text")

    def _answer(self, payload: bytes) -> None:
        answer = ResponseReader(keep_body=True)
        answer.status, answer.headers = self.response.status, self.response.headers
        answer.cookies = [] if self.served else self.response.cookies
        answer.body, answer.received = bytearray(payload), len(payload)
        self.served += 1
        self.last_used = self.last_data
        self._listener.said(self, answer)

    def _write(self, opcode: Opcode, payload: bytes = b"") -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode(opcode, payload, mask=os.urandom(4)))

    def _leave(self, code: int) -> None:
        if self.is_open:
            self._write(Opcode.CLOSE, struct.pack(">H", code))
        if self._transport is not None:
            self._transport.close()

    def _close(self, reason: str) -> None:
        if not self._over:
            self._over = True
            self._listener.closed(self, reason)

    def _break(self, reason: str) -> None:
        if not self._over:
            self._over = True
            if self._transport is not None:
                self._transport.close()
            self._listener.broke(self, reason)
