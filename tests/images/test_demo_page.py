"""The demo's page, its client of the API, its settings and the gate before a migration."""

from __future__ import annotations

import asyncio
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from demo.gate import RefusedError, check_backup, read_migration
from demo.outage import UnavailableError
from demo.page import render_page
from demo.peer import Peer
from demo.settings import Identity, from_environment

BLUE = Identity(service="web", color="blue", version="1.0.0", host="node-1")
API = {"service": "api", "color": "blue", "version": "1.0.0", "host": "node-2", "visits": 1234}


class Text(HTMLParser):
    """Collects a page's tags and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data):
        self.words.append(data.strip())


def test_the_page_shows_who_answered_and_counts():
    page = Text(render_page(BLUE, api=API, visits=1234))

    for shown in ("1.0.0", "blue", "node-1", "1,234", "1.0.0 on node-2"):
        assert shown in page.words, f"{shown} must be readable on the page"


def test_the_page_needs_no_script_and_nothing_from_elsewhere():
    page = Text(render_page(BLUE, api=API, visits=1))

    assert "script" not in page.tags, "it works without JavaScript"
    assert page.links == ["data:,"], "it loads nothing; the empty icon spares a request that would count as another"


def test_a_mix_of_colors_is_said_in_words():
    page = render_page(BLUE, api={**API, "color": "green"}, visits=1)

    assert "Two colors had a part in it: blue and green." in page


def test_without_the_api_the_page_says_so():
    assert "The API did not answer" in render_page(BLUE, api=None, visits=None)


def test_what_comes_from_outside_cannot_become_markup():
    page = render_page(BLUE, api={**API, "version": "<script>alert(1)</script>"}, visits=1)

    assert "<script>" not in page


async def serve(answers: list[bytes | None], *, per_connection: int, ask: int) -> tuple[list[object], int]:
    """Serve raw answers, so many on each connection, and ask so often; None closes without an answer."""
    connections = 0
    left = iter(answers)

    async def handle(reader, writer):
        nonlocal connections
        connections += 1
        for _ in range(per_connection):
            try:
                await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            answer = next(left)
            if answer is None:
                break
            writer.write(answer)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        peer = Peer(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        got: list[object] = []
        for _ in range(ask):
            try:
                got.append(await peer.get("/api/whoami"))
            except UnavailableError as error:
                got.append(str(error))
        for stream in peer._idle:
            stream.writer.close()
    return got, connections


def answer(content: object, *, status: str = "200 OK") -> bytes:
    body = json.dumps(content).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def test_requests_share_a_connection():
    got, connections = asyncio.run(serve([answer({"n": n}) for n in range(5)], per_connection=5, ask=5))

    assert got == [{"n": n} for n in range(5)]
    assert connections == 1, "a new connection for each request would be most of its cost"


def test_a_connection_that_the_api_closed_costs_no_request():
    got, connections = asyncio.run(serve([answer({"n": n}) for n in range(3)], per_connection=1, ask=3))

    assert got == [{"n": 0}, {"n": 1}, {"n": 2}], "an idle connection may be closed at any time"
    assert connections == 3


def test_a_kept_connection_that_dies_under_a_request_is_replaced_once():
    got, _ = asyncio.run(serve([answer({"n": 0}), None, answer({"n": 1})], per_connection=2, ask=2))

    assert got == [{"n": 0}, {"n": 1}]


def test_an_error_of_the_api_is_an_outage_and_no_answer():
    got, connections = asyncio.run(serve([answer({}, status="500 Oops"), answer({"n": 1})], per_connection=2, ask=2))

    assert got == ["api: answered 500", {"n": 1}]
    assert connections == 1, "an answered error is no reason to drop the connection"


def test_an_api_that_is_not_there_is_an_outage():
    with pytest.raises(UnavailableError, match="api: "):
        asyncio.run(Peer("http://127.0.0.1:1").get("/api/whoami"))


def test_settings_come_from_the_environment_and_passwords_stay_in_their_files(tmp_path):
    secret = tmp_path / "password"
    secret.write_text("geheim\n")

    settings = from_environment(
        {"COLORWAY_COLOR": "green", "COLORWAY_HOST": "node-1", "DATABASE_PASSWORD_FILE": str(secret)}, role="api"
    )

    assert settings.identity == Identity(service="api", color="green", version="unversioned", host="node-1")
    assert "geheim" not in repr(settings), "a setting that is printed must not betray the password"
    assert settings.postgres.password() == "geheim"


def test_a_migration_passes_on_an_empty_database_without_a_backup():
    check_backup("0001-initial", backup="", user_tables=0)


def test_a_migration_passes_with_a_verified_backup():
    check_backup("0002-more", backup="verified 2026-11-22T02:00:00Z", user_tables=7)


@pytest.mark.parametrize("backup", ["", "unverified", "none"])
def test_a_migration_of_data_that_no_verified_backup_holds_is_refused(backup):
    with pytest.raises(RefusedError, match="0002-more: refused, for there is no verified backup"):
        check_backup("0002-more", backup=backup, user_tables=1)


def test_a_migration_that_this_version_lacks_is_refused_with_those_it_has():
    with pytest.raises(RefusedError, match="it has 0001-initial"):
        read_migration("../../etc/passwd")


def test_every_migration_of_the_releases_is_in_the_image():
    for manifest in Path(__file__).parents[2].glob("releases/demo/*.yaml"):
        names = [line.split("id: ")[1].split(",")[0] for line in manifest.read_text().splitlines() if "{id: " in line]
        for name in names:
            assert read_migration(name), f"{manifest.name} names {name}"
