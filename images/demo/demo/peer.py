"""A small HTTP client for one address, over connections that are kept."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from demo.outage import UnavailableError, first_line

# Longer than the API itself waits for its database: its own words then say what is wrong.
ANSWER_SECONDS: Final = 13.0
MOST_IDLE: Final = 32


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def is_usable(self) -> bool:
        """Return whether the other end has kept an idle connection open."""
        return not (self.reader.at_eof() or self.writer.is_closing())


class Peer:
    """Asks one HTTP server for JSON; understands what the demo's API sends, and no more."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or "api"
        self._port = parts.port or 80
        self._idle: list[Stream] = []

    async def get(self, path: str) -> dict[str, Any]:
        """Return the JSON object at a path.

        Raises:
            UnavailableError: there was no whole answer within `ANSWER_SECONDS`, or it was not a 200.
        """
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._get(path)
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            raise UnavailableError(f"api: {first_line(error)}") from error

    async def _get(self, path: str) -> dict[str, Any]:
        while self._idle:
            stream = self._idle.pop()
            if stream.is_usable():
                try:
                    return await self._ask(stream, path)
                except (ConnectionError, asyncio.IncompleteReadError):
                    # It was closed while the request was on its way: a fresh connection decides.
                    break
        reader, writer = await asyncio.open_connection(self._host, self._port)
        return await self._ask(Stream(reader=reader, writer=writer), path)

    async def _ask(self, stream: Stream, path: str) -> dict[str, Any]:
        try:
            stream.writer.write(f"GET {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n\r\n".encode())
            head = (await stream.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            status = int(head.split(" ", 2)[1])
            headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            body = await stream.reader.readexactly(int(headers.get("content-length", "0")))
        except BaseException:
            stream.writer.close()
            raise
        if headers.get("connection") == "close" or len(self._idle) >= MOST_IDLE:
            stream.writer.close()
        else:
            self._idle.append(stream)
        if status != 200:  # noqa: PLR2004 - HTTP's own number
            raise UnavailableError(f"api: answered {status}")
        content: dict[str, Any] = json.loads(body)
        return content
