"""What visitors get while something is closed: a page arrives as it is written, and only where it is meant."""

from __future__ import annotations

import json
import re

import pytest

from colorway.render.maintenance import LONGEST_PIECE, MESSAGE, maintenance
from colorway.render.nginx import generation
from tests.render.cases import tree
from tests.render.nginx_text import read
from tests.support.specs import MAIL, small_spec

PAGE = "platforms/closed.html"
CLOSED = "rewrite ^ /.colorway/closed/$colorway_kind"


def closed(said, **edge):
    files = {PAGE: edge.pop("page").encode()} if "page" in edge else None
    if files:
        edge["maintenance-page"] = PAGE
    return small_spec(settings={"maintenance": said}, overrides={"edge": edge}, files=files)


def arrives(spec, kind="html"):
    """Return what nginx makes of a page: its words as nginx unquotes them, with the one variable filled in."""
    [page] = maintenance(spec).pages
    [text] = [one for one in page.texts if one.kind == kind]
    assert all(len(piece.encode()) < 4096 - len('default "";') for piece in text.pieces), "nginx takes no longer word"
    assert not [piece for piece in text.pieces if re.search(r'(?<!\\)(\\\\)*"', piece)], "a word ends at such a quote"
    return "".join(re.sub(r'\\(["\\])', r"\1", piece) for piece in text.pieces).replace("${colorway_dollar}", "$")


def test_nothing_is_said_of_it_while_nothing_is_closed():
    assert maintenance(small_spec()) is None
    assert "colorway_closed" not in generation(small_spec()).text, "the text stays what it was"


@pytest.mark.parametrize(
    "page",
    [
        'a "quoted" \\ back\\slash \\" $5 ${x} {};# <b>ünï ☂</b>\r\n',
        "$" * 5000,
        '"' * LONGEST_PIECE + "ü" * LONGEST_PIECE,
        "\\n" * 4000,
    ],
)
def test_a_page_of_the_platform_arrives_byte_by_byte(page):
    assert arrives(closed({"everything": "Back soon."}, page=page)) == page


def test_the_message_is_text_and_no_markup():
    said = closed({"everything": '<b>14:00</b> & "$5"'}, page=f"<p>{MESSAGE}</p>")
    assert arrives(said) == "<p>&lt;b&gt;14:00&lt;/b&gt; &amp; &quot;$5&quot;</p>"
    assert json.loads(arrives(said, "json"))["detail"] == '<b>14:00</b> & "$5"', "programs read it as it is"


def test_the_page_of_ours_asks_for_nothing_and_is_readable_on_a_telephone_in_the_dark():
    page = arrives(closed({"everything": "Back at 14:00 UTC."}))
    assert "Back at 14:00 UTC." in page
    assert not re.search(r"(src|href|url|@import)\b", page), "what it would ask for is closed, too"
    assert 'name="viewport"' in page
    assert "prefers-color-scheme: dark" in page


def test_a_policy_of_the_platform_does_not_take_the_page_its_style():
    policy = {"Content-Security-Policy": "default-src 'self'", "X-Frame-Options": "DENY"}
    [ours] = [
        one for one in maintenance(closed({"everything": "x"}, headers=policy)).pages[0].texts if one.kind == "html"
    ]
    assert dict(ours.headers)["Content-Security-Policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert dict(ours.headers)["X-Frame-Options"] == "DENY", "all others stay"
    own = maintenance(closed({"everything": "x"}, headers=policy, page="<p>")).pages[0].texts
    assert not any(text.headers for text in own), "a page of the platform's own is under its policy"


def stopped(spec):
    """Return the places whose requests get a page, and whether the whole of a server does."""
    root = read(generation(spec).text)
    servers = [server for server in root.all("http", "server") if "443" in " ".join(server.values("listen"))]

    def is_stopped(block):
        return any(f"rewrite {one}".startswith(CLOSED) for one in block.values("if", "rewrite"))

    whole = [server for server in servers if is_stopped(server)]
    places = [
        (server.values("server_name")[0].split()[0], location.args[-1])
        for server in servers
        for location in server.all("location")
        if is_stopped(location)
    ]
    return len(whole), len(servers), sorted(places)


def test_everything_is_closed_before_a_color_is_looked_for():
    whole, servers, places = stopped(closed({"everything": "x"}))
    assert (whole, places) == (servers, [])


def test_one_route_is_closed_in_both_colors_and_no_other():
    assert stopped(closed({"example.com/api/": "x"})) == (
        0,
        2,
        [("example.com", "/.colorway/blue/api/"), ("example.com", "/.colorway/green/api/")],
    )
    assert stopped(closed({"portal.example.com/": "x"}))[2] == [
        ("portal.example.com", "/.colorway/blue/"),
        ("portal.example.com", "/.colorway/green/"),
    ], "the same path under another name is open"


def test_a_shared_service_and_a_route_that_one_version_has_can_be_closed():
    spec = small_spec(
        settings={"maintenance": {"example.com/mail/": "x", "example.com/new/": "x"}},
        overrides={"services": {"mail": MAIL}},
        services={"2.0.0": {"api": {"routes": [{"path": "/new/"}]}}},
    )
    assert [place for _, place in stopped(spec)[2]] == [
        "/.colorway/blue/mail/", "/.colorway/green/mail/", "/.colorway/green/new/",
    ]  # fmt: skip


def test_who_goes_through():
    spec = closed({"everything": "x"}, **{"maintenance-secret": "cache-password"})
    root = read(generation(spec).text)
    asked = {one.args[1]: one.args[0] for one in root.all("http", "map")}
    assert asked["$colorway_closed"] == "$colorway_preview$colorway_passed$colorway_acme"
    assert asked["$colorway_passed"] == "$cookie_pass_test"
    assert asked["$colorway_pass"] == "$request_uri", "what a rewrite has made of the path names no secret"
    included = [one.args[0] for one in root.deep("include") if "maintenance" in one.args[0]]
    assert included == [
        "/etc/colorway/secrets/current/maintenance-cookie.conf",
        "/etc/colorway/secrets/current/maintenance-link.conf",
    ], "the secret is no part of the text"
    assert "pass" not in generation(closed({"everything": "x"})).text.partition("# Closed")[2].partition("geo")[0], (
        "no link where no secret is named"
    )


def test_programs_are_told_when_to_come_again_and_nobody_keeps_the_page():
    pages = [one for one in tree("closed").all("http", "server", "location") if "/closed/" in one.args[-1]]
    assert pages
    for page in pages:
        headers = page.values("add_header")
        assert "Retry-After 300 always" in headers
        assert "Cache-Control no-store always" in headers
        assert [one.args[0] for one in page.all("return")] == ["503"]
        assert page.values("internal") == [""], "nobody asks for it by its path"
        assert page.values("set") == ["$colorway_service none"], "an answer of no service says nothing about a color"
