"""What a stack has at Cloudflare: records, settings and rules, and none of it without a zone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from offline_plugins.cloudflare.resource_types import rule_problem
from tests.program.stacks import run_spec
from tests.support.recorder import RECORD
from tests.support.specs import PUBLIC_HOSTS, ROOT, ZONE, small_spec

SETTING = "cloudflare:index/zoneSetting:ZoneSetting"
RULESET = "cloudflare:index/ruleset:Ruleset"
OTHER = "f" * 32


def recorded(routes=None, **zones):
    domains = {"main": "shop.example", "other": "shop.test"}
    overrides = {"services": {"shop": {"routes": routes}}} if routes else {}
    return run_spec(small_spec(hosts=PUBLIC_HOSTS, settings={"domains": domains, "zones": zones}, overrides=overrides))


def records(recording):
    """Return name, kind and address of each record, with its zone."""
    made = recording.of_type(RECORD).values()
    return {(one.inputs["name"], one.inputs["type"], one.inputs["content"]): one.inputs for one in made}


def test_each_name_has_a_record_for_each_address_of_each_load_balancer():
    found = records(recorded(main=ZONE))
    addresses = {("A", "203.0.113.11"), ("AAAA", "2001:db8::11"), ("A", "203.0.113.12")}
    assert set(found) == {(name, *one) for name in ("shop.example", "portal.shop.example") for one in addresses}
    for inputs in found.values():
        assert inputs["zoneId"] == ZONE, "the other domain is not kept there"
        assert inputs["comment"] == "colorway: stack test of small", "it says whose it is"
        assert (inputs["proxied"], inputs["ttl"]) == (True, 1), "a proxied record has no other lifetime"


def test_a_domain_that_is_not_proxied_is_only_resolved():
    recording = recorded(main={"id": ZONE, "proxied": False})
    assert {(one["proxied"], one["ttl"]) for one in records(recording).values()} == {(False, 60)}
    assert not recording.of_type(SETTING), "settings are of what goes through Cloudflare"
    assert not recording.of_type(RULESET)


def test_two_domains_have_their_own_zones_and_one_zone_is_set_once():
    recording = recorded(main=ZONE, other=OTHER)
    assert {one["zoneId"] for name, one in records(recording).items() if name[0] == "shop.test"} == {OTHER}
    assert {one.inputs["zoneId"] for one in recording.of_type(RULESET).values()} == {ZONE, OTHER}
    shared = recorded(main=ZONE, other=ZONE)
    assert len(shared.of_type(RULESET)) == 1, "Cloudflare takes one ruleset a phase"
    hosts = next(iter(shared.of_type(RULESET).values())).inputs["rules"][0]["expression"]
    assert hosts == 'http.host in {"portal.shop.example" "shop.example" "shop.test"}'


def test_a_zone_whose_settings_are_anothers_gets_records_only():
    recording = recorded(main={"id": ZONE, "records-only": True})
    assert records(recording)
    assert not recording.of_type(SETTING)
    assert not recording.of_type(RULESET)


def test_settings_protect_the_way_to_the_load_balancers_and_say_hsts_as_the_edge_does():
    made = {one.inputs["settingId"]: one.inputs["value"] for one in recorded(main=ZONE).of_type(SETTING).values()}
    assert {name: value for name, value in made.items() if name != "security_header"} == {
        "ssl": "full",
        "min_tls_version": "1.2",
        "always_use_https": "on",
    }
    hsts = made["security_header"]["strict_transport_security"]
    assert (hsts["enabled"], hsts["max_age"], hsts["include_subdomains"], hsts["preload"]) == (
        True,
        730 * 24 * 3600,
        False,
        False,
    )
    weaker = recorded(main={"id": ZONE, "encryption": "full"}).of_type(SETTING).values()
    assert "full" in [one.inputs["value"] for one in weaker], "for load balancers with certificates of their own"


def test_cloudflare_keeps_what_a_route_says_and_nothing_else():
    (ruleset,) = recorded(main=ZONE).of_type(RULESET).values()
    assert (ruleset.inputs["phase"], ruleset.inputs["kind"]) == ("http_request_cache_settings", "zone")
    none, kept = ruleset.inputs["rules"]
    assert none["actionParameters"] == {"cache": False}
    assert kept["expression"] == '(http.host eq "shop.example" and starts_with(http.request.uri.path, "/static/"))'
    assert kept["actionParameters"] == {"cache": True, "edgeTtl": {"mode": "respect_origin"}}
    assert {none["ref"], kept["ref"]} == {"test-none", "test-kept"}, "a rule without ref is new at every change"


def redirects(recording):
    """Return the redirect rules of each zone, by its id."""
    made = recording.of_type(RULESET).values()
    phase = "http_request_dynamic_redirect"
    return {one.inputs["zoneId"]: one.inputs["rules"] for one in made if one.inputs["phase"] == phase}


def test_a_zone_redirects_as_routes_under_its_own_names_say():
    routes = [
        {"path": "/"},
        {"path": "/was", "exact": True, "redirect": "/is"},
        {"host": "www", "redirect": "main"},
        {"domain": "other", "redirect": "main"},
    ]
    found = redirects(recorded(routes, main=ZONE, other={"id": OTHER, "proxied": False}))
    assert list(found) == [ZONE], "what Cloudflare does not proxy it cannot redirect"
    path, name = (one["actionParameters"]["fromValue"] for one in found[ZONE])
    assert path == {"targetUrl": {"value": "/is"}, "statusCode": 308, "preserveQueryString": True}
    assert name == {
        "targetUrl": {"expression": 'concat("https://shop.example", raw.http.request.uri)'},
        "statusCode": 308,
        "preserveQueryString": False,
    }, "of a query that is there twice Cloudflare makes an error"
    assert {one["action"] for one in found[ZONE]} == {"redirect"}
    assert len({one["ref"] for one in found[ZONE]}) == 2, "a rule without ref is new at every change"
    assert all(rule_problem(one) is None for one in found[ZONE])


def test_a_zone_without_redirects_has_no_rules_for_them():
    assert redirects(recorded(main=ZONE, other=OTHER)) == {}


@pytest.mark.parametrize("zones", [{}, {"main": ZONE}])
def test_the_token_is_the_providers_and_only_where_there_is_a_zone(zones):
    made = [one for one in recorded(**zones).resources if one.type == "pulumi:providers:cloudflare"]
    assert len(made) == len(zones)


def test_the_sdk_is_loaded_by_what_is_used_of_it():
    code = (
        "import sys; from components.dns import sdk; sdk.install(); import pulumi_cloudflare as cloudflare; "
        "import components.dns.zones; "
        "assert cloudflare.DnsRecord.__module__ == 'pulumi_cloudflare.dns_record'; "
        "assert cloudflare.RulesetRuleArgs.__name__ == 'RulesetRuleArgs'; "
        "assert not hasattr(cloudflare, 'NoSuchThing'); cloudflare.Provider; "
        "sys.exit(sum(name.startswith('pulumi_cloudflare.') for name in sys.modules) > 12)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 0, f"the whole of it takes 3 s at every preview\n{run.stderr}"
