"""Users who speak HTTP/2 as browsers do: several requests on one connection, and RFC 9113 where it says what was lost.

A GOAWAY names the last request that the server has processed or may have processed. Whatever came later was not
processed, so a client sends it again on a new connection (section 6.8), POSTs included; a refused stream likewise
(section 8.7). Every other end without a complete answer is a lost request.
"""

from __future__ import annotations

import asyncio
import random
import struct
import time
from collections import deque
from typing import TYPE_CHECKING, Final, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError
from typing_extensions import override

from tests.support.load.connection import COLOR_HEADER, WANTED
from tests.support.load.dialer import client_context
from tests.support.load.record import Kind, Path, Progress
from tests.support.load.recorder import Recorder, Request
from tests.support.load.response import ResponseReader
from tests.support.load.users import PATHS, color_cookie

if TYPE_CHECKING:
    import ssl

    from tests.support.load.plan import LoadPlan, Target

FRAME_HEAD: Final = 9
GOAWAY: Final = 0x7
POST_EVERY: Final = 4
MOST_STREAMS: Final = 8
"""Requests under way on one connection."""
MOST_TRIES: Final = 5
"""A server that never processes anything would else be asked for ever."""


class Stream:
    """One request on a connection that carries several; the recorder takes it for the request's connection."""

    encrypted = False
    """Handshakes are counted where each belongs to one request."""
    resumed = False

    def __init__(self, request: Request, *, on: Http2Connection, cookie: str | None) -> None:
        self.request = request
        self.cookie = cookie
        self.number = 0
        """0 until it was sent."""
        self.response = ResponseReader(keep_body=True, wanted=WANTED)
        self._connection = on

    @property
    def opened(self) -> float:
        """When the connection was begun, `time.monotonic()` seconds."""
        return self._connection.opened

    @property
    def last_data(self) -> float:
        """When the connection's last bytes came."""
        return self._connection.last_data

    @property
    def progress(self) -> Progress:
        """How far it got."""
        if not self.number:
            return Progress.CONNECTING
        return Progress.BODY if self.response.status else Progress.SENT

    def cut(self, reason: str) -> None:
        """Give it up: it took too long."""
        self._connection.give_up(self, reason)

    def close(self) -> None:
        """Abandon it at the end of the load."""

    def end(self, reason: str | None = None) -> None:
        """Tell the request how it ended: with the answer, or with the reason why there is none."""
        if reason is None:
            self.request.answered(self, self.response)
        else:
            self.request.broke(self, reason)


class Http2Connection(asyncio.Protocol):
    """One connection; it is spent after a GOAWAY, and the requests that this one names unprocessed go back.

    Attributes:
        spent: Whether nothing more may be sent on it.
        streams: Requests that have no complete answer yet.
        served: Requests that were sent on it.
    """

    def __init__(self, users: Http2Users) -> None:
        self._users = users
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None, logger=None))
        self._transport: asyncio.Transport | None = None
        self._bytes = bytearray()
        self.streams: list[Stream] = []
        self.opened = self.last_data = time.monotonic()
        self.served = 0
        self.spent = False

    def send(self, stream: Stream) -> None:
        """Send a request, at once or as soon as the connection is open."""
        self.streams.append(stream)
        if self._transport is not None:
            self._write(stream)

    def give_up(self, stream: Stream, reason: str) -> None:
        """Let a request fail; the connection stays."""
        if stream in self.streams:
            self.streams.remove(stream)
            if stream.number and not self.spent:
                self._h2.reset_stream(stream.number, ErrorCodes.CANCEL)
                self._flush()
            stream.end(reason)

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to speak, and send what waits."""
        self._transport = cast("asyncio.Transport", transport)
        tls = cast("ssl.SSLObject | None", transport.get_extra_info("ssl_object"))
        if tls is not None and tls.selected_alpn_protocol() != "h2":
            self._fail("the server does not speak HTTP/2")
            return
        self._h2.initiate_connection()
        for stream in self.streams:
            self._write(stream)
        self._flush()

    @override
    def data_received(self, data: bytes) -> None:
        """Take frames; h2 gives a connection up at a GOAWAY, though the answers under way still come: it sees none."""
        self.last_data = time.monotonic()
        self._bytes += data
        while len(self._bytes) >= FRAME_HEAD:
            length = FRAME_HEAD + int.from_bytes(self._bytes[:3], "big")
            if len(self._bytes) < length:
                break
            frame = bytes(self._bytes[:length])
            del self._bytes[:length]
            if frame[3] == GOAWAY:
                self._go_away(*struct.unpack_from(">II", frame, FRAME_HEAD))
                continue
            try:
                events = self._h2.receive_data(frame)
            except ProtocolError as error:
                self._fail(f"HTTP/2 broke: {error}")
                return
            for event in events:
                self._take(event)
        self._flush()
        if self.spent and not self.streams and self._transport is not None:
            self._transport.close()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Whatever has no complete answer now never gets one."""
        self._fail(f"the connection broke: {exc}" if exc else "the server closed the connection (EOF)")

    def failed(self, reason: str) -> None:
        """Take that connecting failed."""
        self._fail(reason)

    def _write(self, stream: Stream) -> None:
        target, request = self._users.target, stream.request
        method = "GET" if request.post_number is None else "POST"
        headers = [
            (":method", method),
            (":path", str(request.path)),
            (":scheme", "https" if target.tls else "http"),
            (":authority", target.host_header or target.server_name),
            ("user-agent", f"user {request.user}"),
            *((name.lower(), value) for name, value in target.headers),
        ]
        if stream.cookie is not None:
            headers.append(("cookie", f"{target.cookie_name}={stream.cookie}"))
        if request.payload:
            headers += [("content-type", "application/json"), ("content-length", str(len(request.payload)))]
        stream.number = self._h2.get_next_available_stream_id()
        self._h2.send_headers(stream.number, headers, end_stream=not request.payload)
        if request.payload:
            self._h2.send_data(stream.number, request.payload, end_stream=True)
        request.served, self.served = self.served, self.served + 1
        self._flush()

    def _take(self, event: Event) -> None:
        stream = next((one for one in self.streams if one.number == getattr(event, "stream_id", None)), None)
        if isinstance(event, DataReceived) and event.flow_controlled_length:
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if stream is None:
            return
        response = stream.response
        if isinstance(event, ResponseReceived):
            read_head(response, cast("list[tuple[bytes, bytes]]", event.headers))
        elif isinstance(event, DataReceived):
            response.body += event.data
            response.received += len(event.data)
        elif isinstance(event, StreamEnded):
            self.streams.remove(stream)
            stream.end()
        elif isinstance(event, StreamReset):
            self.streams.remove(stream)
            if event.error_code == ErrorCodes.REFUSED_STREAM:
                self._users.again(stream)
            else:
                stream.end(f"the server reset the stream ({event.error_code!r})")

    def _go_away(self, last_processed: int, _error: int) -> None:
        self.spent = True
        later = [stream for stream in self.streams if not stream.number or stream.number > last_processed & 0x7FFFFFFF]
        for stream in later:
            self.streams.remove(stream)
            self._users.again(stream)

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _fail(self, reason: str) -> None:
        self.spent = True
        lost, self.streams = self.streams, []
        for stream in lost:
            stream.end(reason)
        if self._transport is not None:
            self._transport.close()


def read_head(response: ResponseReader, headers: list[tuple[bytes, bytes]]) -> None:
    """Fill in what the judge of answers reads."""
    for name, value in headers:
        if name == b":status":
            response.status = int(value)
        elif name == b"set-cookie":
            response.cookies.append(value)
        elif name == COLOR_HEADER:
            response.headers[name] = value


class Http2User:
    """One user: what its browser would keep."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.cookie: str | None = None
        self.connection: Http2Connection | None = None

    @property
    def is_free(self) -> bool:
        """Whether it may send one more request; who has no cookie yet waits for its first answer."""
        under_way = len(self.connection.streams) if self.connection else 0
        return under_way < (MOST_STREAMS if self.cookie else 1)


class Http2Users:
    """Sends what the plan has for HTTP/2."""

    def __init__(self, *, plan: LoadPlan, target: Target, recorder: Recorder, in_flight: set[Request]) -> None:
        self.target = target
        self._plan = plan
        self._recorder = recorder
        self._in_flight = in_flight
        self._random = random.Random(plan.seed)
        self._loop = asyncio.get_running_loop()
        first = 1 + plan.keep_alive_connections + plan.returning_users
        self._users = deque(Http2User(first + number) for number in range(plan.http2_connections))
        self._by_number = {user.number: user for user in self._users}
        self._tries: dict[Request, int] = {}
        self._dialing: set[asyncio.Task[None]] = set()
        self._turn = 0
        self._context = client_context() if target.tls else None
        if self._context is not None:
            self._context.set_alpn_protocols(["h2"])

    def offer(self, scheduled: float) -> bool:
        """Give one scheduled request to a user and say whether one could take it; one in four is a POST."""
        user = next((one for one in self._users if one.is_free), None)
        if user is None or len(self._in_flight) >= self._plan.max_in_flight:
            return False
        self._users.remove(user)
        self._users.append(user)
        self._turn += 1
        number, path, body = None, self._random.choice(PATHS), b""
        if self._turn % POST_EVERY == 0:
            number, post = self._recorder.next_post()
            path, body = Path.POSTS, f'{{"id":"{post}"}}'.encode()
        request = Request(
            kind=Kind.HTTP2,
            path=path,
            payload=body,
            scheduled=scheduled,
            finished=self._finished,
            user=user.number,
            post_number=number,
        )
        request.begin(timeout=self._plan.request_timeout)
        self._in_flight.add(request)
        self._send(request)
        return True

    def again(self, stream: Stream) -> None:
        """Send a request once more that the server says it has not processed."""
        request = stream.request
        tries = self._tries[request] = self._tries.get(request, 1) + 1
        if tries > MOST_TRIES:
            stream.end(f"not processed {MOST_TRIES} times in a row")
            return
        self._recorder.sent_again += 1
        self._send(request)

    def _send(self, request: Request) -> None:
        user = self._by_number[request.user]
        if user.connection is None or user.connection.spent:
            user.connection = Http2Connection(self)
            task = self._loop.create_task(self._dial(user.connection))
            self._dialing.add(task)
            task.add_done_callback(self._dialing.discard)
        stream = Stream(request, on=user.connection, cookie=user.cookie)
        request.connection = stream
        user.connection.send(stream)

    async def _dial(self, connection: Http2Connection) -> None:
        name = self.target.server_name if self._context is not None else None
        try:
            await self._loop.create_connection(
                lambda: connection, self.target.host, self.target.port, ssl=self._context, server_hostname=name
            )
        except OSError as error:
            connection.failed(f"connecting failed: {error}")

    def _finished(self, request: Request, response: ResponseReader | None, reason: str | None) -> None:
        user = self._by_number[request.user]
        self._in_flight.discard(request)
        self._tries.pop(request, None)
        cookie = color_cookie(response, self.target.cookie_name) if response else None
        self._recorder.record(request, response, reason, cookie=cookie is not None)
        self._recorder.cookie_changes += cookie is not None and user.cookie is not None and cookie != user.cookie
        user.cookie = cookie or user.cookie
