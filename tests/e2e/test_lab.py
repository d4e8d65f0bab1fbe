"""Bare hosts on one machine: each its own, reached by SSH under the key of the file, and nothing left of them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from colorway.config import stack_files
from colorway.lab.lab import Lab
from colorway.swarm.ssh import docker_command
from tests.support.clone import Clone
from tests.support.labs import ALL, FEW, NETWORK, bare, lab, left

pytestmark = [pytest.mark.area("lab"), pytest.mark.needs("losetup"), pytest.mark.full]


@pytest.fixture
def clone(request: pytest.FixtureRequest, empty_machine: None, pulumi_cli: Path, tmp_path: Path) -> Iterator[Clone]:
    with bare(tmp_path / "clone", hosts=request.param) as made:
        yield made


@pytest.mark.timeout(900)
@pytest.mark.parametrize("clone", [FEW], indirect=True, ids=["three hosts"])
def test_bare_hosts_are_up_reached_apart_and_gone(clone: Clone):
    assert f"started: {', '.join(FEW)}" in lab(clone, "up")
    assert "all hosts of the lab run already" in lab(clone, "up"), "the second time there is nothing to do"
    made = Lab(spec=stack_files.from_file(root=clone.path, stack=clone.stack), root=clone.path)
    environment = {**os.environ, "SSH_AUTH_SOCK": str(made.switch.agent)}
    for host in made.spec.settings.hosts:
        # What Docker's API goes through is `docker system dial-stdio` after the same options.
        reached = [*docker_command(host)[:-3], "hostname; command -v docker sshd; pgrep dockerd || echo bare"]
        said = subprocess.run(reached, env=environment, capture_output=True, text=True, check=False)
        assert said.returncode == 0, f"{host.name}: the key of the stack's file is its own: {said.stderr}"
        assert said.stdout.split()[0] == host.name
        assert said.stdout.split()[-1] == "bare", "Docker is there, and nobody started it"

    lab(clone, "exec", "lb1", "--", "sh", "-c", "echo mine >/mark; apt-get --version >/dev/null")
    lab(clone, "exec", "app1", "--", "test", "-e", "/mark", code=1)
    reach = "timeout 5 bash -c '</dev/tcp/{}/22'"
    lab(clone, "exec", "lb1", "--", "sh", "-c", reach.format(f"{NETWORK}.21"))

    faults_befall_a_host_and_are_undone(clone)
    # A lab is taken down also while a host stands still.
    lab(clone, "fault", "pause", "app1")

    made.host("lb1").stop()
    assert re.search(r"lb1 .* does not run", lab(clone, "status", code=1)), "one that lost its power"
    assert "started: lb1" in lab(clone, "up")
    assert lab(clone, "exec", "lb1", "--", "cat", "/mark").strip() == "mine", "comes back with its disk"
    assert re.search(r"lb1 .* runs", lab(clone, "status"))
    assert f"gone, with their disks: {', '.join(FEW)}" in lab(clone, "down")
    assert left() == []


def faults_befall_a_host_and_are_undone(clone: Clone) -> None:
    for fault in ("cut", "pause", "stop-sshd"):
        assert offered(f"{NETWORK}.21"), "it is well before"
        lab(clone, "fault", fault, "app1")
        lab(clone, "fault", fault, "app1")
        assert not offered(f"{NETWORK}.21"), f"{fault} keeps everybody out, twice no more than once"
        assert offered(f"{NETWORK}.31"), "and only there"
        lab(clone, "fault", fault, "app1", "--undo")
    assert offered(f"{NETWORK}.21")
    ping = ("exec", "lb1", "--", "ping", "-c", "3", "-W", "2", "-M", "do", "-s", "1450", f"{NETWORK}.21")
    lab(clone, *ping)
    lab(clone, "fault", "mtu", "app1", "1450")
    lab(clone, *ping, code=1)
    assert offered(f"{NETWORK}.21"), "what is short comes through"
    lab(clone, "fault", "mtu", "app1", "--undo")
    lab(clone, *ping)
    assert "is no length of packets" in lab(clone, "fault", "mtu", "app1", "many", code=1)
    line = ("exec", "app1", "--", "sh", "-c", "tc qdisc show dev eth0; iptables -S INPUT")
    lab(clone, "fault", "slow", "app1")
    lab(clone, "fault", "slow", "app1")
    slow = lab(clone, *line)
    assert "tbf" in slow
    assert slow.count("--probability") == 1, slow
    assert offered(f"{NETWORK}.21"), "a slow line is one"
    lab(clone, "fault", "slow", "app1", "--undo")
    assert not re.search("tbf|probability", lab(clone, *line))
    refused = lab(clone, "fault", "read-only", "app1", code=1)
    assert "read-only app1: needs the path behind it" in refused


@pytest.mark.timeout(900)
@pytest.mark.parametrize("clone", [FEW], indirect=True, ids=["three hosts"])
def test_the_hosts_of_another_stack_are_rehearsed(clone: Clone):
    try:
        said = clone.run("lab", "up", "--like", "staging").output
        assert "wrote Pulumi.staging-lab.yaml" in said
        assert "started: lb1, app1, db1" in said
        assert "stays as it is" in clone.run("lab", "up", "--like", "staging").output
        checked = clone.run("hosts", "check", "staging-lab").output
        assert [row.split()[0] for row in checked.splitlines()[1:]] == ["lb1", "app1", "db1"]
    finally:
        clone.run("lab", "down", "--stack", "staging-lab")


def offered(address: str) -> str:
    """Return the SSH host key that an address offers; empty where it offers none."""
    scan = ["ssh-keyscan", "-T", "3", "-t", "ed25519", address]
    return subprocess.run(scan, capture_output=True, text=True, check=False).stdout


SHIM = 'printf "#!/bin/sh\\n{}\\n" >/usr/local/bin/{name}; chmod +x /usr/local/bin/{name}'
"""Makes a program that says something else to whoever comes over SSH."""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("clone", [ALL], indirect=True, ids=["seven hosts"])
def test_all_that_is_wrong_with_hosts_is_one_table_and_nothing_is_changed(clone: Clone):
    lab(clone, "up")
    lab(clone, "fault", "cut", "lb1")
    lab(clone, "exec", "lb2", "--", "sh", "-c", SHIM.format("[ \\$1 != -m ] || exec echo riscv64", name="uname"))
    lab(clone, "fault", "fill-disk", "app1")
    other = re.compile(r"(name: app2,.*host-key: )(ssh-ed25519 \S+)(})")
    key = re.search(r"name: app1,.*host-key: (ssh-ed25519 [^}\s]+)", clone.stack_file.read_text(encoding="utf-8"))
    assert key
    text = other.sub(rf"\g<1>{key[1]}\g<3>", clone.stack_file.read_text(encoding="utf-8"))
    text = re.sub(r"(name: db1,.*)(roles:)", r"\1user: deploy, \2", text)
    clone.stack_file.write_text(text, encoding="utf-8")
    clone.commit("Have a user without rights, and a wrong key")
    deploy = (
        "useradd -m deploy; mkdir ~deploy/.ssh; cp ~root/.ssh/authorized_keys ~deploy/.ssh/; chown -R deploy: ~deploy"
    )
    lab(clone, "exec", "db1", "--", "sh", "-ec", deploy)
    lab(clone, "exec", "db2", "--", "sh", "-c", SHIM.format("echo \\$(( \\$(/bin/date +%%s) + 3600 ))", name="date"))

    for command in (("hosts", "check"), ("up",)):
        said = clone.run(*command, clone.stack, code=1).output
        table = {(row[0], row[1]): row for row in (line.split() for line in said.splitlines()) if len(row) > 1}
        for found in (
            ("lb1", "SSH"),
            ("lb2", "architecture"),
            ("app1", "disk"),
            ("app2", "SSH"),
            ("db1", "rights"),
            ("db2", "clock"),
        ):
            assert found in table, f"{found} is missing:\n{said}"
        of_mon1 = [what for host, what in table if host == "mon1"]
        assert of_mon1 == ["architecture"], f"nobody knows whose is the wrong one, and nothing else is:\n{said}"
        assert "7 hosts are not ready; nothing was changed" in said
        assert "Host key verification failed" in said, "another key is no host that is gone"
    for host in ("app2", "db2", "mon1"):
        lab(clone, "exec", host, "--", "pgrep", "dockerd", code=1)
