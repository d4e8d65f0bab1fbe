"""What hosts are set to: from the stack's file, kept only by who comes in anew, and known to the next run."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network

import pytest

from colorway.config import stack_files
from colorway.errors import ColorwayError
from colorway.hosts import bootstrap, system
from colorway.hosts.reach import Said
from colorway.render.templates import host_script
from colorway.spec.hosts import BootstrapSettings, Role
from colorway.swarm.ssh import ssh_to
from tests.hosts.test_hosts import bare
from tests.support.specs import REMOTE_HOSTS, ROOT, small_spec

LAB = stack_files.from_file(root=ROOT, stack="lab")
STAGING = small_spec(hosts=REMOTE_HOSTS, settings={"environment": "staging"})


def staging(**said):
    changed = {"bootstrap": BootstrapSettings.model_validate(said)}
    return STAGING.model_copy(update={"settings": STAGING.settings.model_copy(update=changed)})


def setting(spec, number=0):
    return system.wanted(spec, spec.settings.hosts[number])


def test_a_rented_host_is_set_to_all_of_it():
    found = setting(STAGING)
    assert all((found.kernel, found.clock, found.upgrades, found.firewall, found.ssh))


def test_what_a_lab_shares_with_its_machine_is_left_alone():
    found = setting(LAB)
    assert (found.kernel, found.clock, found.upgrades) == ("", "", ""), "they are this machine's"
    assert found.firewall
    assert found.ssh
    assert {getattr(found, name) for name in system.NOT_IN_A_LAB.values()} == {""}


@pytest.mark.parametrize("what", ["firewall", "ssh", "upgrades"])
def test_what_the_file_does_not_want_is_not_done(what):
    assert getattr(setting(staging(**{what: False})), what) == ""
    assert getattr(setting(STAGING), what)


def test_a_host_is_set_until_the_file_says_otherwise_or_somebody_takes_it_away():
    found = setting(STAGING)
    there = bare("lb1", applied=found.digest, in_place=frozenset({"firewall", "ssh"}))
    assert found.holds(there)
    assert not setting(staging(open=[9100])).holds(there), "another file"
    assert not found.holds(bare("lb1", applied=found.digest, in_place=frozenset({"ssh"}))), "the table is gone"
    assert not found.holds(bare("lb1", applied=found.digest, in_place=frozenset({"firewall"})))
    without = setting(staging(firewall=False))
    assert without.holds(bare("lb1", applied=without.digest, in_place=frozenset({"ssh"})))


def test_docker_gets_what_nobody_has_set():
    text = system.daemon_json('{"registry-mirrors": ["https://mirror.example"]}', avoid=[])
    found = json.loads(text)
    assert found["registry-mirrors"] == ["https://mirror.example"]
    assert found["log-driver"] == "local"
    assert found["log-opts"] == {"max-size": "20m", "max-file": "5"}
    assert "live-restore" not in found, "no host with it can be in a swarm"
    assert system.daemon_json(text, avoid=[IPv4Network("172.16.0.0/12")]) == text, "the second time it is somebody's"


@pytest.mark.parametrize(
    "theirs", [{"log-driver": "journald"}, {"log-opts": {"tag": "x"}}, {"default-address-pools": []}]
)
def test_what_somebody_set_for_docker_stays(theirs):
    found = json.loads(system.daemon_json(json.dumps(theirs), avoid=[]))
    assert found | theirs == found
    if "default-address-pools" not in theirs:
        assert {key for key in found if key.startswith("log-")} == set(theirs), "another driver knows other options"


@pytest.mark.parametrize(
    ("avoid", "pool"),
    [
        ([], "172.17.0.0/16"),
        (["10.0.0.0/8"], "172.17.0.0/16"),
        (["172.17.5.0/24"], "172.18.0.0/16"),
        (["172.16.0.0/12"], "10.200.0.0/16"),
        (["172.16.0.0/12", "10.200.0.0/14"], "10.204.0.0/16"),
    ],
)
def test_dockers_bridges_are_where_no_host_and_no_network_is(avoid, pool):
    found = json.loads(system.daemon_json("", avoid=map(IPv4Network, avoid)))
    assert found["default-address-pools"] == [{"base": pool, "size": 24}]


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch):
    monkeypatch.setattr(system, "sleep", lambda _seconds: None)


@dataclass
class Hosts:
    """Hosts that do as they are told; some of them fail."""

    refuses: tuple[str, ...] = ()
    shut: tuple[str, ...] = ()
    """Let nobody in any more once they are set."""
    slow: int = 0
    """Connections that every host refuses while its sshd reads its settings."""
    asked: list = field(default_factory=list)
    held: list = field(default_factory=list)
    facts: dict = field(default_factory=dict)
    """Of every host, as `facts.sh` says them."""

    def reach(self, host, script, *arguments, limit, alone=False):
        def says(output="", errors="", code=0):
            return Said(host=host, code=code, output=output, errors=errors, seconds=0)

        if script == host_script("facts"):
            known = {"hostname": host.name, "architecture": "x86_64", "user": "root", "is-root": "yes"}
            known |= {"memory": "4000", "disk-free": "100000", "system": "debian 13", "device": "eth0", "mtu": "1500"}
            known |= self.facts.get(host.name, {})
            return says("\n".join(f"{key}={value}" for key, value in known.items()))
        kind = "seal" if script == host_script("seal") else "set"
        self.asked.append((host.name, kind, alone))
        if kind == "set" and host.name in self.refuses:
            return says(errors="noise\nE: Unable to locate package nftables\n", code=100)
        if kind == "seal":
            tried = self.asked.count((host.name, "seal", True))
            if host.name in self.shut or tried <= self.slow:
                return says(errors="ssh: connect to host: Connection timed out", code=255)
            self.facts.setdefault(host.name, {})
            self.facts[host.name] |= {"applied": arguments[1], "in-place": "firewall ssh", "docker-version": "28.5"}
            is_manager = str(host.has(Role.MANAGER)).lower()
            self.facts[host.name] |= {"swarm-state": "active", "swarm-manager": is_manager, "has-firewall": "yes"}
        return says("firewall: set\nSSH: set")

    @contextmanager
    def hold(self):
        self.held.append("taken")
        yield
        assert self.asked, "held while hosts are changed"

    def up(self):
        said = []
        bootstrap.make_ready(LAB, progress=lambda *_a, **_k: None, say=said.append, reach=self.reach, hold=self.hold)
        return said


def test_bare_hosts_are_set_at_once_and_the_second_run_asks_only():
    hosts = Hosts()
    said = hosts.up()
    names = [host.name for host in LAB.settings.hosts]
    assert sorted(hosts.asked) == sorted(
        [(name, "set", False) for name in names] + [(name, "seal", True) for name in names]
    )
    assert "lb1: firewall: set, SSH: set" in said
    assert "left as they are in a lab: the kernel's settings, the clock, upgrades" in said
    assert hosts.held == [], "there is no swarm that could keep a lock"
    hosts.asked.clear()
    assert hosts.up() == []
    assert hosts.asked == []


def test_what_was_taken_away_comes_back_under_the_lock():
    hosts = Hosts()
    hosts.up()
    hosts.asked.clear()
    hosts.facts["app1"]["in-place"] = "ssh"
    hosts.up()
    assert hosts.asked == [("app1", "set", False), ("app1", "seal", True)]
    assert hosts.held == ["taken"]


def test_who_lets_nobody_in_anew_is_named_and_not_kept():
    hosts = Hosts(shut=("lb2",))
    with pytest.raises(ColorwayError) as refused:
        hosts.up()
    told = str(refused.value).splitlines()
    assert told[0] == "Pulumi.lab.yaml: not every host is set up; `colorway up lab` goes on with them"
    assert told[1].startswith("lb2: no new connection came in after it (ssh: connect to host: Connection timed out)")
    assert told[1].endswith("takes the firewall and SSH's settings back")
    assert len(told) == 2, "the others are set"


def test_one_that_is_reading_its_settings_is_asked_again():
    hosts = Hosts(slow=2)
    hosts.up()
    assert hosts.asked.count(("lb1", "seal", True)) == 3


def test_one_that_refuses_is_named_with_its_last_words_and_needs_no_seal():
    hosts = Hosts(refuses=("app1",))
    with pytest.raises(ColorwayError, match="app1: E: Unable to locate package nftables"):
        hosts.up()
    assert ("app1", "seal", True) not in hosts.asked
    hosts.refuses = ()
    hosts.asked.clear()
    hosts.up()
    assert {name for name, *_ in hosts.asked} == {"app1"}, "the next run goes on"


def test_the_connection_that_keeps_it_is_nobody_elses():
    command = ssh_to(STAGING.settings.hosts[0], "true", alone=True)
    paths = [word for word in command if word.startswith("ControlPath=")]
    assert paths[0] == "ControlPath=none", "of two, ssh takes the first; a shared one would prove nothing"
    assert "ControlPath=none" not in ssh_to(STAGING.settings.hosts[0], "true")
