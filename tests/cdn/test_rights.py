"""Which rights of a Cloudflare token are missed, and what becomes of an `up` whose token lacks one."""

from __future__ import annotations

import re
import time
from datetime import timedelta

import pytest

from colorway.cdn.rights import Right as Needed
from colorway.cdn.rights import needs
from colorway.cdn.token_rights import TokenRights
from colorway.errors import ColorwayError
from tests.support.cloudflare import FakeCloudflare, Fault, Right
from tests.support.specs import PUBLIC_HOSTS, ZONE, small_spec

OTHER = "f" * 32
ALL = (
    Right.DNS_WRITE,
    Right.SETTINGS_WRITE,
    Right.CACHE_RULES_WRITE,
    Right.REDIRECTS_WRITE,
    Right.CERTIFICATES_WRITE,
)
WWW = {"shop": {"routes": [{"path": "/"}, {"host": "www", "redirect": "main"}]}}
"""Services with a redirect."""


def spec(lock_down="open", services=None, **zones):
    domains = {"main": "example.com", **{name: f"{name}.example.org" for name in zones if name != "main"}}
    return small_spec(
        hosts=PUBLIC_HOSTS,
        settings={
            "environment": "staging",
            "domains": domains,
            "zones": zones or {"main": ZONE},
            "lock-down": lock_down,
        },
        overrides={"services": services or {}},
    )


@pytest.fixture
def fake(monkeypatch):
    with FakeCloudflare() as running:
        running.add_zone("example.com", identifier=ZONE)
        running.add_zone("shop.example.org", identifier=OTHER)
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", running.url)
        yield running


def refusal(token, *, of=None, made=(), within=30.0):
    """Return what is refused, and what is said; of nothing that exists, where nothing is named."""
    said: list[str] = []
    rights = TokenRights(of or spec(), token=lambda: token, within=timedelta(seconds=within))
    try:
        rights.refuse(made, say=said.append)
    except ColorwayError as error:
        return str(error), said
    return None, said


def test_each_zone_is_asked_for_what_the_stack_makes_in_it():
    shop = {"id": OTHER, "proxied": False}
    assert {(one.domain, one.right) for one in needs(spec(main=ZONE, shop=shop))} == {
        ("main", Needed.DNS),
        ("main", Needed.SETTINGS),
        ("main", Needed.CACHE),
        ("shop", Needed.DNS),
    }
    redirecting = spec(services=WWW, main=ZONE, shop=shop)
    assert [one.domain for one in needs(redirecting) if one.right is Needed.REDIRECTS] == ["main"]
    assert ("main", Needed.CERTIFICATES) in {(one.domain, one.right) for one in needs(spec("ready"))}


def test_a_token_with_all_rights_is_taken_and_nothing_is_written(fake):
    assert refusal(fake.add_token(*ALL), of=spec("ready", WWW)) == (None, [])
    assert {one.method for one in fake.heard} == {"GET"}


@pytest.mark.parametrize("right", ALL)
def test_the_one_that_is_missing_is_named(fake, right):
    refused, said = refusal(fake.add_token(*(one for one in ALL if one is not right)), of=spec("ready", WWW))
    assert refused == (
        f"Pulumi.test.yaml: colorway:zones: the token that changes them may not; give it {right.value} for the zone of "
        f"main ({ZONE}), as docs/cloudflare.md says; nothing was changed"
    )
    assert said == []


def test_a_token_for_another_zone_lacks_all_of_this_one(fake):
    token = fake.add_token(*ALL, zones=[fake.zones[OTHER]])
    refused, _ = refusal(token, of=spec(main=ZONE, shop={"id": OTHER, "proxied": False}))
    wanted = "DNS Write and Zone Settings Write and Cache Settings Write for the zone of main"
    assert refused is not None
    assert wanted in refused
    assert "shop" not in refused


def test_a_token_that_has_expired_is_called_that(fake):
    refused, _ = refusal(fake.add_token(status="expired"))
    assert refused is not None
    assert "the token that changes them is expired; make one with DNS Write and" in refused


def test_a_token_that_cloudflare_does_not_know_is_no_secret_in_the_sentence(fake):
    refused, _ = refusal("a-token-that-nobody-may-read")
    assert refused is not None
    assert "give it DNS Write" in refused
    assert "nobody-may-read" not in refused


def test_what_is_there_already_waits_for_no_right(fake):
    token = fake.add_token(Right.DNS_WRITE, Right.SETTINGS_WRITE)
    made = {(Needed.CACHE.kind, ZONE), (Needed.DNS.kind, ZONE)}
    refused, said = refusal(token, made=made)
    assert refused is None, "a release changes no zone, as a rule"
    assert said == [
        "colorway:zones: the token that changes them may not; give it Cache Settings Write for the zone of main "
        f"({ZONE}), as docs/cloudflare.md says; what is there stays, and a change of it would fail"
    ]
    refused, _ = refusal(token, made={(Needed.CACHE.kind, OTHER)})
    assert refused is not None, "of this zone there is nothing"
    refused, _ = refusal(token, of=spec(services=WWW), made=made)
    assert refused is not None, "rules of one phase are none of another"
    assert "Cache Settings Write and Dynamic URL Redirects Write" in refused


@pytest.mark.parametrize(
    ("phase", "right", "cure"),
    [
        ("http_request_dynamic_redirect", Needed.REDIRECTS, "redirect rules .* or write redirect-rules: 0 there"),
        ("http_request_cache_settings", Needed.CACHE, "cache rules .* or write records-only: true there"),
    ],
)
def test_rules_that_somebody_else_made_are_found_before_cloudflare_refuses_ours(fake, phase, right, cure):
    theirs = {"id": "r", "phase": phase, "kind": "zone", "name": "default", "rules": [], "version": "1"}
    fake.zones[ZONE].rulesets["r"] = theirs
    token = fake.add_token(*ALL)
    refused, _ = refusal(token, of=spec(services=WWW))
    assert refused is not None, "the dashboard leaves an empty list when its last rule is removed"
    assert re.search(rf"the zone of main \({ZONE}\) has a list of {cure}; nothing was changed$", refused)
    assert refusal(token, of=spec(services=WWW), made={(right.kind, ZONE)})[0] is None, "these are its own"


@pytest.mark.parametrize("fault", [Fault(silent=True, times=-1), Fault(status=503, times=-1)], ids=["silent", "503"])
def test_a_cloudflare_that_does_not_answer_holds_nobody_up(fake, fault):
    fake.fail(fault)
    assert refusal(fake.add_token(), within=1.0)[0] is None, "the SDK is loaded now"
    began = time.monotonic()
    refused, said = refusal(fake.add_token(), within=1.0)
    assert time.monotonic() - began < 15, "a second, on a machine that has other things to do"
    assert refused is None
    assert said == ["Cloudflare did not say within 1 s what the token of colorway:zones may do; this goes on without"]


def test_a_token_that_cannot_be_read_is_somebody_elses_to_tell_of(fake):
    assert refusal(None) == (None, [])
    assert fake.heard == []


def test_a_token_that_only_the_installed_stack_tells_is_asked_for_again(fake):
    told = iter([None, fake.add_token(Right.DNS_WRITE)])
    rights = TokenRights(spec(), token=lambda: next(told))
    with pytest.raises(ColorwayError, match="Zone Settings Write and Cache Settings Write"):
        rights.refuse((), say=print)
