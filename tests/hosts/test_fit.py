"""What of the hosts does not fit the stack: each found, in words that say what would be right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from colorway.hosts import preflight
from colorway.hosts.fit import is_known, misfits
from colorway.hosts.preflight import Listener
from colorway.spec.hosts import Architecture, BootstrapSettings
from colorway.spec.networks import NetworkSettings
from colorway.spec.task.process import Protocol
from tests.hosts.test_hosts import bare, member, said
from tests.support.specs import REMOTE_HOSTS, small_spec
from tests.support.stores import replicated_spec

SPEC = small_spec(hosts=REMOTE_HOSTS, settings={"environment": "staging"})
HTTPS = SPEC.platform.edge.https_port


def settings(**changes):
    return SPEC.model_copy(update={"settings": SPEC.settings.model_copy(update=changes)})


def of(name, **changes):
    """Return what a host of the stack says."""
    return bare("lb1", host=next(host for host in SPEC.settings.hosts if host.name == name), **changes)


def listens(port, program, *, protocol=Protocol.TCP, is_public=True):
    return Listener(port=port, protocol=protocol, program=program, is_public=is_public)


def rows(name="lb1", *, spec=SPEC, **changes):
    return [(one.what, one.found, one.wanted) for one in misfits(spec, [of(name, **changes)])]


STRONG = small_spec(
    hosts=REMOTE_HOSTS,
    settings={"environment": "staging"},
    overrides={"edge": {"limits": {"cpus": 2, "memory": "256Mi"}}},
)
"""A load balancer that may use two processors."""


def test_a_host_that_says_no_number_of_processors_has_enough():
    assert rows(spec=STRONG, processors=0) == []
    assert rows(spec=STRONG, processors=2) == []


def test_what_fits_is_nothing_to_say():
    assert rows(listeners=(listens(22, "sshd"), listens(25, "exim4", is_public=False))) == []


@pytest.mark.parametrize(
    ("changes", "what", "found", "wanted"),
    [
        ({"system": "fedora 41", "docker_installed": False}, "system", "fedora 41", "Debian 12 or Ubuntu 22.04"),
        ({"system": "debian 11", "docker_installed": False}, "system", "debian 11", "Debian 12 or Ubuntu 22.04"),
        ({"kernel_lacks": frozenset({"vxlan"})}, "kernel", "has no vxlan", "distributions have"),
        ({"kernel_lacks": frozenset({"esp4"})}, "kernel", "has no esp4", "colorway:network: {encrypted: false}"),
        ({"kernel_lacks": frozenset({"nf_tables"})}, "kernel", "has no nf_tables", "{firewall: false}"),
        ({"device": "", "mtu": 0}, "address", "no interface has 10.0.0.11", "in the private network"),
        ({"processors": 1}, "processors", "1", "at least 2, which lb-lb1 may use, or a lower cpus under its limits"),
        ({"mtu": 1450}, "MTU", "1450 of eth0", "colorway:network: {mtu: 1450}"),
        ({"daemon_json": "{"}, "daemon.json", "is no JSON", "a mapping in JSON"),
        ({"daemon_json": "[]"}, "daemon.json", "is no JSON", "a mapping in JSON"),
        ({"daemon_json": '{"live-restore": true}'}, "daemon.json", "live-restore", "not set"),
        ({"listeners": (listens(7946, "serf"),)}, "port", "serf has 7946/tcp", "free, for Swarm"),
        ({"listeners": (listens(HTTPS, "apache2"),)}, "port", f"apache2 has {HTTPS}/tcp", "{edge: {https-port: …}}"),
        ({"listeners": (listens(3306, "mariadbd"),)}, "firewall", "mariadbd has 3306/tcp", "{open: [3306]}"),
        (
            {"listeners": (listens(1194, "openvpn", protocol=Protocol.UDP),)},
            "firewall",
            "openvpn has 1194/udp",
            "{open: [{port: 1194, protocol: udp}]}",
        ),
    ],
)
def test_what_does_not_fit_is_named_with_its_cure(changes, what, found, wanted):
    [row] = rows(spec=STRONG, **changes)
    assert row[0] == what
    assert found in row[1]
    assert wanted in row[2]


@pytest.mark.parametrize(
    "changes",
    [
        {"system": "fedora 41"},
        {"system": "debian", "docker_installed": False},
        {"mtu": 9000},
        {"mtu": 1450, "swarm_state": "active"},
        {"listeners": (listens(HTTPS, "docker-proxy"), listens(7946, "dockerd"))},
        {"listeners": (listens(4789, "", protocol=Protocol.UDP),)},
        {"listeners": (listens(68, "dhclient", protocol=Protocol.UDP),)},
        {"listeners": (listens(41000, "chronyd", protocol=Protocol.UDP),)},
        {"listeners": (listens(3306, "mariadbd"),), "has_firewall": True},
    ],
    ids=[
        "Docker is there",
        "Debian's next",
        "larger",
        "settled",
        "Docker's own",
        "kernel's",
        "DHCP",
        "caller",
        "already",
    ],
)
def test_what_does_no_harm_is_let_be(changes):
    assert rows(**changes) == []


def test_what_the_file_does_without_is_not_asked_for():
    assert rows(spec=settings(network=NetworkSettings(encrypted=False)), kernel_lacks=frozenset({"esp4"})) == []
    assert rows(spec=settings(network=NetworkSettings(mtu=1400)), mtu=1450) == []
    no_wall = settings(bootstrap=BootstrapSettings(firewall=False))
    assert rows(spec=no_wall, kernel_lacks=frozenset({"nf_tables"}), listeners=(listens(3306, "mariadbd"),)) == []
    left_open = settings(bootstrap=BootstrapSettings.model_validate({"open": [3306]}))
    assert rows(spec=left_open, listeners=(listens(3306, "mariadbd"),)) == []


@pytest.mark.parametrize("port", [20000, 20001, 20016, 20017])
def test_a_port_of_a_data_store_that_something_else_has_is_one_row(port):
    spec = replicated_spec()
    [db1] = [one for one in spec.settings.hosts if one.name == "db1"]
    taken = bare("db1", host=db1, listeners=(listens(port, "etcd"),))
    assert [(one.what, one.found, one.wanted) for one in misfits(spec, [taken])] == [
        (
            "port",
            f"etcd has {port}/tcp",
            "free, for a data store; or choose others: colorway:network: {host-ports: 21000}",
        )
    ]
    assert misfits(spec, [replace(taken, swarm_state="active")]) == [], "then it is the store's own"


def test_a_web_server_may_be_where_the_stack_publishes_nothing():
    [(what, *_)] = rows("app1", listeners=(listens(HTTPS, "apache2"),))
    assert what == "firewall", "it is in nobody's way, and would be shut out all the same"


def test_the_architecture_is_what_the_file_says():
    facts = [bare("lb1"), member("db1", manager=True)]
    assert preflight.findings(facts, architecture=Architecture.ARM64) == []
    found = preflight.findings(facts, architecture=Architecture.AMD64)
    assert {(one.found, one.wanted) for one in found} == {("aarch64", "x86_64, as colorway:architecture says")}


@pytest.mark.parametrize(
    ("line", "port", "program", "is_public"),
    [
        ("tcp 0.0.0.0:22 sshd", 22, "sshd", True),
        ("tcp [::]:22 sshd", 22, "sshd", True),
        ("tcp *:9090 docker-proxy", 9090, "docker-proxy", True),
        ("udp 127.0.0.53%lo:53 systemd-resolve", 53, "systemd-resolve", False),
        ("udp [fe80::1%eth0]:546 systemd-network", 546, "systemd-network", True),
        ("udp [::1]:323 chronyd", 323, "chronyd", False),
        ("udp 0.0.0.0:4789 ", 4789, "", True),
        ("tcp 10.0.0.11:5432 postgres: main", 5432, "postgres: main", True),
    ],
)
def test_who_listens_is_read_as_ss_says_it(line, port, program, is_public):
    [found] = preflight.read_facts(said("lb1", f"listeners={line};"), now=0).listeners
    assert (found.port, found.program, found.is_public) == (port, program, is_public)


@pytest.mark.parametrize(("system", "known"), [("debian 12", 1), ("ubuntu 22.04", 1), ("ubuntu 20.04", 0), ("", 0)])
def test_which_systems_are_known(system, known):
    assert is_known(system) is bool(known)
