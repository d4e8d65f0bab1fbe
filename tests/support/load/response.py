"""A minimal HTTP/1.1 response reader: Content-Length, chunked, and nothing that cannot prove its end."""

from __future__ import annotations

import re

HEAD_LIMIT = 65_536
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) (\d{3})(?: |$)")
NO_BODY = frozenset({204, 304})


class BadResponseError(Exception):
    """The peer's bytes are no HTTP response whose end can be proved."""


class ResponseReader:
    """Reads one response from bytes as they come.

    Attributes:
        status: HTTP status; 0 until the head is complete.
        expected: Promised length of the body in bytes; None if the body is chunked or the head is incomplete.
        received: Bytes of the body so far.
        body: The body, empty unless it is kept.
        headers: The headers that were asked for, by lower-case name; the last one wins.
        cookies: Every Set-Cookie value.
        last: Whether the server says that it closes the connection after this response.
    """

    __slots__ = (
        "_buffer", "_chunk_left", "_chunked", "_keep_body", "_wanted",
        "body", "cookies", "expected", "headers", "last", "received", "status",
    )  # fmt: skip

    def __init__(self, *, keep_body: bool, wanted: frozenset[bytes] = frozenset()) -> None:
        self._buffer = bytearray()
        self._chunked = False
        self._chunk_left: int | None = None
        self._keep_body = keep_body
        self._wanted = wanted
        self.status = 0
        self.expected: int | None = None
        self.received = 0
        self.body = bytearray()
        self.headers: dict[bytes, bytes] = {}
        self.cookies: list[bytes] = []
        self.last = False

    @property
    def started(self) -> bool:
        """Whether any byte of the response came."""
        return self.status > 0 or bool(self._buffer)

    def feed(self, data: bytes) -> bool:
        """Take the next bytes and say whether the response is complete.

        Raises:
            BadResponseError: The bytes are no response, or go on after its end.
        """
        if self.status == 0:
            rest = self._feed_head(data)
            if rest is None:
                return False
            data = rest
        return self._feed_chunks(data) if self._chunked else self._feed_counted(data)

    def _feed_head(self, data: bytes) -> bytes | None:
        """Return what follows the head, or None while the head is incomplete."""
        self._buffer += data
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > HEAD_LIMIT:
                    raise BadResponseError(f"the response head exceeds {HEAD_LIMIT} bytes")
                return None
            head = bytes(self._buffer[:end])
            del self._buffer[: end + 4]
            if self._read_head(head):
                rest = bytes(self._buffer)
                self._buffer.clear()
                return rest

    def _read_head(self, head: bytes) -> bool:
        """Read one head and say whether it is a final one (an informational 1xx is skipped)."""
        first, *lines = head.split(b"\r\n")
        found = STATUS_LINE.match(first)
        if found is None:
            raise BadResponseError(f"the response starts with {first[:40]!r}, no HTTP/1.1 status line")
        status = int(found[2])
        if status < 200:
            return False
        self.last = found[1] == b"0"
        for line in lines:
            name, _, value = line.partition(b":")
            self._read_header(name.lower(), value.strip())
        if status in NO_BODY:
            self.expected, self._chunked = 0, False
        elif self.expected is None and not self._chunked:
            raise BadResponseError(f"status {status} without Content-Length and not chunked: no end can be proved")
        self.status = status
        return True

    def _read_header(self, name: bytes, value: bytes) -> None:
        if name == b"content-length":
            if not value.isdigit():
                raise BadResponseError(f"Content-Length is {value[:40]!r}, no number")
            self.expected = int(value)
        elif name == b"transfer-encoding":
            if value.lower() != b"chunked":
                raise BadResponseError(f"Transfer-Encoding is {value[:40]!r}, only chunked is understood")
            self._chunked, self.expected = True, None
        elif name == b"connection":
            self.last = value.lower() == b"close"
        elif name == b"set-cookie":
            self.cookies.append(value)
        elif name in self._wanted:
            self.headers[name] = value

    def _take(self, data: bytes) -> None:
        self.received += len(data)
        if self._keep_body:
            self.body += data

    def _feed_counted(self, data: bytes) -> bool:
        left = (self.expected or 0) - self.received
        if len(data) > left:
            raise BadResponseError(f"{len(data) - left} bytes came after the end of the response")
        self._take(data)
        return len(data) == left

    def _feed_chunks(self, data: bytes) -> bool:
        self._buffer += data
        while True:
            if self._chunk_left is None:
                line, found, _ = self._buffer.partition(b"\r\n")
                if not found:
                    return False
                try:
                    self._chunk_left = int(line.split(b";")[0], 16)
                except ValueError:
                    raise BadResponseError(f"a chunk starts with {bytes(line[:40])!r}, no hexadecimal size") from None
                del self._buffer[: len(line) + 2]
            if self._chunk_left == 0:
                return self._end_of_chunks()
            if len(self._buffer) < self._chunk_left + 2:
                return False
            self._take(bytes(self._buffer[: self._chunk_left]))
            if self._buffer[self._chunk_left : self._chunk_left + 2] != b"\r\n":
                raise BadResponseError("a chunk is longer than its size says")
            del self._buffer[: self._chunk_left + 2]
            self._chunk_left = None

    def _end_of_chunks(self) -> bool:
        """Skip trailers up to the empty line."""
        while True:
            line, found, _ = self._buffer.partition(b"\r\n")
            if not found:
                return False
            del self._buffer[: len(line) + 2]
            if not line:
                break
        if self._buffer:
            raise BadResponseError(f"{len(self._buffer)} bytes came after the end of the response")
        return True
