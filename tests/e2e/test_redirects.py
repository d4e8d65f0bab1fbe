"""The real nginx and Cloudflare's rules, asked for the same: a redirect says the same, whoever answers it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from colorway.spec.edge import REDIRECT_STATUS
from tests.render.redirect_cases import ODD, PLAIN, ROUTES, at_the_edge, spec
from tests.support.edge import Client, Edge, running_edge

pytestmark = [pytest.mark.area("edge"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def edge(swarm: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with running_edge(tmp_path_factory.mktemp("redirects"), spec(**{"lock-down": "open"})) as made:
        yield made


def led_to(clients: dict[str, Client], edge: Edge, url: str) -> str | None:
    """Return where nginx sends a request; None = a service answers, or nothing does."""
    name = urlsplit(url).hostname or ""
    client = clients.setdefault(name, edge.client(name))
    status, headers, _ = client.ask(url.removeprefix("https://").removeprefix(name) or "/")
    return headers["Location"] if status == REDIRECT_STATUS else None


def test_what_cloudflare_answers_nginx_would_have_answered(edge: Edge):
    wanted, clients = spec(), dict[str, Client]()
    by_rule = {url: at_the_edge(wanted, url) for url in PLAIN}
    assert sum(said is not None for said in by_rule.values()) > len(ROUTES), "else this compares nothing"
    # A folder without its last slash is led to itself with one, which is no redirect of a route.
    folders = {url for url in PLAIN if url.partition("?")[0].endswith("www.example.com/here")}
    assert {url: led_to(clients, edge, url) for url in PLAIN if url not in folders} == {
        url: said for url, said in by_rule.items() if url not in folders
    }
    assert [by_rule[url] for url in folders] == [None] * len(folders)


@pytest.mark.parametrize("url", [one for one in ODD if one.startswith("https://example.com/")])
def test_what_cloudflare_leaves_to_it_never_leads_to_a_stranger(edge: Edge, url: str):
    leads = led_to({}, edge, url)
    assert leads is None or re.match(r"/[^/\\]", leads), (
        "browsers read a backslash as a slash, and two as a name's beginning"
    )
