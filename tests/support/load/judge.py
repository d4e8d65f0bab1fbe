"""What an answer of the demo platform must look like, and which color gave it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.load.connection import COLOR_HEADER
from tests.support.load.record import Kind, Path

if TYPE_CHECKING:
    from tests.support.load.response import ResponseReader

EXCERPT = 80
STATUS = {Path.POSTS: 201, Path.WEBSOCKET: 101}
"""What is answered otherwise than with 200; both send an id, and get it back."""


@dataclass(frozen=True, slots=True)
class Judgment:
    """The color that answered (empty if unknown), what is wrong (None if nothing), and colors that differ."""

    color: str = ""
    wrong: str | None = None
    mixed: tuple[str, str] | None = None


def judge(*, kind: Kind, path: Path, sent: str | None, response: ResponseReader) -> Judgment:
    """Judge one complete response, to a request that sent this id if it is one that sends any."""
    header = response.headers.get(COLOR_HEADER, b"").decode("latin-1")
    wanted = STATUS.get(path, 200)
    if response.status != wanted:
        excerpt = bytes(response.body[:EXCERPT]).decode("latin-1")
        return Judgment(header, f"status {response.status} instead of {wanted}: {excerpt!r}")
    if path is Path.DOWNLOAD and response.expected is None:
        return Judgment(header, "the download came without Content-Length, so nobody can tell that it is complete")
    if path in {Path.HOME, Path.DOWNLOAD} or kind is Kind.CONTROL:
        return Judgment(header)
    try:
        return _judge_body(path=path, sent=sent, header=header, body=json.loads(response.body))
    except (ValueError, KeyError, TypeError):
        excerpt = bytes(response.body[:EXCERPT]).decode("latin-1")
        return Judgment(header, f"the body is not the JSON that {path} promises: {excerpt!r}")


def _judge_body(*, path: Path, sent: str | None, header: str, body: dict[str, object]) -> Judgment:
    color = body["color"]
    if not isinstance(color, str) or not color:
        raise TypeError
    if path in STATUS and body["id"] != sent:
        return Judgment(color, f"the answer is for id {body['id']!r}")
    if path is Path.WHOAMI:
        inner = body["api"]["color"]  # type: ignore[index]
        if inner != color:
            return Judgment(color, None, (color, str(inner)))
    return Judgment(color, None, (color, header) if header and header != color else None)
