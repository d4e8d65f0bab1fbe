"""The certificate by which load balancers know Cloudflare: made once, its key nowhere in plain, rotated by number."""

from __future__ import annotations

import pytest
from cryptography import x509 as read
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from colorway.render.edge_secrets import ORIGIN_FILE
from components.dns.origin_pulls import OriginPulls
from components.x509 import key_alone, new_authority, new_client, without_key
from tests.program.stacks import run_spec
from tests.support.recorder import STASH, run_program
from tests.support.specs import PUBLIC_HOSTS, ZONE, small_spec

PULLS = "cloudflare:index/authenticatedOriginPullsCertificate:AuthenticatedOriginPullsCertificate"
SHOWN = "cloudflare:index/authenticatedOriginPullsSettings:AuthenticatedOriginPullsSettings"


def recorded(**lock_down):
    settings = {"environment": "staging", "zones": {"main": ZONE}, "lock-down": lock_down}
    spec = small_spec(hosts=PUBLIC_HOSTS, settings=settings)
    return run_program(lambda: OriginPulls("origin", spec))


def test_it_is_made_once_and_its_key_is_a_secret():
    found = recorded()
    assert set(found.of_type(STASH)) == {
        "origin-own-1-value",
        "origin-own-2-value",
        "origin-client-1-value",
    }
    for one in found.of_type(STASH).values():
        assert one.ignore_changes == ("input",), "another one at each `up` would be refused"
        assert one.secrets == {"input"}
    [given] = found.of_type(PULLS).values()
    assert given.secrets == {"privateKey"}
    assert given.inputs["zoneId"] == ZONE
    [shown] = found.of_type(SHOWN).values()
    assert shown.inputs == {"zoneId": ZONE, "enabled": True}
    assert shown.depends_on == (given.urn,), "Cloudflare would show the certificate that all its customers have"


@pytest.mark.parametrize(("number", "authorities"), [(2, {1, 2, 3}), (5, {4, 5, 6})], ids=["the second", "the fifth"])
def test_the_one_before_and_the_one_after_are_trusted_too(number, authorities):
    found = set(recorded(certificate=number).of_type(STASH))
    assert found == {f"origin-own-{one}-value" for one in authorities} | {f"origin-client-{number}-value"}


@pytest.mark.parametrize("mode", ["ready", "closed"])
def test_the_program_tells_the_load_balancers_whom_to_trust_and_waits_for_nobody(mode):
    settings = {"environment": "staging", "zones": {"main": ZONE}, "lock-down": mode}
    found = run_spec(small_spec(hosts=PUBLIC_HOSTS, settings=settings))
    for name in ("lb1", "lb2"):
        told = found.one(f"lb-{name}-secrets-run").inputs["stdin"]
        assert told.count("BEGIN CERTIFICATE") == 2, "the one that counts, and the next one"
        assert f"# file {ORIGIN_FILE}\n-----BEGIN CERTIFICATE" in told
        assert "PRIVATE KEY" not in told
    pulls = {"origin-pulls-main-certificate", "origin-pulls-main-shown"}
    kept = {one.name for one in found.resources if one.type.startswith("cloudflare:")}
    assert pulls <= kept
    others = [one for one in found.resources if one.name not in kept]
    assert not found.waits_for(*others) & kept, "Cloudflare may be down while traffic goes back"


def test_an_open_stack_tells_cloudflare_nothing():
    settings = {"environment": "staging", "zones": {"main": ZONE}, "lock-down": "open"}
    found = run_spec(small_spec(hosts=PUBLIC_HOSTS, settings=settings))
    assert not [one.name for one in found.resources if "origin" in one.name]


def test_cloudflare_gets_a_leaf_that_is_for_clients_alone():
    authority = new_authority("load balancers")
    text = new_client(authority, name="Cloudflare")
    leaf = read.load_pem_x509_certificate(without_key(text).encode())
    issuer = read.load_pem_x509_certificate(without_key(authority).encode())
    leaf.verify_directly_issued_by(issuer)
    assert without_key(text).endswith("-----END CERTIFICATE-----\n"), "without it the engine sees a change for ever"
    assert not leaf.extensions.get_extension_for_class(read.BasicConstraints).value.ca, "Cloudflare takes a leaf alone"
    assert leaf.not_valid_after_utc.year < 2050
    assert load_pem_private_key(key_alone(text).encode(), password=None).public_key() == leaf.public_key()
