"""Who issues a stack's certificates: what its token must be, and what Cloudflare accepts then."""

from __future__ import annotations

import pytest

from colorway.config.checks import token_mistakes
from colorway.edits.refusals import refusals
from colorway.outputs import PlatformOutputs, platform_outputs
from colorway.spec.edge.tls import TlsSettings
from colorway.spec.edge.zones import Encryption, encryption
from tests.support.specs import PUBLIC_HOSTS, ZONE, pinned, small_spec

DIRECTORY = "https://ca.example.com/dir"


def spec(issuer="self-signed", **zone):
    tls = {"issuer": issuer} | ({} if issuer == "self-signed" else {"token": "acme-token"})
    tls |= {"directory": DIRECTORY} if issuer == "acme" else {}
    zones = {"main": {"id": ZONE, **zone}}
    settings = {"environment": "staging", "lock-down": "open", "zones": zones, "tls": tls}
    return small_spec(hosts=PUBLIC_HOSTS, settings=settings, overrides={"edge": {"certbot-image": pinned("certbot")}})


def outputs(made):
    return PlatformOutputs.model_validate(platform_outputs(made, generation="abc"))


def test_a_token_that_the_stack_does_not_set_is_said_with_the_nearest_one():
    tls = TlsSettings(issuer="lets-encrypt", token="acme-token")
    assert token_mistakes(tls, stack="live", secrets=["acme-token"]) == []
    assert token_mistakes(tls, stack="live", secrets=["acme-tokn"]) == [
        (("tls", "token"), "names a secret that the stack does not set; did you mean acme-tokn?")
    ]
    [(_, said)] = token_mistakes(tls, stack="live", secrets=[])
    assert said.endswith("set it with `pulumi config set --secret secrets:acme-token --stack live`")


@pytest.mark.parametrize(
    ("issuer", "usual"),
    [
        ("self-signed", Encryption.FULL),
        ("lets-encrypt", Encryption.STRICT),
        ("acme", Encryption.STRICT),
        # Nobody trusts it, Cloudflare neither.
        ("lets-encrypt-staging", Encryption.FULL),
    ],
)
def test_cloudflare_accepts_only_what_an_authority_signed_where_one_does(issuer, usual):
    made = spec(issuer)
    assert encryption(made, made.settings.zones["main"]) is usual
    said = spec(issuer, encryption="full")
    assert encryption(said, said.settings.zones["main"]) is Encryption.FULL, "who says it has it"


def test_users_are_not_sent_to_certificates_that_nobody_has_signed_yet():
    before = outputs(spec())
    [said] = refusals(before, outputs(spec("lets-encrypt")))
    assert said == (
        "colorway:tls goes from self-signed to lets-encrypt, and until that has issued certificates Cloudflare would "
        "answer 526 under main; write encryption: full for these in colorway:zones, and take it out again once "
        "`colorway status` shows the certificates"
    )
    between = outputs(spec("lets-encrypt", encryption="full"))
    assert refusals(before, between) == []
    assert refusals(between, outputs(spec("lets-encrypt"))) == []
    assert refusals(None, outputs(spec("lets-encrypt"))) == [], "a first install has no users"
