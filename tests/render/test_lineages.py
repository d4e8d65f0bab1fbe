"""Lineages: which certificates a stack's names need, which is shown under which name, and what asks for them."""

from __future__ import annotations

import re

from colorway.render.certificates import certbot_arguments, certify_arguments, lineages, shown_arguments
from colorway.render.monitoring import mtail
from colorway.render.nginx import generation
from tests.support.specs import pinned, small_spec

OVERRIDES = {
    "edge": {"certbot-image": pinned("certbot")},
    "services": {"api": {"routes": [{"path": "/", "domain": "other", "host": "c"}]}},
}
DOMAINS = {"shop": "a-shop.example.org", "main": "example.com", "other": "example.net"}


def spec(**tls):
    return small_spec(settings={"domains": DOMAINS, **({"tls": tls} if tls else {})}, overrides=OVERRIDES)


def test_each_domain_has_one_with_all_names_below_it():
    assert {one.name: one.names for one in lineages(spec())} == {
        "example.com": ("example.com", "*.example.com"),
        "a-shop.example.org": ("a-shop.example.org", "*.a-shop.example.org"),
        "example.net": ("example.net", "*.example.net"),
    }


def test_whoever_asks_for_no_name_of_them_is_shown_the_stacks_own():
    text = generation(spec()).text
    table = text.partition("map $ssl_server_name $colorway_lineage {")[2].partition("}")[0].split()
    assert table[0] == "hostnames;"
    assert table[-2:] == ["default", "example.com;"]
    assert table[table.index(".example.net") :][:2] == [".example.net", "example.net;"]


def test_the_text_is_the_same_whoever_issues():
    issued = spec(issuer="lets-encrypt", token="acme-token")
    assert generation(issued).text == generation(spec()).text, "another issuer moves no traffic"


def test_the_check_knows_what_may_be_there():
    assert certify_arguments(spec())[:2] == [
        "self-signed",
        "example.com=DNS:example.com,DNS:*.example.com,IP:127.0.0.1",
    ]
    assert certify_arguments(spec(issuer="lets-encrypt", token="acme-token"))[0] == "issued"


def test_what_is_shown_is_asked_under_a_name_that_users_type():
    asked = {one.name: one.asked for one in lineages(spec())}
    assert asked == {
        "example.com": "example.com",
        "a-shop.example.org": None,
        "example.net": "c.example.net",
    }, "load balancers refuse the handshake under any other"
    assert shown_arguments(spec()) == ["443", "example.com=example.com", "example.net=c.example.net"]


def test_a_step_of_a_release_does_not_replace_what_has_certificates_issued():
    tls = {"issuer": "lets-encrypt", "token": "acme-token"}
    told = {"settings": {"domains": DOMAINS, "tls": tls}, "overrides": OVERRIDES}
    both = small_spec(traffic="50:50", versions={"blue": "1.0.0", "green": "2.0.0"}, **told)
    assert certbot_arguments(both) == certbot_arguments(small_spec(**told))


def test_certbot_is_told_the_authority_and_all_names():
    assert certbot_arguments(spec(issuer="lets-encrypt-staging", token="acme-token")) == [
        "https://acme-staging-v02.api.letsencrypt.org/directory",
        "-",
        "443",
        "example.com=example.com=example.com,*.example.com",
        "a-shop.example.org=-=a-shop.example.org,*.a-shop.example.org",
        "example.net=c.example.net=example.net,*.example.net",
    ]
    ours = spec(issuer="acme", directory="https://ca.example.com/dir", token="t", email="ops@example.com")
    assert certbot_arguments(ours)[:2] == ["https://ca.example.com/dir", "ops@example.com"]


def test_mtail_counts_what_is_said_of_certificates_where_any_are_issued():
    assert "colorway_certificate_failing by domain" in mtail(spec(issuer="lets-encrypt", token="acme-token"))
    assert "certificate" not in mtail(spec()), "another program would replace its tasks"


def test_no_figure_is_one_character_of_a_class():
    program = mtail(spec(issuer="lets-encrypt", token="acme-token"))
    assert re.findall(r"\(\?P<\w+>\[[^\]]*\]\)", program) == [], "mtail takes that for a text, and a gauge stays 0"
