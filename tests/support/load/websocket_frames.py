"""RFC 6455 on the wire: whole frames of a WebSocket, and the proof of a handshake.

What a peer may send and this does not read, such as a message in pieces, is refused by name and never passed over.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from enum import IntEnum
from typing import Final, NamedTuple

GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
LONGEST_FRAME: Final = 65_536
LONGEST_CONTROL: Final = 125


class Opcode(IntEnum):
    """What a frame is."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class BadFrameError(Exception):
    """The peer's bytes are no frame that this client reads; the message says which."""


class Frame(NamedTuple):
    """One whole frame, unmasked."""

    opcode: Opcode
    payload: bytes


def accept_of(key: str) -> str:
    """Return the Sec-WebSocket-Accept that proves that a server read this Sec-WebSocket-Key."""
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()


def encode(opcode: Opcode, payload: bytes = b"", *, mask: bytes = b"") -> bytes:
    """Return the bytes of one whole frame.

    Args:
        opcode: What it is.
        payload: 64 KiB at most.
        mask: Four bytes, as a client must send them; none as a server.
    """
    masked, length = 0x80 if mask else 0, len(payload)
    if length < 126:
        head = struct.pack(">BB", 0x80 | opcode, masked | length)
    else:
        head = struct.pack(">BBH", 0x80 | opcode, masked | 126, length)
    return head + mask + masked_bytes(payload, mask)


def masked_bytes(payload: bytes, mask: bytes) -> bytes:
    """Mask a payload, or take the mask away again."""
    return bytes(byte ^ mask[number % 4] for number, byte in enumerate(payload)) if mask else payload


class FrameReader:
    """Reads frames from bytes as they come.

    Args:
        masked: Whether the peer masks what it sends: clients must, servers must not.
    """

    def __init__(self, *, masked: bool) -> None:
        self._masked = masked
        self._buffer = bytearray()

    @property
    def started(self) -> bool:
        """Whether the beginning of a frame is there."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes and return the frames that are whole.

        Raises:
            BadFrameError: They are no frames, or none that this reader knows.
        """
        self._buffer += data
        frames = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> Frame | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        opcode = self._opcode(buffer[0])
        if bool(buffer[1] & 0x80) != self._masked:
            who = "client is not" if self._masked else "server is"
            raise BadFrameError(f"a frame of a {who} masked")
        length, start = buffer[1] & 0x7F, 2
        if opcode >= Opcode.CLOSE and length > LONGEST_CONTROL:
            raise BadFrameError(f"a {opcode.name} frame has more than {LONGEST_CONTROL} bytes")
        if length > LONGEST_CONTROL:
            start += 2 if length == 126 else 8
            if len(buffer) < start:
                return None
            length = int.from_bytes(buffer[2:start], "big")
        if length > LONGEST_FRAME:
            raise BadFrameError(f"a frame has {length} bytes, more than {LONGEST_FRAME}")
        mask = bytes(buffer[start : start + 4]) if self._masked else b""
        start += len(mask)
        if len(buffer) < start + length or len(mask) != 4 * self._masked:
            return None
        payload = masked_bytes(bytes(buffer[start : start + length]), mask)
        del buffer[: start + length]
        return Frame(opcode, payload)

    @staticmethod
    def _opcode(first: int) -> Opcode:
        if first & 0x70:
            raise BadFrameError("a frame uses an extension that was not agreed on")
        try:
            opcode = Opcode(first & 0x0F)
        except ValueError:
            raise BadFrameError(f"a frame has the unknown opcode {first & 0x0F}") from None
        if opcode is Opcode.CONTINUATION or not first & 0x80:
            raise BadFrameError("a message came in pieces, which this client does not read")
        return opcode


def close_code(payload: bytes) -> int | None:
    """Return the code of a close frame; None if it has none."""
    return int.from_bytes(payload[:2], "big") if len(payload) >= 2 else None
