"""Users who keep a WebSocket, as a page in a browser does: they come back at once when it ends, and say again what
was not answered.

So the end of a WebSocket is no loss: nginx ends those of its old workers, and a color that goes off ends its own. Lost
is a message without a right answer in time, on the next connection at the latest, and any attempt to come back that
fails: nobody waits and tries again.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

from tests.support.load.dialer import client_context
from tests.support.load.record import Kind, Path
from tests.support.load.recorder import Recorder, Request
from tests.support.load.users import color_cookie
from tests.support.load.websocket import WebSocket

if TYPE_CHECKING:
    from tests.support.load.plan import LoadPlan, Target
    from tests.support.load.response import ResponseReader


class WebSocketUser:
    """One user: what its browser would keep, and at most one message under way."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.cookie: str | None = None
        self.socket: WebSocket | None = None
        self.request: Request | None = None
        self.sent = 0
        """Messages so far; each gives the next one its id."""
        self.is_again = False
        """Whether the message under way was sent once more already."""


class WebSocketUsers:
    """Sends what the plan has for WebSockets, and listens to each of them."""

    def __init__(self, *, plan: LoadPlan, target: Target, recorder: Recorder, in_flight: set[Request]) -> None:
        self._plan = plan
        self._target = target
        self._recorder = recorder
        self._in_flight = in_flight
        self._loop = asyncio.get_running_loop()
        first = 1 + plan.keep_alive_connections + plan.returning_users + plan.http2_connections
        self._users = deque(WebSocketUser(first + number) for number in range(plan.websockets))
        self._by_number = {user.number: user for user in self._users}
        self._by_socket: dict[WebSocket, WebSocketUser] = {}
        self._dialing: set[asyncio.Task[None]] = set()
        self._running = True
        self._context = client_context() if target.tls else None

    def offer(self, scheduled: float) -> bool:
        """Give one scheduled message to a user and say whether one could take it."""
        user = next((one for one in self._users if one.request is None), None)
        if user is None:
            return False
        self._users.remove(user)
        self._users.append(user)
        self._say(user, scheduled)
        return True

    def close(self) -> None:
        """Close every WebSocket, those with a message under way once it is answered; nobody comes back any more."""
        self._running = False
        for user in self._users:
            if user.request is None:
                self._part(user)

    def said(self, socket: WebSocket, answer: ResponseReader) -> None:
        """Take an answer."""
        user = self._by_socket[socket]
        if user.request is None:
            socket.cut("a message came that nobody had asked for")
        else:
            user.request.answered(socket, answer)

    def closed(self, socket: WebSocket, reason: str) -> None:
        """Come back at once, and say again what was not answered."""
        user = self._lose(socket)
        self._recorder.websocket_closes += 1
        request = user.request
        if request is None:
            # A server that ends each connection after one answer would else be asked as fast as it can answer.
            if self._running and socket.served > 1:
                self._say(user, time.monotonic())
        elif user.is_again:
            request.broke(socket, f"{reason}, as the WebSocket before, and the message was not answered on either")
        else:
            user.is_again = True
            self._recorder.messages_again += 1
            request.idle, request.served = 0.0, 0
            self._send(user, request)

    def broke(self, socket: WebSocket, reason: str) -> None:
        """Count it as lost, also when no message was under way."""
        user = self._lose(socket)
        request = user.request or self._request(user, time.monotonic(), socket=socket)
        request.broke(socket, reason)

    def _lose(self, socket: WebSocket) -> WebSocketUser:
        """Return whose it was, who keeps the cookie of its handshake whether or not an answer followed."""
        user = self._by_socket.pop(socket)
        user.socket = None
        user.cookie = color_cookie(socket.response, self._target.cookie_name) or user.cookie
        return user

    def _say(self, user: WebSocketUser, scheduled: float) -> None:
        self._send(user, self._request(user, scheduled, socket=user.socket))

    def _request(self, user: WebSocketUser, scheduled: float, *, socket: WebSocket | None) -> Request:
        user.sent += 1
        message = f"{user.number}-{user.sent}"
        request = Request(
            kind=Kind.WEBSOCKET,
            path=Path.WEBSOCKET,
            payload=f'{{"id":"{message}"}}'.encode(),
            scheduled=scheduled,
            finished=self._finished,
            user=user.number,
            message=message,
        )
        request.begin(timeout=self._plan.request_timeout, connection=socket)
        user.request, user.is_again = request, False
        self._in_flight.add(request)
        return request

    def _send(self, user: WebSocketUser, request: Request) -> None:
        socket = user.socket
        if socket is None:
            socket = user.socket = WebSocket(
                target=self._target, listener=self, cookie=user.cookie, agent=f"user {user.number}"
            )
            self._by_socket[socket] = user
            task = self._loop.create_task(self._dial(socket))
            self._dialing.add(task)
            task.add_done_callback(self._dialing.discard)
        request.connection = socket
        socket.send(request.payload)

    async def _dial(self, socket: WebSocket) -> None:
        name = self._target.server_name if self._context is not None else None
        try:
            await self._loop.create_connection(
                lambda: socket, self._target.host, self._target.port, ssl=self._context, server_hostname=name
            )
        except OSError as error:
            socket.failed(f"connecting failed: {error}")

    def _finished(self, request: Request, response: ResponseReader | None, reason: str | None) -> None:
        user = self._by_number[request.user]
        user.request = None
        self._in_flight.discard(request)
        cookie = color_cookie(response, self._target.cookie_name) if response else None
        self._recorder.record(request, response, reason, cookie=cookie is not None)
        self._recorder.cookie_changes += cookie is not None and user.cookie is not None and cookie != user.cookie
        user.cookie = cookie or user.cookie
        if not self._running:
            self._part(user)

    def _part(self, user: WebSocketUser) -> None:
        socket, user.socket = user.socket, None
        if socket is not None:
            self._by_socket.pop(socket, None)
            socket.close()
