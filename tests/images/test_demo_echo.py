"""The demo's WebSocket: who answers, to which message, and when it ends."""

from __future__ import annotations

import asyncio
import json

import pytest
from demo.echo import Echo
from demo.settings import Identity

GREEN = Identity(service="web", color="green", version="2.0.0", host="node-1")


def talk(*texts: str | None) -> list[dict[str, object]]:
    """Serve one socket on which a client sends texts (None: bytes) and leaves; return what it was sent."""
    came = [{"type": "websocket.connect"}]
    came += [
        {"type": "websocket.receive", **({"text": text} if text is not None else {"bytes": b"x"})} for text in texts
    ]
    left = iter([*came, {"type": "websocket.disconnect", "code": 1001}])
    sent: list[dict[str, object]] = []

    async def receive():
        return next(left)

    async def send(message):
        sent.append(message)

    asyncio.run(Echo(GREEN)({"type": "websocket", "path": "/ws"}, receive, send))
    return sent


def test_each_message_is_answered_with_its_id_and_who_answers():
    accepted, *answers = talk('{"id": "a-1"}', '{"id": "a-2"}')

    assert accepted["type"] == "websocket.accept"
    assert [json.loads(answer["text"]) for answer in answers] == [
        {"id": given, "service": "web", "color": "green", "version": "2.0.0", "host": "node-1"}
        for given in ("a-1", "a-2")
    ], "the same four fields as /whoami"


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"id": 1}', '{"id": ""}', '{"id": "a\\n1"}', None])
def test_a_message_without_an_id_ends_the_socket_and_says_what_is_right(text):
    *_, last = talk(text, '{"id": "a-2"}')

    assert (last["type"], last["code"]) == ("websocket.close", 1008), "nothing after it is answered"
    assert last["reason"].startswith('send JSON like {"id": "a-1"}')
    assert len(last["reason"].encode()) <= 123, "a close frame holds no more"


def test_a_client_that_leaves_is_sent_nothing_more():
    assert [message["type"] for message in talk()] == ["websocket.accept"]
