"""The WebSockets of the loopback stand-in, which are sick in one chosen way."""

from __future__ import annotations

import json
import struct
from enum import Enum, auto
from typing import TYPE_CHECKING

from tests.support.load.websocket_frames import Frame, FrameReader, Opcode, accept_of, encode

if TYPE_CHECKING:
    import asyncio

    from tests.support.load.loopback import Ask

EVERY = 2
"""Every second message of a connection meets the fault."""
LONG = "x" * 200
"""Makes an answer so long that its frame's length has two bytes more."""


class Fault(Enum):
    """What the stand-in does instead of a plain right answer, at every second message of a connection."""

    NONE = auto()
    PING = auto()
    """Right, but only who answers a ping gets it."""
    GOES_AWAY = auto()
    """It is not answered, and the connection ends with 1001."""
    RESTARTS = auto()
    """The same, with 1012."""
    SAYS_NOTHING = auto()
    """The same, without a code."""
    CUT = auto()
    """The connection breaks in the middle of the answer."""
    ENDS_AFTER_EACH = auto()
    """Every connection ends with 1001 after its first answer."""
    FAILS = auto()
    """The connection ends with 1011: the server has an error of its own."""
    STALL = auto()
    """No answer, ever, on a connection that stays."""
    OTHER_ID = auto()
    """The answer is for another message."""
    OTHER_COLOR = auto()
    """The answer comes from another color than the handshake."""
    TWICE = auto()
    """The answer comes twice."""
    IN_PIECES = auto()
    """The answer comes in two frames."""
    NEVER_WELL = auto()
    """Every connection ends with 1001 at its first message."""
    WRONG_ACCEPT = auto()
    """The handshake proves nothing."""
    BAD_GATEWAY = auto()
    """The handshake is answered with 502."""
    CUT_HANDSHAKE = auto()
    """The connection ends instead of a handshake."""


AT_ONCE = {Fault.ENDS_AFTER_EACH, Fault.NEVER_WELL}
ENDS = {Fault.GOES_AWAY: 1001, Fault.RESTARTS: 1012, Fault.FAILS: 1011, Fault.NEVER_WELL: 1001}


class Sockets:
    """Serves the demo's WebSocket.

    Attributes:
        fault: What is wrong with it; may be changed while it serves.
        cookies: The cookie of each handshake, in order.
        said: The id of each message that came, in order.
    """

    def __init__(self) -> None:
        self.fault = Fault.NONE
        self.cookies: list[str | None] = []
        self.said: list[str] = []
        self._open: set[asyncio.StreamWriter] = set()

    def end_all(self, code: int) -> None:
        """End every open connection with a code."""
        for writer in self._open:
            end(writer, struct.pack(">H", code))

    async def serve(
        self, ask: Ask, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, color: str, headers: list[str]
    ) -> None:
        """Answer one handshake and all that follows, with the color and headers that its user gets."""
        self.cookies.append(ask.cookie)
        if self.fault is Fault.BAD_GATEWAY:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\nsorry")
        if self.fault in {Fault.BAD_GATEWAY, Fault.CUT_HANDSHAKE}:
            return
        accept = accept_of("another" if self.fault is Fault.WRONG_ACCEPT else ask.headers["sec-websocket-key"])
        upgrade = ["Upgrade: websocket", "Connection: upgrade", f"Sec-WebSocket-Accept: {accept}"]
        writer.write("\r\n".join(["HTTP/1.1 101 Switching Protocols", *upgrade, *headers, "", ""]).encode())
        frames = FrameReader(masked=True)
        answers = 0
        self._open.add(writer)
        try:
            while not writer.is_closing() and (data := await reader.read(65536)):
                for frame in frames.feed(data):
                    answers += frame.opcode is not Opcode.CLOSE
                    self._take(frame, writer, color=color, number=answers)
        finally:
            self._open.discard(writer)

    def _take(self, frame: Frame, writer: asyncio.StreamWriter, *, color: str, number: int) -> None:
        """Take the frame of that number of a connection."""
        if frame.opcode is Opcode.CLOSE:
            end(writer, frame.payload)
            return
        fault = self.fault if number % EVERY == 0 or self.fault in AT_ONCE else Fault.NONE
        if frame.opcode is Opcode.TEXT:
            self.said.append(json.loads(frame.payload)["id"])
            if fault is Fault.PING:
                writer.write(encode(Opcode.PING, self.said[-1].encode()))
                return
        message = self.said[-1] if frame.opcode is Opcode.TEXT else frame.payload.decode()
        answer = {
            "id": "another" if fault is Fault.OTHER_ID else message,
            "color": "red" if fault is Fault.OTHER_COLOR else color,
            "padding": LONG,
        }
        self._answer(encode(Opcode.TEXT, json.dumps(answer).encode()), writer, fault)

    @staticmethod
    def _answer(text: bytes, writer: asyncio.StreamWriter, fault: Fault) -> None:
        """Send what a fault leaves of the right answer."""
        match fault:
            case Fault.STALL:
                pass
            case Fault.CUT:
                writer.write(text[: len(text) // 2])
                writer.transport.abort()
            case Fault.TWICE:
                writer.write(text + text)
            case Fault.IN_PIECES:
                # Without the bit that says that it is the last one.
                writer.write(bytes([Opcode.TEXT]) + text[1:] + encode(Opcode.CONTINUATION))
            case Fault.SAYS_NOTHING:
                end(writer, b"")
            case _ if fault in ENDS:
                end(writer, struct.pack(">H", ENDS[fault]))
            case _:
                writer.write(text)
                if fault is Fault.ENDS_AFTER_EACH:
                    end(writer, struct.pack(">H", 1001))


def end(writer: asyncio.StreamWriter, payload: bytes) -> None:
    """Close a connection with a close frame of this payload."""
    writer.write(encode(Opcode.CLOSE, payload))
    writer.close()
