"""Zones: what a stack has at Cloudflare comes, stays, is mended and goes, on the fake API and a real engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.cloudflare import FakeCloudflare, Fault, Right
from tests.support.demo import left_behind
from tests.support.edge import Client
from tests.support.places import free_place

pytestmark = [pytest.mark.area("edge"), pytest.mark.full]

MAIN, OTHER = "localhost.localdomain", "colorway.test"
ADDRESS = "203.0.113.11"
OK = 200


@pytest.fixture(scope="module")
def api() -> Iterator[FakeCloudflare]:
    with FakeCloudflare() as running:
        for name in (MAIN, OTHER):
            running.add_zone(name)
        yield running


@pytest.fixture(scope="module")
def clone(
    empty_machine: None, pulumi_cli: Path, api: FakeCloudflare, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Clone]:
    """A checkout whose stack has two zones, one of them with a record of somebody else's."""
    with free_place() as place:
        ids = {zone.name: zone.identifier for zone in api.zones.values()}
        made = Clone.make(tmp_path_factory.mktemp("zones") / "clone", place=place)
        made = made.having(
            CLOUDFLARE_BASE_URL=api.url, CLOUDFLARE_API_TOKEN=api.add_token(*Right), COLORWAY_PLUGINS="offline"
        )
        routes = "    routes: [{path: /}, {path: /old, redirect: /api/}, {host: www, redirect: main}]"
        made.edit("platforms/demo.yaml", r"^    routes: \[\{path: /\}\]$", routes, subject="Redirect a path and a name")
        zones = f"{{main: {{id: {ids[MAIN]}, encryption: full}}, other: {{id: {ids[OTHER]}, proxied: false}}}}"
        domains = f"  colorway:domains: {{main: {MAIN}, other: {OTHER}}}\n  colorway:zones: {zones}"
        made.edit(place.file, r"^  colorway:domains: .*$", domains, subject="Name two zones")
        made.edit(
            place.file,
            r"^      address: 127.0.0.1$",
            f"      address: 127.0.0.1\n      public-address: {ADDRESS}",
            subject="Say the public address",
        )
        try:
            yield made
        finally:
            made.down()
        assert left_behind(place.name) == [], "`down` removes the rest as everywhere"


def asked_of_the_load_balancer(clone: Clone, api: FakeCloudflare, name: str, path: str) -> tuple[int, str | None]:
    """Return the status that a load balancer answers Cloudflare, which shows the stack's certificate, and where to."""
    given = api.asked("POST", "/origin_tls_client_auth")[-1].body
    shown = clone.path / "shown.pem"
    shown.touch(mode=0o600)
    shown.write_text(given["certificate"] + given["private_key"])
    try:
        client = Client(name, clone.place.https_port, "127.0.0.1", certificate=shown)
    finally:
        shown.unlink()
    status, headers, _ = client.ask(path)
    return status, headers["Location"]


def contents(api: FakeCloudflare, domain: str) -> dict[str, tuple[str, bool]]:
    """Return content and whether it is proxied of each record, by name."""
    return {one["name"]: (one["content"], one["proxied"]) for one in api.records(domain)}


@pytest.mark.timeout(900)
def test_a_preview_asks_cloudflare_nothing(clone: Clone, api: FakeCloudflare):
    said = clone.run("preview", clone.stack).output
    assert f"zones-a-{MAIN}-localhost" in said
    assert api.heard == []


@pytest.mark.timeout(1800)
def test_up_makes_records_settings_and_rules(clone: Clone, api: FakeCloudflare):
    clone.up()
    assert contents(api, MAIN)[MAIN] == (ADDRESS, True)
    assert contents(api, OTHER)[OTHER] == (ADDRESS, False)
    assert {one["comment"] for one in api.records(MAIN)} == {f"colorway: stack {clone.stack} of demo"}
    main, other = api.zones.values()
    assert (main.settings["ssl"], other.settings["ssl"], other.rulesets) == ("full", "full", {})
    assert {one["phase"] for one in main.rulesets.values()} == {
        "http_request_cache_settings",
        "http_request_dynamic_redirect",
    }
    assert main.settings["always_use_https"] == "on"
    assert other.settings["always_use_https"] == "off", "what is only resolved is set nowhere"


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("name", "path", "leads"),
    [
        (MAIN, "/old/a?b", "/api/a?b"),
        (MAIN, "/old?b", "/api/?b"),
        (f"www.{MAIN}", "/a?b", f"https://{MAIN}/a?b"),
    ],
)
def test_cloudflare_redirects_as_the_load_balancers_do(
    clone: Clone, api: FakeCloudflare, name: str, path: str, leads: str
):
    main, _ = api.zones.values()
    assert main.redirected(f"https://{name}{path}") == (308, leads)
    assert asked_of_the_load_balancer(clone, api, name, path) == (308, leads)
    assert main.redirected(f"https://{MAIN}/a") is None, "what a service answers goes on to the load balancers"


@pytest.mark.timeout(900)
def test_a_second_up_changes_nothing(clone: Clone, api: FakeCloudflare):
    before = len(api.heard)
    assert "nothing changes" in clone.up().output
    assert [one.method for one in api.heard[before:] if one.method != "GET"] == []


def purged(api: FakeCloudflare) -> list[list[str]]:
    """Return the tags of each purge that Cloudflare has done."""
    return [one.body["tags"] for one in api.asked("POST", "/purge_cache") if one.status == OK]


@pytest.mark.timeout(1800)
def test_what_loses_its_users_is_purged_on_the_way_and_on_the_way_back(clone: Clone, api: FakeCloudflare):
    blue, green = f"{clone.stack}-blue-1.0.0", f"{clone.stack}-green-2.0.0"
    assert purged(api) == [], "on the first install nobody has kept anything"
    clone.traffic(50)
    clone.up()
    assert purged(api) == [], "both have users"
    clone.traffic(0)
    clone.up()
    assert purged(api) == [[blue]], "in one zone: of the other one Cloudflare keeps nothing"

    api.fail(Fault(path="/purge_cache", status=403, times=1))
    clone.traffic(100)
    said = clone.up().output
    assert "Traceback" not in said
    assert purged(api) == [[blue]]
    found = clone.run("status", clone.stack, code=1).output
    assert f"the CDN may still have answers of {green}" in found
    assert "the token may not (403); give it the right Cache Purge: Purge for this zone" in found
    clone.up()
    assert purged(api) == [[blue], [green]], "the next one tries again"
    assert "the CDN may still have" not in clone.run("status", clone.stack).output

    api.fail(Fault(path="/purge_cache", status=429, headers={"Retry-After": "2"}, times=1))
    clone.traffic(0)
    clone.up()
    assert purged(api) == [[blue], [green], [blue]], "what passes soon is waited for"
    clone.traffic(100)
    clone.up()


@pytest.mark.timeout(900)
def test_a_domain_that_is_kept_there_no_more_loses_its_records_and_no_others(clone: Clone, api: FakeCloudflare):
    main, other = api.zones.values()
    foreign = {**api.records(OTHER)[0], "id": "f" * 32, "name": f"mail.{OTHER}", "comment": None}
    other.records[foreign["id"]] = foreign
    clone.edit(clone.place.file, r", other: \{id: [0-9a-f]*, proxied: false\}", "", subject="Take one zone back")
    clone.up()
    assert list(contents(api, OTHER)) == [f"mail.{OTHER}"]
    assert main.records, "the other zone's stay"


@pytest.mark.timeout(900)
def test_a_zone_that_is_to_have_no_rules_for_redirects_loses_them_and_no_others(clone: Clone, api: FakeCloudflare):
    main, _ = api.zones.values()
    clone.edit(
        clone.place.file, r", encryption: full", ", encryption: full, redirect-rules: 0", subject="Have no rules"
    )
    clone.up()
    assert [one["phase"] for one in main.rulesets.values()] == ["http_request_cache_settings"]
    found = asked_of_the_load_balancer(clone, api, f"www.{MAIN}", "/a")
    assert found == (308, f"https://{MAIN}/a"), "load balancers answer as before"
