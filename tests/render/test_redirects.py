"""Redirects: what Cloudflare answers by a zone's rules is what nginx answers, and nothing else."""

from __future__ import annotations

import re

import pytest

from colorway.render.routes import locations
from colorway.spec.traffic import Color
from tests.render.redirect_cases import ODD, PLAIN, ROUTES, at_the_edge, of, spec
from tests.support.cloudflare import rules
from tests.support.specs import PUBLIC_HOSTS, ZONE, small_spec


def at_the_origin(wanted, url, color=Color.BLUE):
    """Return where nginx sends a request whose path has nothing that it would decode; None = to a service."""
    known = rules.fields(url)
    uri, path = known["raw.http.request.uri"], known["raw.http.request.uri.path"]
    host = known["http.host"].removesuffix("example.com").rstrip(".") or None
    here = locations(wanted, color, domain="main", host=host)
    if path in {one.bare for one in here}:
        return None
    exact = [one for one in here if f"= {path}" in one.matches]
    below = [
        (match, one) for one in here for match in one.matches if not match.startswith("= ") and path.startswith(match)
    ]
    place = exact[0] if exact else max(below, key=lambda one: len(one[0]))[1]
    if not place.is_redirect:
        return None
    if place.table is None:
        query = uri.partition("?")[2]
        fixed = place.path.replace("$is_args$args", f"?{query}" if query else "").replace("$request_uri", uri)
        return fixed.replace("$is_request_port$request_port", "")
    for pattern, becomes in place.table.lines:
        if pattern == "default":
            return becomes
        # nginx's way to write a pattern, and a group of it.
        found = re.search(pattern.removeprefix("~").replace("(?<", "(?P<"), uri)
        if found:
            return becomes.replace("$colorway_rest", found["colorway_rest"] or "")
    raise AssertionError("a table has a default")


def test_cloudflare_answers_a_plain_path_as_nginx_does_in_every_color():
    wanted = spec()
    for url in PLAIN:
        said = at_the_edge(wanted, url)
        assert [said, said] == [at_the_origin(wanted, url, color) for color in Color], url


def test_what_the_table_above_compares_is_redirects_of_all_kinds():
    wanted = spec()
    assert at_the_edge(wanted, "https://example.com/old/x?a=b") == "/new/x?a=b"
    assert at_the_edge(wanted, "https://example.com/old?a=b") == "/new/?a=b"
    assert at_the_edge(wanted, "https://example.com/top/x") == "/x"
    assert at_the_edge(wanted, "https://example.com/was?a=b") == "/api/?a=b"
    assert at_the_edge(wanted, "https://example.com/moved/x?a=b") == "https://portal.example.com/moved/x?a=b"
    assert at_the_edge(wanted, "https://www.example.com/x?a=%2F") == "https://example.com/x?a=%2F"
    assert at_the_edge(wanted, "https://example.com/old/kept/x") is None


@pytest.mark.parametrize("url", ODD)
def test_what_has_to_be_read_first_or_is_not_the_stacks_goes_on_to_the_load_balancers(url):
    assert at_the_edge(spec(), url) is None


def test_what_one_color_alone_redirects_is_answered_by_load_balancers_while_both_run():
    www = {"host": "www", "redirect": "main"}
    ours = [{"path": "/"}, {"path": "/old", "redirect": "/new/"}, www]
    theirs = [{"path": "/"}, {"path": "/old", "redirect": "/elsewhere/"}, www]
    assert at_the_edge(spec(ours, theirs), "https://example.com/old/x") is None
    assert at_the_edge(spec(ours, theirs), "https://www.example.com/x") == "https://example.com/x"
    one = spec(ours, theirs, versions={"blue": "1.0.0", "green": None})
    assert at_the_edge(one, "https://example.com/old/x") == "/new/x"
    assert at_the_edge(spec(ours, [*ours, {"path": "/old/kept/"}]), "https://example.com/old/kept/x") is None, (
        "to one color a part of it is a service's"
    )


def test_traffic_changes_no_rule():
    def at(shares):
        green = 100 - shares
        return of(spec(traffic={"blue": shares, "green": green, "active": "blue" if shares >= green else "green"}))

    assert at(100) == at(50) == at(0), "the way back must not wait for Cloudflare"


def test_a_redirect_that_is_closed_by_itself_is_left_to_the_page():
    wanted = spec(maintenance={"www.example.com/": "Back soon."})
    assert at_the_edge(wanted, "https://www.example.com/x") is None
    assert at_the_edge(wanted, "https://example.com/old/x") == "/new/x"
    everything = spec(maintenance={"everything": "Back soon."})
    assert of(everything) == of(spec()), "where it leads to there is the page"


def test_a_zone_that_may_not_have_so_many_rules_has_none():
    assert len(of(spec())) == 11
    assert of(spec(zone={"id": ZONE, "redirect-rules": 10})) == ()
    assert len(of(spec(zone={"id": ZONE, "redirect-rules": 11}))) == 11
    assert of(spec(zone={"id": ZONE, "redirect-rules": 0})) == ()
    assert of(spec(zone={"id": ZONE, "proxied": False})) == ()
    assert of(spec(zone={"id": ZONE, "records-only": True})) == ()


def test_a_rule_that_is_longer_than_cloudflare_takes_is_left_out():
    many = [{"path": f"/old/{'x' * 60}{number}", "exact": True} for number in range(60)]
    wanted = spec([*ROUTES, *many])
    assert at_the_edge(wanted, "https://example.com/old/x") is None
    assert at_the_edge(wanted, "https://example.com/old") == "/new/"
    assert all(len(one.expression) <= 4096 for one in of(wanted))


def test_a_path_that_is_left_to_load_balancers_needs_no_rule():
    well_known = {"path": "/.well-known/change-password", "exact": True, "redirect": "/account"}
    assert of(spec([*ROUTES, well_known])) == of(spec())


def test_refs_are_of_places_so_that_another_target_is_the_same_rule():
    before, after = (of(spec([{"path": "/"}, {"path": "/old", "redirect": to}])) for to in ("/a", "/b"))
    assert [one.ref for one in before] == [one.ref for one in after]
    found = [one.ref for one in of(spec())]
    assert len(set(found)) == len(found)


def test_two_domains_of_one_zone_have_their_rules_together():
    wanted = small_spec(
        hosts=PUBLIC_HOSTS,
        settings={
            "domains": {"main": "example.com", "shop": "shop.example.com"},
            "zones": {"main": ZONE, "shop": ZONE},
        },
        overrides={
            "services": {
                "shop": {
                    "routes": [
                        {"path": "/"},
                        {"host": "www", "redirect": "main"},
                        {"domain": "shop", "redirect": "main"},
                    ]
                }
            }
        },
    )
    assert [one.description for one in of(wanted)] == [
        "www.example.com/ leads to https://example.com",
        "shop.example.com/ leads to https://example.com",
    ]


@pytest.mark.parametrize("rest", ["//elsewhere.example", "/\\elsewhere.example", "\\\\/elsewhere.example"])
def test_nginx_leads_to_no_name_that_stands_in_the_path(rest):
    found = at_the_origin(spec(), f"https://example.com/top/{rest}")
    assert found == "/elsewhere.example", (
        "a browser reads a backslash as a slash, and two slashes as a name's beginning"
    )


def test_a_color_that_strips_a_path_and_one_that_leads_it_to_the_root_have_tables_of_their_own():
    wanted = spec([{"path": "/"}, {"path": "/top", "strip": True}], [{"path": "/"}, {"path": "/top", "redirect": "/"}])
    tables = {
        one.table.variable: one.table.lines
        for color in Color
        for one in locations(wanted, color, domain="main", host=None)
        if one.table
    }
    assert len(tables) == 2, "nginx takes the last one of a name for both"
