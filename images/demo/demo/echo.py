"""The WebSocket: each message is answered with its id and who answers."""

from __future__ import annotations

import json
from typing import Final

from demo.asgi import Message, Receive, Send
from demo.ids import RIGHT, id_in
from demo.settings import Identity

POLICY_VIOLATION: Final = 1008


class Echo:
    """One ASGI application for all sockets; uvicorn closes those that are open when the process stops, with 1012."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity.as_json()

    async def __call__(self, _: Message, receive: Receive, send: Send) -> None:
        """Serve one socket to its end; a message that carries no id closes it, with the reason."""
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            given = _id_of(message)
            if given is None:
                await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": f"send {RIGHT}"})
                return
            await send({"type": "websocket.send", "text": json.dumps({"id": given, **self._identity})})


def _id_of(message: Message) -> str | None:
    try:
        return id_in(json.loads(message.get("text") or ""))
    except ValueError:
        return None
