"""What is read of load balancers' certificates, and what is said of each."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from colorway.swarm.certificates import Leaf, ShownCertificate, parsed, shown_certificates
from colorway.swarm.connections import NoAnswerError
from tests.support.specs import REMOTE_HOSTS, pinned, small_spec

SPEC = small_spec(
    hosts=REMOTE_HOSTS,
    settings={"environment": "staging", "tls": {"issuer": "lets-encrypt", "token": "acme-token"}},
    overrides={"edge": {"certbot-image": pinned("certbot")}},
)
TOLD = (
    "issuer=CN=E7,O=Let's Encrypt,C=US\nsubject=\nnotBefore=2026-11-20 07:00:00Z\nnotAfter=2027-01-04 06:59:59Z\n"
    "fits=yes\n"
)
OWN = "issuer=CN=colorway\nsubject=CN=colorway\nnotBefore=2026-11-20 07:00:00Z\nnotAfter=2036-11-20 07:00:00Z\n"
NOW = datetime.now(tz=UTC)
GOOD = ShownCertificate(
    stack="test",
    host="lb1",
    lineage="example.com",
    name="portal.example.com",
    wanted="lets-encrypt",
    leaf=Leaf(
        issuer="Let's Encrypt E7",
        begins=NOW - timedelta(days=10),
        ends=NOW + timedelta(days=34, hours=1),
    ),
    token="acme-token",
)
LOGS = "docker service logs --tail 50 test-certbot-lb1"
EDGE_LOGS = "docker service logs --tail 50 test-lb-lb1"
IN = {"failed_at": "2026-11-29T07:00:00Z"}


def changed(*, failure=None, kept_until=None, **leaf):
    shown = dataclasses.replace(GOOD.leaf, **leaf)
    return dataclasses.replace(GOOD, failure=failure, kept_until=kept_until, leaf=shown, **(IN if failure else {}))


def ending(left, **more):
    """Return one of 40 days of which some are left."""
    return changed(begins=NOW - timedelta(days=40) + left, ends=NOW + left + timedelta(hours=1), **more)


def test_what_a_load_balancer_says_is_read_with_its_failure():
    said = (
        f"# lineage example.com\nname=portal.example.com\n{TOLD}kept=2027-02-01 00:00:00Z\n"
        f"# lineage example.org\nname=example.org\n{OWN}failure=2026-11-29T07:00:00Z\n"
        "failure=The authority is away.\n"
        "# lineage example.net\nname=example.net\nrefusal=tlsv1 unrecognized name\n"
    )
    first, second, third = parsed(SPEC, "lb1", said)
    assert (first.lineage, first.name, first.failure) == ("example.com", "portal.example.com", None)
    assert first.leaf == Leaf(
        issuer="Let's Encrypt E7",
        begins=datetime(2026, 11, 20, 7, tzinfo=UTC),
        ends=datetime(2027, 1, 4, 6, 59, 59, tzinfo=UTC),
    )
    assert first.kept_until == datetime(2027, 2, 1, tzinfo=UTC)
    assert (second.lineage, second.issuer) == ("example.org", None)
    assert second.leaf is not None
    assert not second.leaf.fits
    assert (second.failed_at, second.failure) == ("2026-11-29T07:00:00Z", "The authority is away.")
    assert (third.leaf, third.refusal) == (None, "tlsv1 unrecognized name")


def test_every_load_balancer_is_asked_and_one_that_is_silent_keeps_nobody():
    def ask(host, service, command):
        if host.name == "lb2":
            raise NoAnswerError("silent")
        assert service == "test-lb-lb1"
        assert command[-2:] == ["443", "example.com=example.com"]
        return f"# lineage example.com\nname=example.com\n{TOLD}"

    assert [one.host for one in shown_certificates(SPEC, ask=ask)] == ["lb1"]
    assert shown_certificates(SPEC, without=("lb1",), ask=ask) == ()
    assert shown_certificates(small_spec(hosts=REMOTE_HOSTS), ask=ask) == (), "nobody issues them"


def test_a_good_one_is_one_line():
    assert GOOD.line == "certificate: example.com on lb1: by Let's Encrypt E7, 34 days left"
    assert GOOD.problem is None


def test_the_first_one_is_awaited_and_no_mistake():
    first = changed(issuer=None)
    assert first.line == "certificate: example.com on lb1: its own, until lets-encrypt has issued one"
    assert first.problem is None


@pytest.mark.parametrize(("left", "is_wrong"), [(timedelta(days=13), False), (timedelta(days=9), True)])
def test_less_than_a_quarter_of_its_life_is_too_little(left, is_wrong):
    late = ending(left)
    said = f"the certificate of example.com on load balancer lb1 has {left.days} days left and was not renewed"
    assert late.problem == ((said, LOGS) if is_wrong else None)


def test_why_it_is_not_renewed_is_said_with_what_helps():
    down = changed(failure="The authority is away.")
    assert down.problem == (
        "the certificate of example.com on load balancer lb1 is not renewed, 34 days are left: The authority is away. "
        "(tried at 2026-11-29T07:00:00Z)",
        LOGS,
    )
    token = changed(issuer=None, failure="Error determining zone_id: 9109")
    assert token.problem == (
        "lets-encrypt issues no certificate of example.com on load balancer lb1: Error determining zone_id: 9109 "
        "(tried at 2026-11-29T07:00:00Z)",
        "pulumi config set --secret secrets:acme-token --stack test, then colorway up test",
    )
    late = ending(timedelta(days=9), failure="Error determining zone_id: 9109")
    assert late.problem == (
        "the certificate of example.com on load balancer lb1 has 9 days left and was not renewed: "
        "Error determining zone_id: 9109 (tried at 2026-11-29T07:00:00Z)",
        "pulumi config set --secret secrets:acme-token --stack test, then colorway up test",
    )


def test_one_that_has_ended_is_worse_than_one_that_will_end():
    ended = ending(-timedelta(days=2))
    at = f"{ended.leaf.ends:%Y-%m-%d %H:%M} UTC"
    assert ended.line == f"certificate: example.com on lb1: by Let's Encrypt E7, ended at {at}"
    assert ended.problem == (
        f"the certificate of example.com on load balancer lb1 has ended at {at} and was not renewed",
        LOGS,
    )
    own = changed(issuer=None, ends=NOW - timedelta(hours=1))
    assert own.problem is not None, "nobody's browser takes it, whoever signed it"


def test_a_newer_one_that_lies_there_and_is_not_shown_is_the_load_balancers_matter():
    late = ending(timedelta(days=9), kept_until=NOW + timedelta(days=44))
    assert late.problem == (
        "the certificate of example.com on load balancer lb1 has 9 days left, and a newer one that is there is not "
        "shown",
        EDGE_LOGS,
    )


def test_what_is_not_shown_and_what_is_for_another_name_is_said():
    none = dataclasses.replace(GOOD, leaf=None, refusal="tlsv1 unrecognized name")
    assert none.line == "certificate: example.com on lb1: none is shown"
    assert none.problem == (
        "load balancer lb1 shows no certificate under portal.example.com: tlsv1 unrecognized name",
        EDGE_LOGS,
    )
    other = changed(fits=False)
    assert other.problem == ("the certificate of example.com on load balancer lb1 is not for portal.example.com", LOGS)
