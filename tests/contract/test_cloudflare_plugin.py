"""The offline cloudflare plugin on the fake API: what the official provider's sources say of its resources."""

from __future__ import annotations

import pytest

from tests.contract.servicer import UNKNOWN, Failed, secret
from tests.contract.test_fake_cloudflare import make_pair
from tests.support.cloudflare import Fault, Right

RECORD = "cloudflare:index/dnsRecord:DnsRecord"
SETTING = "cloudflare:index/zoneSetting:ZoneSetting"
RULESET = "cloudflare:index/ruleset:Ruleset"
PULLS = "cloudflare:index/authenticatedOriginPullsCertificate:AuthenticatedOriginPullsCertificate"
SHOWN = "cloudflare:index/authenticatedOriginPullsSettings:AuthenticatedOriginPullsSettings"
REDIRECT = {
    "ref": "www",
    "action": "redirect",
    "expression": 'http.host eq "www.example.com"',
    "enabled": True,
    "actionParameters": {
        "fromValue": {
            "targetUrl": {"expression": 'concat("https://example.com", raw.http.request.uri)'},
            "statusCode": 308,
            "preserveQueryString": False,
        }
    },
}


@pytest.fixture
def zone(cloudflare_api):
    return cloudflare_api.add_zone("example.com")


@pytest.fixture
def record(zone):
    return {
        "zoneId": zone.identifier,
        "name": "www.example.com",
        "type": "A",
        "content": "192.0.2.1",
        "ttl": 1,
        "proxied": True,
        "comment": "ours",
    }


def make(cloudflare, token, inputs):
    """Return id and state of a resource that was made."""
    return cloudflare.create(token, "one", cloudflare.checked(token, "one", inputs))


def refreshed(cloudflare, token, resource_id, state, inputs):
    return cloudflare.read(token, "one", resource_id, state=state, inputs=inputs)


def test_a_preview_asks_nobody_and_knows_no_id(cloudflare, cloudflare_api, record):
    resource_id, planned = cloudflare.create(RECORD, "one", record, preview=True)
    assert (resource_id, planned["createdOn"], planned["content"]) == ("", UNKNOWN, "192.0.2.1")
    assert cloudflare_api.heard == []


def test_what_was_made_differs_in_nothing_also_after_a_refresh(cloudflare, record, zone):
    rules = [
        {
            "ref": "kept",
            "action": "set_cache_settings",
            "expression": "true",
            "enabled": True,
            "actionParameters": {"cache": True, "edgeTtl": {"mode": "respect_origin"}},
        }
    ]
    hsts = {"strict_transport_security": {"enabled": True, "max_age": 300}}
    wanted = {
        RECORD: record,
        SETTING: {"zoneId": zone.identifier, "settingId": "security_header", "value": hsts},
        RULESET: {
            "zoneId": zone.identifier,
            "kind": "zone",
            "name": "ours",
            "phase": "http_request_cache_settings",
            "rules": rules,
        },
        SHOWN: {"zoneId": zone.identifier, "enabled": True},
    }
    redirect = {**wanted[RULESET], "phase": "http_request_dynamic_redirect", "rules": [REDIRECT]}
    resource_id, state = make(cloudflare, RULESET, redirect)
    _, state, _ = refreshed(cloudflare, RULESET, resource_id, state, redirect)
    assert not cloudflare.diff(RULESET, "one", state=state, news=redirect, old_inputs=redirect).some
    assert zone.redirected("https://www.example.com/a?b") == (308, "https://example.com/a?b")
    cloudflare.delete(RULESET, "one", resource_id, state)
    assert zone.redirected("https://www.example.com/a?b") is None
    for token, inputs in wanted.items():
        resource_id, state = make(cloudflare, token, inputs)
        assert not cloudflare.diff(token, "one", state=state, news=inputs, old_inputs=inputs).some, token
        found, state, _ = refreshed(cloudflare, token, resource_id, state, inputs)
        assert found == resource_id
        assert not cloudflare.diff(token, "one", state=state, news=inputs, old_inputs=inputs).some, token
    assert zone.settings["security_header"]["strict_transport_security"]["max_age"] == 300, "sent as it was written"
    made = next(iter(zone.rulesets.values()))["rules"][0]
    assert made["action_parameters"] == {"cache": True, "edge_ttl": {"mode": "respect_origin"}}


def test_a_record_changed_by_hand_is_seen_by_a_refresh_and_changed_back(cloudflare, record, zone):
    resource_id, state = make(cloudflare, RECORD, record)
    zone.records[resource_id].update(content="198.51.100.7", proxied=False)
    _, state, inputs = refreshed(cloudflare, RECORD, resource_id, state, record)
    assert inputs["content"] == "198.51.100.7"
    difference = cloudflare.diff(RECORD, "one", state=state, news=record, old_inputs=inputs)
    assert (difference.diffs, difference.replaces) == (["content", "proxied"], [])
    cloudflare.update(RECORD, "one", resource_id, state=state, news=record)
    assert (zone.records[resource_id]["content"], zone.records[resource_id]["proxied"]) == ("192.0.2.1", True)


def test_a_record_that_is_gone_is_gone_from_the_state_and_its_delete_is_refused(cloudflare, record, zone):
    resource_id, state = make(cloudflare, RECORD, record)
    zone.records.clear()
    assert refreshed(cloudflare, RECORD, resource_id, state, record)[0] == ""
    with pytest.raises(Failed, match="81044"):
        cloudflare.delete(RECORD, "one", resource_id, state)


def test_a_delete_takes_its_own_record_and_no_other(cloudflare, record, zone):
    resource_id, state = make(cloudflare, RECORD, record)
    other, _ = make(cloudflare, RECORD, {**record, "content": "192.0.2.2"})
    cloudflare.delete(RECORD, "one", resource_id, state)
    assert list(zone.records) == [other]


def test_a_setting_stays_when_it_is_no_more_said(cloudflare, zone):
    inputs = {"zoneId": zone.identifier, "settingId": "ssl", "value": "strict"}
    resource_id, state = make(cloudflare, SETTING, inputs)
    assert resource_id == "ssl"
    cloudflare.delete(SETTING, "one", resource_id, state)
    assert zone.settings["ssl"] == "strict", "the official provider cannot unset one, either"


def test_another_zone_or_phase_is_another_resource(cloudflare, record, zone):
    _, state = make(cloudflare, RECORD, record)
    moved = cloudflare.diff(RECORD, "one", state=state, news={**record, "zoneId": "f" * 32}, old_inputs=record)
    assert moved.replaces == ["zoneId"]


def test_a_pair_of_pulls_is_kept_secret_and_replaced_as_a_whole(cloudflare, zone, tmp_path):
    certificate, key = make_pair(tmp_path)
    inputs = {"zoneId": zone.identifier, "certificate": certificate, "privateKey": secret(key)}
    resource_id, state = make(cloudflare, PULLS, inputs)
    assert state["privateKey"] == secret(key), "else the state would hold it in plain"
    _, state, _ = refreshed(cloudflare, PULLS, resource_id, state, inputs)
    assert not cloudflare.diff(PULLS, "one", state=state, news=inputs, old_inputs=inputs).some
    without = {**inputs, "certificate": certificate.rstrip()}
    assert cloudflare.diff(PULLS, "one", state=state, news=without, old_inputs=inputs).replaces == ["certificate"], (
        "as officially: a PEM without its final newline differs for ever"
    )
    cloudflare.delete(PULLS, "one", resource_id, state)
    assert zone.pulls == {}


def test_an_import_takes_zone_and_record_and_finds_all_fields(cloudflare, record, zone):
    resource_id, _ = make(cloudflare, RECORD, record)
    found, state, inputs = cloudflare.read(RECORD, "one", f"{zone.identifier}/{resource_id}", state={}, inputs={})
    assert (found, inputs) == (resource_id, record)
    assert not cloudflare.diff(RECORD, "one", state=state, news=record, old_inputs=inputs).some
    with pytest.raises(Failed, match="zone_id"):
        cloudflare.read(RECORD, "one", resource_id, state={}, inputs={})


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"tags": ["a"]}, "tags", "takes no such field"),
        ({"ttl": "1"}, "ttl", "must be int or float"),
        ({"ttl": 300}, "ttl", "ttl must be set to 1 when `proxied` is true"),
        ({"type": None}, "type", "is missing"),
    ],
)
def test_inputs_that_are_not_known_or_not_right_are_refused(cloudflare, record, changes, path, words):
    _, failures = cloudflare.check(RECORD, "one", {**record, **changes})
    assert words in failures[path]
    assert list(failures) == [path]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ref": None}, "has no ref"),
        ({"logging": {"enabled": True}}, "takes no logging in a rule"),
        ({"action": "block"}, "knows no action block"),
        ({"actionParameters": {"uri": {}}}, "takes no uri for redirect"),
        ({"actionParameters": {"fromValue": {"statusCode": 308}}}, "targetUrl: is missing"),
        ({"actionParameters": {"fromValue": {"targetUrl": {"value": "/"}, "statusCode": 200}}}, "must be one of 301"),
    ],
)
def test_rules_that_are_not_known_or_not_right_are_refused(cloudflare, zone, changes, words):
    phase = "http_request_dynamic_redirect"
    rule = {key: value for key, value in {**REDIRECT, **changes}.items() if value is not None}
    said = {"zoneId": zone.identifier, "kind": "zone", "name": "ours", "phase": phase, "rules": [rule]}
    _, failures = cloudflare.check(RULESET, "one", said)
    assert list(failures) == ["rules"]
    assert words in failures["rules"]


def test_what_is_refused_is_said_in_the_apis_words_and_without_the_token(cloudflare, cloudflare_api, record, log):
    make(cloudflare, RECORD, record)
    with pytest.raises(Failed, match=r'POST "http.*/dns_records": 400 .*An identical record already exists') as refused:
        cloudflare.create(RECORD, "one", record)
    assert not any(token in refused.value.text for token in cloudflare_api.tokens)
    cloudflare_api.tokens.update(
        {
            name: type(one)(identifier="x", rights=frozenset({Right.DNS_READ}))
            for name, one in cloudflare_api.tokens.items()
        }
    )
    with pytest.raises(Failed, match=r"403 .*Authentication error"):
        cloudflare.create(RECORD, "one", {**record, "name": "other"})


def test_a_busy_api_is_asked_again_and_a_broken_one_three_times_at_most(cloudflare, cloudflare_api, record, zone):
    cloudflare_api.fail(Fault(status=429, headers={"Retry-After": "0"}))
    cloudflare_api.fail(Fault(status=503, headers={"Retry-After": "0"}))
    make(cloudflare, RECORD, record)
    assert [one.status for one in cloudflare_api.heard] == [429, 503, 200]
    cloudflare_api.fail(Fault(status=500, headers={"Retry-After": "0"}, times=-1))
    with pytest.raises(Failed, match=": 500 "):
        make(cloudflare, RECORD, {**record, "name": "other"})
    assert len(cloudflare_api.heard) == 6
    assert len(zone.records) == 1
