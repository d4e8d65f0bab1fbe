"""A loopback stand-in for the platform that is sick in one chosen way, to prove what the load generator sees."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import threading
import zlib
from collections import Counter
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, urlsplit

from tests.support.load.loopback_websocket import Sockets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

RESET = struct.pack("ii", 1, 0)
CHUNK = b"x" * 1024
CHUNKS_PER_SECOND = 20


class Sickness(Enum):
    """What the stand-in does instead of a plain right answer."""

    NONE = auto()
    CHUNKED = auto()
    """Right, but chunked instead of Content-Length."""
    CLOSE_ANNOUNCED = auto()
    """Right, with `Connection: close`."""
    CLOSE_IDLE = auto()
    """Right, then EOF without having said so."""
    RESET_ON_REUSE = auto()
    """The second request of a connection meets a RST."""
    CLOSE_ON_REUSE = auto()
    """The second request of a connection meets EOF."""
    TRUNCATE = auto()
    """The body ends before its Content-Length."""
    ERROR = auto()
    """Status 500."""
    SLOW = auto()
    """Right, after a fifth of a second."""
    STALL = auto()
    """No answer, ever."""
    DOUBLE_POSTS = auto()
    """Every post is executed twice."""
    LOSE_POSTS = auto()
    """Posts are acknowledged and not executed."""
    MIXED_COLORS = auto()
    """The web's color is not its API's."""
    FLIP = auto()
    """A user's color changes with each request."""
    NO_COLOR = auto()
    """JSON without a color."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request as the stand-in sees it."""

    method: str
    path: str
    query: dict[str, list[str]]
    cookie: str | None
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes
    number: int
    """1 for the first request of its connection."""


class LoopbackPlatform:
    """Serves the demo platform's endpoints from a thread.

    Args:
        sick: Says what to do with each request; None answers all of them right.
        certificate: PEM files of certificate and key; None serves plain HTTP.

    Attributes:
        green: Percentage of users whom green answers; may be changed while it serves.
        executed: How often each post was executed.
        seen: Requests by path.
        sockets: Its WebSockets.
    """

    def __init__(
        self, *, sick: Callable[[Ask], Sickness] | None = None, certificate: tuple[Path, Path] | None = None
    ) -> None:
        self._sick = sick or (lambda _: Sickness.NONE)
        self._certificate = certificate
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._requests = 0
        self.port = 0
        self.green = 0.0
        self.executed: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        self.sockets = Sockets()

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def shut(self) -> None:
        """Refuse new connections from now on."""
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result()

    def end_sockets(self, code: int) -> None:
        """End every open WebSocket with a code."""
        self._loop.call_soon_threadsafe(self.sockets.end_all, code)

    async def _start(self) -> None:
        context = None
        if self._certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self._certificate)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _shut(self) -> None:
        self._server.close()

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        try:
            while not writer.is_closing():
                number += 1
                ask = await read_request(reader, number=number)
                if "upgrade" in ask.headers:
                    self._requests += 1
                    color, headers = self._met(ask)
                    await self.sockets.serve(ask, reader, writer, color=color, headers=headers)
                    return
                await self._answer(ask, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        except asyncio.CancelledError:
            # The thread ends: asyncio's stream callback would print the cancellation as an error.
            pass
        finally:
            writer.close()

    async def _answer(self, ask: Ask, writer: asyncio.StreamWriter) -> None:
        self._requests += 1
        self.seen[ask.path] += 1
        sickness = self._sick(ask)
        reused = ask.number > 1
        if sickness is Sickness.STALL:
            await asyncio.Event().wait()
        if sickness is Sickness.SLOW:
            await asyncio.sleep(0.2)
        if sickness is Sickness.RESET_ON_REUSE and reused:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
            return
        if sickness is Sickness.CLOSE_ON_REUSE and reused:
            writer.close()
            return
        if ask.path == "/download":
            await self._download(ask, writer, cut=sickness is Sickness.TRUNCATE)
            return
        status, body, headers = self._right_answer(ask, sickness)
        if sickness is Sickness.ERROR:
            status, body = 500, b"sorry"
        writer.write(encode(status, body, headers, sickness))
        if sickness in {Sickness.TRUNCATE, Sickness.CLOSE_IDLE, Sickness.CLOSE_ANNOUNCED}:
            writer.close()

    def _met(self, ask: Ask, sickness: Sickness = Sickness.NONE) -> tuple[str, list[str]]:
        """Return the color that a user meets, and the headers of each of its answers."""
        user = ask.cookie or f"user-{self._requests}"
        headers = [] if ask.cookie else [f"Set-Cookie: rel={user}; Path=/; HttpOnly"]
        color = "green" if zlib.crc32(user.encode()) % 100 < self.green else "blue"
        if sickness is Sickness.FLIP:
            color = ("blue", "green")[self._requests % 2]
        return color, [*headers, f"X-Colorway-Color: {color}"]

    def _right_answer(self, ask: Ask, sickness: Sickness) -> tuple[int, bytes, list[str]]:
        color, headers = self._met(ask, sickness)
        if ask.path == "/":
            return 200, b"<html>demo</html>", headers
        if ask.path == "/api/posts" and ask.method == "GET":
            prefix = ask.query["prefix"][0]
            found = {post: count for post, count in self.executed.items() if post.startswith(prefix)}
            return 200, json.dumps({"ids": found}).encode(), headers
        answer: dict[str, object] = {"color": color}
        if ask.path == "/api/posts":
            post = json.loads(ask.body)["id"]
            self.executed[post] += {Sickness.DOUBLE_POSTS: 2, Sickness.LOSE_POSTS: 0}.get(sickness, 1)
            return 201, json.dumps({"id": post, **answer}).encode(), headers
        if ask.path == "/whoami":
            answer["api"] = {"color": "red" if sickness is Sickness.MIXED_COLORS else color}
        if sickness is Sickness.NO_COLOR:
            answer = {}
        return 200, json.dumps(answer).encode(), headers

    async def _download(self, ask: Ask, writer: asyncio.StreamWriter, *, cut: bool) -> None:
        count = max(2, round(float(ask.query["seconds"][0]) * CHUNKS_PER_SECOND))
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {count * len(CHUNK)}\r\n\r\n".encode())
        for _ in range(count // 2 if cut else count):
            writer.write(CHUNK)
            await writer.drain()
            await asyncio.sleep(1 / CHUNKS_PER_SECOND)
        if cut:
            writer.close()


async def read_request(reader: asyncio.StreamReader, *, number: int) -> Ask:
    """Read one request with its body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    method, target, _ = first.split(" ")
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    url = urlsplit(target)
    cookie = headers.get("cookie", "").removeprefix("rel=") or None
    return Ask(
        method=method,
        path=url.path,
        query=parse_qs(url.query),
        cookie=cookie,
        headers=headers,
        body=body,
        number=number,
    )


def encode(status: int, body: bytes, headers: list[str], sickness: Sickness) -> bytes:
    """Return the bytes of a response, sick ones included."""
    lines = [f"HTTP/1.1 {status} Whatever", *headers]
    if sickness is Sickness.CLOSE_ANNOUNCED:
        lines.append("Connection: close")
    if sickness is Sickness.CHUNKED:
        lines.append("Transfer-Encoding: chunked")
        half = len(body) // 2
        pieces = [piece for piece in (body[:half], body[half:]) if piece]
        body = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces) + b"0\r\n\r\n"
    else:
        lines.append(f"Content-Length: {len(body)}")
    if sickness is Sickness.TRUNCATE:
        body = body[: len(body) // 2]
    return "\r\n".join([*lines, "", ""]).encode() + body
