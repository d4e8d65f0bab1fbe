"""What is read of load balancers' certificates, and what is said of each."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from colorway.swarm.certificates import ShownCertificate, parsed, shown_certificates
from colorway.swarm.connections import NoAnswerError
from tests.support.specs import REMOTE_HOSTS, pinned, small_spec

SPEC = small_spec(
    hosts=REMOTE_HOSTS,
    settings={"environment": "staging", "tls": {"issuer": "lets-encrypt", "token": "acme-token"}},
    overrides={"edge": {"certbot-image": pinned("certbot")}},
)
TOLD = "issuer=CN=E7,O=Let's Encrypt,C=US\nnotBefore=2026-11-20 07:00:00Z\nnotAfter=2027-01-04 06:59:59Z\n"
NOW = datetime.now(tz=UTC)
GOOD = ShownCertificate(
    stack="test",
    host="lb1",
    lineage="example.com",
    wanted="lets-encrypt",
    issuer="Let's Encrypt E7",
    begins=NOW - timedelta(days=10),
    ends=NOW + timedelta(days=34, hours=1),
    token="acme-token",
)
LOGS = "docker service logs --tail 50 test-certbot-lb1"


def changed(**fields):
    return dataclasses.replace(GOOD, **fields)


def test_what_a_load_balancer_says_is_read_with_its_failure():
    said = (
        f"# lineage example.com\n{TOLD}# lineage example.org\nown=yes\n{TOLD}failure=2026-11-29T07:00:00Z\n"
        "failure=The authority is away.\n# lineage example.net\n"
    )
    first, second = parsed(SPEC, "lb1", said)
    assert (first.lineage, first.failure) == ("example.com", None)
    assert first.issuer == "Let's Encrypt E7"
    assert first.ends == datetime(2027, 1, 4, 6, 59, 59, tzinfo=UTC)
    assert (second.lineage, second.issuer) == ("example.org", None)
    assert (second.failed_at, second.failure) == ("2026-11-29T07:00:00Z", "The authority is away.")


def test_every_load_balancer_is_asked_and_one_that_is_silent_keeps_nobody():
    def ask(host, service, command):
        if host.name == "lb2":
            raise NoAnswerError("silent")
        assert service == "test-lb-lb1"
        assert command[-1] == "example.com"
        return f"# lineage example.com\n{TOLD}"

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
    late = changed(begins=NOW - timedelta(days=40) + left, ends=NOW + left + timedelta(hours=1))
    said = f"the certificate of example.com on load balancer lb1 has {left.days} days left and was not renewed"
    assert late.problem == ((said, LOGS) if is_wrong else None)


def test_why_it_is_not_renewed_is_said_with_what_helps():
    down = changed(failure="The authority is away.", failed_at="2026-11-29T07:00:00Z")
    assert down.problem == (
        "the certificate of example.com on load balancer lb1 is not renewed, 34 days are left: The authority is away. "
        "(tried at 2026-11-29T07:00:00Z)",
        LOGS,
    )
    token = changed(issuer=None, failure="Error determining zone_id: 9109", failed_at="2026-11-29T07:00:00Z")
    assert token.problem == (
        "lets-encrypt issues no certificate of example.com on load balancer lb1: Error determining zone_id: 9109 "
        "(tried at 2026-11-29T07:00:00Z)",
        "pulumi config set --secret secrets:acme-token --stack test, then colorway up test",
    )
