"""A loopback stand-in that speaks HTTP/2 and ends its connections in one chosen way."""

from __future__ import annotations

import asyncio
import json
import struct
import threading
from collections import Counter
from enum import Enum, auto
from typing import TYPE_CHECKING, Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived, StreamEnded

if TYPE_CHECKING:
    from types import TracebackType

EVERY = 10
"""Requests after which a connection ends in the chosen way."""


class Ending(Enum):
    """What happens to every tenth request of a connection."""

    NONE = auto()
    """It is answered."""
    GO_AWAY_UNPROCESSED = auto()
    """A GOAWAY says that it was not processed, which is true."""
    REFUSED = auto()
    """Its stream is refused, and not processed."""
    GO_AWAY_PROCESSED = auto()
    """A GOAWAY says that it may have been processed, and the connection ends: nobody may send it again."""
    CUT = auto()
    """The connection ends without a word."""
    SILENT = auto()
    """It is never answered."""


class LoopbackHttp2:
    """Serves the demo platform's endpoints over HTTP/2 without TLS, from a thread.

    Attributes:
        executed: How often each post was executed.
    """

    def __init__(self, *, ending: Ending) -> None:
        self._ending = ending
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0
        self.executed: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _start(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        h2 = H2Connection(H2Configuration(client_side=False))
        h2.initiate_connection()
        asked: dict[int, tuple[str, bytearray]] = {}
        answered = 0
        while data := await reader.read(65536):
            for event in h2.receive_data(data):
                if isinstance(event, RequestReceived):
                    asked[event.stream_id] = (dict(event.headers)[b":path"].decode(), bytearray())
                elif isinstance(event, DataReceived):
                    h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    asked[event.stream_id][1].extend(event.data)
                elif isinstance(event, StreamEnded):
                    answered += 1
                    if answered % EVERY == 0 and self._ending is not Ending.NONE:
                        if self._end(h2, writer, event.stream_id):
                            return
                        continue
                    self._answer(h2, event.stream_id, *asked.pop(event.stream_id))
            writer.write(h2.data_to_send())
        writer.close()

    def _end(self, h2: H2Connection, writer: asyncio.StreamWriter, stream: int) -> bool:
        """Do what was chosen, and say whether the connection is over."""
        if self._ending is Ending.SILENT:
            return False
        if self._ending is Ending.REFUSED:
            h2.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
            return False
        writer.write(h2.data_to_send())
        if self._ending is not Ending.CUT:
            last = stream if self._ending is Ending.GO_AWAY_PROCESSED else stream - 2
            writer.write(b"\x00\x00\x08\x07\x00\x00\x00\x00\x00" + struct.pack(">II", last, 0))
        writer.close()
        return True

    def _answer(self, h2: H2Connection, stream: int, path: str, body: bytearray) -> None:
        answer: dict[str, object] = {"color": "blue"}
        status = "200"
        if path == "/api/posts":
            status, answer["id"] = "201", json.loads(body)["id"]
            self.executed[str(answer["id"])] += 1
        elif path == "/whoami":
            answer["api"] = {"color": "blue"}
        headers = [(":status", status), ("x-colorway-color", "blue"), ("set-cookie", "rel=user; Path=/")]
        h2.send_headers(stream, headers)
        h2.send_data(stream, json.dumps(answer).encode(), end_stream=True)
