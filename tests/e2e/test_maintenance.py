"""Closing a route, then all of a stack, under load: only what is meant to stop does, and the rest goes through."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import ssl

import pytest

from colorway.outputs import PREVIEW_HEADER
from colorway.spec.traffic import USERS
from tests.support.demo import Demo, docker
from tests.support.load import Target
from tests.support.visitors import API, MESSAGE, WEB, Connection, Visitors

pytestmark = [pytest.mark.area("edge"), pytest.mark.full]


def ask(demo: Demo, path: str, **headers: str) -> tuple[int, http.client.HTTPMessage, str]:
    """Ask once, on a connection of its own."""
    asking = Connection(demo.target)
    asking.request("GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()})
    answer = asking.getresponse()
    body = answer.read().decode()
    asking.close()
    return answer.status, answer.headers, body


PING, PONG = 0x9, 0xA
"""Kinds of WebSocket frames; RFC 6455, section 5.5."""


class Echo:
    """A WebSocket that was open before."""

    def __init__(self, target: Target) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(socket.create_connection((target.host, target.port), timeout=30))
        key = base64.b64encode(b"0123456789abcdef").decode()
        head = f"GET /ws HTTP/1.1\r\nHost: {target.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self.socket.sendall(f"{head}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        self.file = self.socket.makefile("rb")
        assert b" 101 " in self.file.readline()
        while self.file.readline().strip():
            pass

    def say(self, given: str) -> str:
        """Send an id and return the one that is answered."""
        text = json.dumps({"id": given}).encode()
        self.socket.sendall(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)
        while True:
            first, length = self.file.read(2)
            if length == 126:
                length = int.from_bytes(self.file.read(2), "big")
            payload = self.file.read(length)
            # The server asks whether somebody is there.
            if first & 0x0F == PING:
                self.socket.sendall(bytes([0x80 | PONG, 0x80 | length, 0, 0, 0, 0]) + payload)
                continue
            found: str = json.loads(payload)["id"]
            return found


def preview_token(demo: Demo) -> str:
    """Return the secret of the header."""
    (container,) = demo.containers("lb-localhost")
    known = docker("exec", container, "cat", "/etc/colorway/secrets/current/preview.conf")
    return known.split("~^")[1].split("\\.")[0]


def pages_logged(demo: Demo) -> list[str]:
    """Return what the load balancer's log says of the page's answers: from it each color's figures are made."""
    (container,) = demo.containers("lb-localhost")
    log = docker("exec", container, "cat", "/etc/colorway/run/access.log")
    return [line for line in log.replace("\0", "").splitlines() if " code=503 " in line]


def commit(demo: Demo, *arguments: str) -> None:
    """Run a command, and check that it made one commit of one line of the stack's file."""
    before = demo.clone.git("rev-parse", "HEAD").strip()
    demo.clone.run("maintenance", *arguments)
    assert demo.clone.git("rev-list", "--count", f"{before}..HEAD").strip() == "1", "one commit"
    added, removed, file = demo.clone.git("show", "--format=", "--numstat", "HEAD").split()
    assert (max(int(added), int(removed)), file) == (1, demo.clone.place.file), "one line of one file"


def check_who_goes_through(demo: Demo) -> None:
    """Check the doors past the page while everything is closed.

    Raises:
        AssertionError: one is shut, or open to others.
    """
    status, _, body = ask(demo, WEB, Accept="application/json")
    assert (status, json.loads(body)["detail"]) == (503, MESSAGE), "programs read JSON"
    assert ask(demo, "/.well-known/acme-challenge/x")[0] != 503, "the challenges of certificates go through"
    way = "/" + demo.clone.run("maintenance", "link", demo.stack).output.strip().split("/", 3)[3]
    status, headers, _ = ask(demo, way)
    assert (status, headers["Location"]) == (303, "/")
    cookie = (headers["Set-Cookie"] or "").partition(";")[0]
    assert [ask(demo, path, Cookie=cookie)[0] for path in (WEB, API)] == [200, 200], "who has the link works on"
    forged = [ask(demo, WEB, Cookie=f"{cookie}0")[0], ask(demo, f"{way}0")[0], ask(demo, way.upper())[0]]
    assert forged == [503, 503, 503], "and nobody else does"
    known = preview_token(demo)
    for who in ("green", USERS):
        answered = ask(demo, WEB, **{PREVIEW_HEADER: f"{known}.{who}"})[0]
        assert answered == 200, f"a release's own requests are not stopped, as {who}"


@pytest.mark.timeout(900)
def test_only_what_is_closed_is_stopped_and_nothing_is_lost(demo: Demo):
    clone, stack = demo.clone, demo.stack
    text, tasks, head = clone.stack_file.read_text(), demo.tasks(), clone.git("rev-parse", "HEAD")
    logged_before = len(pages_logged(demo))
    refused = clone.run("maintenance", "on", stack, "--route", "/apis/", code=1).output
    assert "localhost.localdomain/apis/ is no route; did you mean localhost.localdomain/api/?" in refused
    assert clone.git("rev-parse", "HEAD") == head, "a slip changes nothing"

    with Visitors(demo.target) as visitors:
        visitors.meet("open")
        socket_before = Echo(demo.target)
        visitors.stage = "closing the API"
        commit(demo, "on", stack, "--route", "/api/", "--message", MESSAGE)
        visitors.meet("API closed")
        echoed = socket_before.say("still-there")
        visitors.stage = "closing everything"
        commit(demo, "on", stack, "--message", MESSAGE)
        visitors.meet("closed")
        said = json.loads(clone.run("status", stack, "--json").output)
        shown = clone.run("status", stack).output
        check_who_goes_through(demo)
        visitors.stage = "opening"
        commit(demo, "off", stack)
        visitors.meet("open again")

    assert visitors.lost == {}, "each answer is the application's or the page: none is refused, none is 502"
    application, page = visitors.total("application"), visitors.total("page")
    print(f"{application:,} answers of the application, {page:,} of the page, none lost")
    for stage in ("open", "closing the API", "API closed"):
        assert visitors.who(stage, WEB) == {"application"}, f"{stage}: web is no part of the API"
    assert "page" in visitors.who("API closed", API)
    assert "page" in visitors.who("closed", WEB)
    assert "application" in visitors.who("open again", API)
    assert echoed == "still-there", "a WebSocket that was open is not cut"
    assert said["maintenance"] == {"everything": MESSAGE}
    assert said["healthy"], "it is meant"
    assert f"colorway maintenance off {stack} opens it again" in shown
    assert re.search(r"everything is closed since \d{4}-\d\d-\d\d \d\d:\d\d UTC", shown)
    logged = pages_logged(demo)[logged_before:]
    assert logged, "the page's answers are logged"
    assert not [line for line in logged if "service=none" not in line or 'addr="-"' not in line], (
        "the page says nothing about a color"
    )
    assert clone.stack_file.read_text() == text, "not a byte is left of it"
    assert demo.tasks() == tasks, "no task was restarted"
    assert "nothing changes" in clone.up().output
