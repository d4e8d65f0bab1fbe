"""What each host lets in, from whom: the text as a whole, and what must hold in it."""

from __future__ import annotations

import pytest

from colorway.render.firewall import SWARM_PORTS, firewall, let_in
from colorway.render.templates import host_file
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.task.process import Protocol
from tests.render.cases import GOLDEN
from tests.support.specs import MAIL, PUBLIC_HOSTS, ZONE, small_spec
from tests.support.stores import replicated_spec

PUBLISHED = [
    {"port": 2525, "target": 25},
    {"port": 5300, "target": 53, "protocol": "udp", "mode": "ingress"},
]
OPEN = [9100, {"port": 51820, "protocol": "udp"}]


def spec_of(*, open_ports=(), services=None, **more) -> PlatformSpec:
    settings = {"environment": "staging", "bootstrap": {"open": list(open_ports)}, **more}
    return small_spec(hosts=PUBLIC_HOSTS, settings=settings, overrides={"services": services or {}})


def host(spec: PlatformSpec, name: str):
    return next(one for one in spec.settings.hosts if one.name == name)


@pytest.mark.parametrize("name", ["lb1", "lb2", "app1"])
def test_the_text_is_the_committed_one(name, golden):
    spec = spec_of(open_ports=OPEN, services={"mail": {**MAIL, "published": PUBLISHED}})
    golden(
        GOLDEN / f"firewall-{name}.nft",
        firewall(spec, host(spec, name)),
        cure="every host of every stack is set anew with it; if that is wanted, run pytest --update-golden and commit",
    )


def everybody(spec, name):
    return {port for port, protocol in let_in(spec, host(spec, name)).everybody if protocol is Protocol.TCP}


def test_a_host_lets_everybody_in_by_ssh_and_by_what_it_publishes():
    spec = spec_of()
    edge = {spec.platform.edge.http_port, spec.platform.edge.https_port}
    assert everybody(spec, "lb1") == {22, *edge}
    assert everybody(spec, "lb2") == {2222, *edge}, "its SSH is elsewhere"
    assert everybody(spec, "app1") == {22}, "nobody from outside speaks to a data store, or to a service by itself"


def test_prometheus_is_for_who_came_by_the_private_network():
    spec = spec_of()
    assert let_in(spec, host(spec, "app1")).private == {(spec.platform.monitoring.port, Protocol.TCP)}
    assert let_in(spec, host(spec, "lb1")).private == frozenset()


def test_a_port_that_every_host_listens_on_is_open_on_every_host():
    spec = spec_of(services={"mail": {**MAIL, "published": PUBLISHED}})
    assert all((5300, Protocol.UDP) in let_in(spec, one).everybody for one in spec.settings.hosts)
    assert 2525 in everybody(spec, "app1")
    assert 2525 not in everybody(spec, "lb1"), "no task of it runs there"


def test_swarm_is_for_the_hosts_alone():
    spec = spec_of(open_ports=OPEN)
    for one in spec.settings.hosts:
        found = let_in(spec, one)
        assert found.hosts == SWARM_PORTS
        assert not found.hosts & (found.everybody | found.private)


@pytest.mark.parametrize(
    ("name", "ports"),
    [
        ("db1", {20000, 20001, 20016, 20017}),
        ("mon1", {20000, 20001}),
        ("app1", set()),
        ("lb1", set()),
    ],
)
def test_members_of_data_stores_are_for_the_hosts_alone(name, ports):
    spec = replicated_spec()
    found = let_in(spec, host(spec, name))
    assert found.hosts == SWARM_PORTS | {(port, Protocol.TCP) for port in ports}
    assert not found.hosts & (found.everybody | found.private), "whoever reaches PostgreSQL may try passwords"
    lines = [line for line in firewall(spec, host(spec, name)).splitlines() if "20016" in line or "20000" in line]
    sources = ", ".join(str(one.address) for one in spec.settings.hosts)
    assert all(line.strip().startswith(f"ip saddr {{ {sources} }} meta l4proto tcp") for line in lines)
    assert len(lines) == bool(ports)


def test_two_stacks_of_one_host_have_ports_of_their_own():
    spec = replicated_spec()
    network = spec.settings.network.model_copy(update={"host_ports": 21000})
    other = spec.model_copy(update={"settings": spec.settings.model_copy(update={"network": network})})
    mine, theirs = ({port for port, _ in let_in(one, host(one, "db1")).hosts - SWARM_PORTS} for one in (spec, other))
    assert {port + 1000 for port in mine} == theirs


def test_a_release_changes_no_host():
    services = {"mail": {**MAIL, "published": PUBLISHED}}
    texts = {
        firewall(spec, host(spec, "app1"))
        for spec in (
            small_spec(
                hosts=PUBLIC_HOSTS, settings={"environment": "staging"}, overrides={"services": services}, **color
            )
            for color in ({}, {"traffic": "0:100"}, {"versions": {"blue": "1.0.0", "green": None}})
        )
    }
    assert len(texts) == 1


def test_behind_cloudflare_the_load_balancers_are_for_its_networks_alone(golden):
    spec = spec_of(zones={"main": ZONE})
    edge = {(port, Protocol.TCP) for port in (80, 443)}
    for name in ("lb1", "lb2"):
        found = let_in(spec, host(spec, name))
        assert not found.everybody & edge, "whoever knows the address would come past Cloudflare"
        assert edge == found.cloudflare
        assert edge <= found.private, "the release tool's smoke tests, which go through each load balancer"
        assert edge <= found.hosts
        assert (host(spec, name).ssh_port, Protocol.TCP) in found.everybody, "nobody locks himself out"
    assert not let_in(spec, host(spec, "app1")).cloudflare, "it has no load balancer"
    text = firewall(spec, host(spec, "lb1"))
    golden(
        GOLDEN / "firewall-walled.nft",
        text,
        cure="every load balancer behind Cloudflare is set anew with it; if that is wanted, pytest --update-golden",
    )
    [four] = [line for line in text.splitlines() if "173.245.48.0/20" in line]
    [six] = [line for line in text.splitlines() if "2400:cb00::/32" in line]
    assert "{ 80, 443 } accept" in four
    assert six.strip().startswith("ip6 saddr {")


@pytest.mark.parametrize("mode", ["open", "ready"])
def test_who_comes_past_cloudflare_comes_in_until_it_is_locked_out(mode):
    with_zone = spec_of(zones={"main": ZONE}, **{"lock-down": mode})
    assert firewall(with_zone, host(with_zone, "lb1")) == firewall(spec_of(), host(spec_of(), "lb1"))


def test_what_all_stacks_share_drops_what_none_of_them_lets_in():
    lines = [line.strip() for line in host_file("firewall.nft").splitlines()]
    assert "type filter hook input priority filter - 5; policy drop;" in lines
    assert lines.index("ct status dnat jump stacks") + 1 == lines.index("ct status dnat drop")
    assert "flush ruleset" not in "\n".join(lines), "Docker's rules, and other people's, stay"
    assert [line for line in lines if line.startswith("delete")] == ["delete table inet colorway"]
