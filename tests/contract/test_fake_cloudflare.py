"""The fake Cloudflare API, asked with Cloudflare's own typed SDK, which refuses a field that is missing or wrong."""

from __future__ import annotations

import subprocess

import cloudflare
import pytest
from cloudflare.types.rulesets.ruleset_create_response import Ruleset

from tests.support.cloudflare import FREE_PURGES, FakeCloudflare, Fault, Right, Zone

EVERYTHING = tuple(Right)


@pytest.fixture
def fake():
    with FakeCloudflare() as running:
        yield running


@pytest.fixture
def zone(fake) -> Zone:
    return fake.add_zone("example.com")


def client(fake: FakeCloudflare, *rights: Right, retries: int = 0, timeout: float = 5.0) -> cloudflare.Cloudflare:
    return cloudflare.Cloudflare(
        api_token=fake.add_token(*(rights or EVERYTHING)),
        base_url=fake.url,
        max_retries=retries,
        timeout=timeout,
        _strict_response_validation=True,
    )


def ruleset(found: object) -> Ruleset:
    """Check a ruleset strictly; the SDK's own type of it is a union with any object, which refuses nothing."""
    return Ruleset.model_validate(found)


def make_pair(folder, name="pair"):
    """Return certificate and key, as PEM."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    subprocess.run(
        [*made, "-keyout", key, "-out", certificate, "-subj", "/CN=pulls"], check=True, capture_output=True, timeout=30
    )
    return certificate.read_text(), key.read_text()


def test_zones_are_found_by_name_and_only_those_that_a_token_may_see(fake, zone):
    fake.add_zone("other.example")
    asking = client(fake)
    assert [one.id for one in asking.zones.list(name="example.com")] == [zone.identifier]
    assert asking.zones.get(zone_id=zone.identifier).name == "example.com"
    assert list(asking.zones.list(name="nowhere.example")) == []
    token = fake.add_token(Right.ZONE_READ, zones=[zone])
    narrow = cloudflare.Cloudflare(api_token=token, base_url=fake.url, _strict_response_validation=True)
    assert [one.name for one in narrow.zones.list()] == ["example.com"]


def test_a_record_is_made_changed_and_removed_with_its_comment(fake, zone):
    records = client(fake).dns.records
    made = records.create(
        zone_id=zone.identifier, name="www", type="A", content="192.0.2.1", ttl=1, proxied=True, comment="ours"
    )
    assert (made.name, made.comment, made.proxied, made.ttl) == ("www.example.com", "ours", True, 1)
    changed = records.edit(
        made.id, zone_id=zone.identifier, name="www", type="A", ttl=300, content="192.0.2.2", proxied=False
    )
    assert (changed.content, changed.ttl, changed.comment) == ("192.0.2.2", 300, "ours")
    put = records.update(made.id, zone_id=zone.identifier, name="www", type="A", ttl=1, content="192.0.2.2")
    assert put.comment is None, "PUT says all of a record"
    assert records.delete(made.id, zone_id=zone.identifier).id == made.id
    with pytest.raises(cloudflare.NotFoundError, match="81044"):
        records.get(made.id, zone_id=zone.identifier)


def test_lists_of_records_come_in_pages_that_the_sdk_follows_to_the_end(fake, zone):
    records = client(fake).dns.records
    for number in range(7):
        records.create(zone_id=zone.identifier, name=f"h{number}", type="AAAA", content=f"2001:db8::{number}", ttl=1)
    first = records.list(zone_id=zone.identifier, per_page=3)
    assert [one.name for one in first.result] == [f"h{number}.example.com" for number in range(3)]
    assert (first.result_info.page, first.result_info.per_page) == (1, 3)
    assert len(list(records.list(zone_id=zone.identifier, per_page=3))) == 7, "each page once, until one is empty"
    assert [one.name for one in records.list(zone_id=zone.identifier, name={"exact": "h4.example.com"})] == [
        "h4.example.com"
    ]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"type": "A", "content": "2001:db8::1"}, "9005"),
        ({"type": "AAAA", "content": "192.0.2.1"}, "9005"),
        ({"type": "A", "content": "192.0.2.1", "ttl": 5}, "9021"),
        ({"type": "TXT", "content": "x", "proxied": True}, "9004"),
        ({"type": "A", "content": "192.0.2.1", "tags": ["a:b"]}, "9300"),
        ({"type": "A", "content": "192.0.2.1", "comment": "x" * 101}, "9301"),
        ({"type": "A", "content": "192.0.2.9"}, "81058"),
        ({"type": "CNAME", "content": "example.com"}, "81053"),
    ],
)
def test_a_record_that_the_api_would_not_take_is_refused_in_its_words(fake, zone, said, code):
    records = client(fake).dns.records
    records.create(zone_id=zone.identifier, name="www", type="A", content="192.0.2.9", ttl=1)
    with pytest.raises(cloudflare.BadRequestError, match=code):
        records.create(**{"zone_id": zone.identifier, "name": "www", "ttl": 1, **said})
    assert len(fake.records("example.com")) == 1


def test_txt_records_are_handed_on_as_a_resolver_must_answer_them():
    told: list[tuple[str, list[str]]] = []
    with FakeCloudflare(tell=lambda name, contents: told.append((name, contents))) as fake:
        zone = fake.add_zone("example.com")
        records = client(fake, Right.DNS_WRITE).dns.records
        name = "_acme-challenge.example.com"
        first = records.create(zone_id=zone.identifier, name=name, type="TXT", content='"one"', ttl=120)
        records.create(zone_id=zone.identifier, name=name, type="TXT", content="two", ttl=120)
        records.delete(first.id, zone_id=zone.identifier)
    assert told == [(name, ["one"]), (name, ["one", "two"]), (name, ["two"])]


def test_settings_are_read_and_changed_one_by_one(fake, zone):
    settings = client(fake).zones.settings
    assert settings.get("ssl", zone_id=zone.identifier).value == "full"
    assert settings.edit("ssl", zone_id=zone.identifier, value="strict").value == "strict"
    hsts = {"strict_transport_security": {"enabled": True, "max_age": 300, "include_subdomains": True}}
    said = settings.edit("security_header", zone_id=zone.identifier, value=hsts).value.strict_transport_security
    assert (said.enabled, said.max_age, said.preload) == (True, 300, False)
    for name, value, code in (("ssl", "loose", "1007"), ("polish", "lossy", "1015"), ("nothing", "on", "1006")):
        with pytest.raises(cloudflare.BadRequestError, match=code):
            settings.edit(name, zone_id=zone.identifier, value=value)


def test_a_phase_has_one_ruleset_whose_rules_keep_their_ids_by_ref(fake, zone):
    rulesets = client(fake).rulesets
    phase = "http_request_cache_settings"
    with pytest.raises(cloudflare.NotFoundError, match="10003"):
        rulesets.phases.get(phase, zone_id=zone.identifier)
    rule = {
        "ref": "bypass",
        "action": "set_cache_settings",
        "expression": "true",
        "action_parameters": {"cache": False},
    }
    made = ruleset(rulesets.create(zone_id=zone.identifier, kind="zone", name="ours", phase=phase, rules=[rule]))
    again = ruleset(rulesets.update(made.id, zone_id=zone.identifier, rules=[{**rule, "expression": "false"}]))
    assert again.rules[0].id == made.rules[0].id
    assert (again.version, again.rules[0].expression) == ("2", "false")
    assert rulesets.phases.get(phase, zone_id=zone.identifier).id == made.id
    with pytest.raises(cloudflare.BadRequestError, match="20217"):
        rulesets.create(zone_id=zone.identifier, kind="zone", name="second", phase=phase, rules=[])
    redirect = {
        "action": "redirect",
        "expression": "true",
        "action_parameters": {"from_value": {"target_url": {"value": "https://example.com"}, "status_code": 308}},
    }
    put = ruleset(rulesets.phases.update("http_request_dynamic_redirect", zone_id=zone.identifier, rules=[redirect]))
    assert put.rules[0].ref == put.rules[0].id, "a rule without ref gets its id for one"
    rulesets.delete(made.id, zone_id=zone.identifier)
    assert [one.id for one in rulesets.list(zone_id=zone.identifier)] == [put.id]


TO = {"from_value": {"target_url": {"value": "https://example.com"}, "status_code": 308}}
"""What a redirect rule says."""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"action": "block"}, "not a valid value for action"),
        ({"action_parameters": {**TO, "uri": {}}}, "not a valid value for action_parameters"),
        ({"action_parameters": {"from_value": {"status_code": 308}}}, "not a valid value for target_url"),
        ({"action_parameters": {"from_value": {**TO["from_value"], "status_code": 200}}}, "'200' is not a valid value"),
        ({"action_parameters": {"from_value": {**TO["from_value"], "permanent": True}}}, "value for from_value"),
        ({"expression": 'http.host is "www.example.com"'}, "filter parsing error"),
        ({"expression": 'http.host eq "www.example.com'}, "filter parsing error"),
        ({"expression": 'http.hosts eq "www.example.com"'}, "filter parsing error"),
        ({"expression": f'http.host eq "{"x" * 4096}"'}, "longer than 4096"),
    ],
)
def test_a_redirect_rule_says_what_the_api_knows(fake, zone, changes, words):
    rule = {"action": "redirect", "expression": "true", "action_parameters": TO, **changes}
    with pytest.raises(cloudflare.BadRequestError, match=words):
        client(fake).rulesets.phases.update("http_request_dynamic_redirect", zone_id=zone.identifier, rules=[rule])
    assert zone.rulesets == {}


def test_a_free_zone_has_ten_redirect_rules_and_no_phase_of_another_name(fake, zone):
    phases = client(fake).rulesets.phases
    rule = {"action": "redirect", "expression": "true", "action_parameters": TO}
    with pytest.raises(cloudflare.BadRequestError, match="11 out of 10"):
        phases.update("http_request_dynamic_redirect", zone_id=zone.identifier, rules=[rule] * 11)
    with pytest.raises(cloudflare.BadRequestError, match="not a valid value for phase"):
        phases.update("http_request_redirect", zone_id=zone.identifier, rules=[rule])


def test_pulls_take_a_pair_that_matches_and_never_show_the_key_again(fake, zone, tmp_path):
    pulls = client(fake).origin_tls_client_auth
    certificate, key = make_pair(tmp_path)
    made = pulls.zone_certificates.create(
        zone_id=zone.identifier, certificate=certificate.rstrip(), private_key=key.rstrip()
    )
    assert made.status == "pending_deployment"
    found = pulls.zone_certificates.get(made.id, zone_id=zone.identifier)
    assert (found.status, found.certificate, found.private_key) == ("active", certificate, None)
    assert found.certificate.endswith("\n"), "the API answers with the final newline, whatever it was given"
    assert [one.id for one in pulls.zone_certificates.list(zone_id=zone.identifier)] == [made.id]
    assert pulls.settings.update(zone_id=zone.identifier, enabled=True).enabled
    assert pulls.settings.get(zone_id=zone.identifier).enabled
    _, other = make_pair(tmp_path, "other")
    with pytest.raises(cloudflare.BadRequestError, match="1411"):
        pulls.zone_certificates.create(zone_id=zone.identifier, certificate=certificate, private_key=other)
    pulls.zone_certificates.delete(made.id, zone_id=zone.identifier)
    assert zone.pulls == {}


def test_purges_are_let_through_as_often_as_the_free_plan_may_and_then_told_to_wait(fake, zone):
    at = [0.0]
    zone.clock = lambda: at[0]
    cache = client(fake, Right.PURGE).cache
    for number in range(FREE_PURGES):
        cache.purge(zone_id=zone.identifier, tags=[f"tag-{number}"])
    at[0] = 20.0
    with pytest.raises(cloudflare.RateLimitError) as refused:
        cache.purge(zone_id=zone.identifier, purge_everything=True)
    assert refused.value.response.headers["retry-after"] == "40"
    at[0] = 61.0
    cache.purge(zone_id=zone.identifier, purge_everything=True)
    assert zone.purges == [*({"tags": [f"tag-{n}"]} for n in range(FREE_PURGES)), {"purge_everything": True}]
    for wrong in ({"tags": [f"t{n}" for n in range(101)]}, {}, {"tags": ["a"], "purge_everything": True}):
        with pytest.raises(cloudflare.BadRequestError):
            cache.purge(zone_id=zone.identifier, **wrong)


def test_a_token_does_what_its_rights_say_and_nothing_else(fake, zone):
    reading = client(fake, Right.DNS_READ)
    assert list(reading.dns.records.list(zone_id=zone.identifier)) == []
    calls = {
        "making a record": lambda: reading.dns.records.create(
            zone_id=zone.identifier, name="x", type="A", content="192.0.2.1", ttl=1
        ),
        "reading a setting": lambda: reading.zones.settings.get("ssl", zone_id=zone.identifier),
        "a purge": lambda: reading.cache.purge(zone_id=zone.identifier, tags=["a"]),
        "another zone": lambda: list(reading.dns.records.list(zone_id="f" * 32)),
        "the zone itself": lambda: reading.zones.get(zone_id=zone.identifier),
        "the rules of a phase": lambda: reading.rulesets.phases.get(
            "http_request_cache_settings", zone_id=zone.identifier
        ),
    }
    for call in calls.values():
        with pytest.raises(cloudflare.PermissionDeniedError, match=r"9109|10000"):
            call()
    assert reading.user.tokens.verify().status == "active"
    names = {group.name for group in reading.user.tokens.permission_groups.list()}
    assert {"DNS Write", "Cache Purge"} <= names
    unknown = cloudflare.Cloudflare(api_token="nobody", base_url=fake.url, max_retries=0)
    with pytest.raises(cloudflare.AuthenticationError, match="Invalid API Token"):
        unknown.user.tokens.verify()


def test_faults_come_in_order_leave_the_state_and_are_counted(fake, zone):
    fake.fail(Fault(path="/purge_cache", status=429, headers={"Retry-After": "0"}))
    fake.fail(Fault(path="/purge_cache", status=502))
    client(fake, retries=2).cache.purge(zone_id=zone.identifier, tags=["a"])
    assert [one.status for one in fake.asked("POST", "/purge_cache")] == [429, 502, 200]
    assert zone.purges == [{"tags": ["a"]}]
    fake.fail(Fault(method="GET", silent=True, times=-1))
    with pytest.raises(cloudflare.APITimeoutError):
        client(fake, timeout=0.3).zones.get(zone_id=zone.identifier)
    assert fake.heard[-1].status == 0
    fake.heal()
    assert client(fake).zones.get(zone_id=zone.identifier).id == zone.identifier
