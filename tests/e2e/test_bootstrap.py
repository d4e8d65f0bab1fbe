"""Hosts are set to what the stack's file wants: who may come in, who is not locked out, and what is said before."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from colorway.config import stack_files
from colorway.lab.lab import Lab
from tests.support.clone import Clone
from tests.support.labs import FEW, NETWORK, asked, bare, lab, on_host
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("hosts"), pytest.mark.needs("losetup"), pytest.mark.full]
LB1, APP1, DB1 = (f"{NETWORK}.{number}" for number in (11, 21, 31))
STRANGER = 2299
"""Where something listens that no file knows."""


@pytest.fixture
def clone(empty_machine: None, pulumi_cli: Path, tmp_path: Path) -> Iterator[Clone]:
    with bare(tmp_path / "clone", hosts=FEW) as made:
        lab(made, "up")
        yield made


def comes_in(address: str, port: int) -> bool:
    """Return whether somebody who is no host of the stack comes in by a port."""
    try:
        with socket.create_connection((address, port), timeout=3):
            return True
    except OSError:
        return False


def sh(clone: Clone, host: str, script: str, *, code: int = 0) -> str:
    return on_host(clone, host, "sh", "-euc", script, code=code)


def listen(clone: Clone, host: str) -> None:
    """Have something listen on a host that is no part of the stack."""
    sh(clone, host, f"/usr/sbin/sshd -p {STRANGER} -o PidFile=/run/stranger.pid -o HostKey=/etc/ssh/lab-host-key")


# An `nft` that forgets SSH, as a mistake of ours would.
FORGETFUL = """
printf '#!/bin/sh\\nsed "s/{ 22 }/{ 23 }/; s/{ 22, /{ 23, /" | /usr/sbin/nft "$@"\\n' >/usr/local/bin/nft
chmod +x /usr/local/bin/nft
"""


@pytest.mark.timeout(1800)
def test_a_firewall_lets_in_what_the_stack_publishes_and_locks_nobody_out(clone: Clone):
    # What it would shut out is said, and nothing is changed before that is settled.
    listen(clone, "app1")
    for command in (("hosts", "check"), ("up",)):
        said = clone.run(*command, clone.stack, code=1).output
        assert re.search(
            rf"app1 +firewall +sshd has {STRANGER}/tcp, and would be shut out .*open: \[{STRANGER}\]", said
        )
        assert "nothing was changed" in said
    sh(clone, "lb1", "pgrep dockerd", code=1)
    sh(clone, "app1", "kill $(cat /run/stranger.pid)")

    mine = {"registry-mirrors": ["https://mirror.example"], "log-driver": "json-file"}
    sh(clone, "db1", f"mkdir -p /etc/docker; echo '{json.dumps(mine)}' >/etc/docker/daemon.json")
    # A mistake that locks everybody out is over after a minute, and the next run goes on.
    sh(clone, "app1", FORGETFUL)
    said = clone.run("up", clone.stack, code=1).output
    assert re.search(r"^app1: no new connection came in after it .*Connection timed out", said, re.MULTILINE)
    assert not comes_in(APP1, 22)
    wait_until(lambda: comes_in(APP1, 22), limit=150, what="the host takes its firewall back", every=1)
    assert "stack" not in sh(clone, "app1", "ls /etc/colorway/firewall")
    sh(clone, "app1", "rm /usr/local/bin/nft")

    clone.up()
    listen(clone, "lb1")
    for address, port, open_to_all in (
        (LB1, 22, True),
        (LB1, 8443, True),
        (LB1, STRANGER, False),
        (LB1, 7946, False),
        (DB1, 2377, False),
        (DB1, 9090, True),
    ):
        assert comes_in(address, port) is open_to_all, f"{address}:{port}"
    reach = f"timeout 5 bash -c '</dev/tcp/{DB1}/2377'"
    sh(clone, "lb1", reach)
    assert asked(LB1)["color"] == "blue"
    kept = json.loads(sh(clone, "db1", "cat /etc/docker/daemon.json"))
    assert kept | mine == kept, "what somebody set stays"
    assert "default-address-pools" in kept
    assert "passwordauthentication no" in sh(clone, "lb1", "/usr/sbin/sshd -T").lower()

    # Where somebody takes it away, the next run sees it; a host that starts anew has it at once.
    sh(clone, "lb1", "nft delete table inet colorway")
    assert comes_in(LB1, STRANGER), "the test's own eyes are open"
    clone.settled()
    assert not comes_in(LB1, STRANGER)
    Lab(spec=stack_files.from_file(root=clone.path, stack=clone.stack), root=clone.path).host("lb1").stop()
    lab(clone, "up")
    listen(clone, "lb1")
    # This machine has yet to learn its new interface's address.
    wait_until(lambda: comes_in(LB1, 22), limit=90, what="the host that started anew lets SSH in", every=1)
    assert not comes_in(LB1, STRANGER)
    # This starts its engine, and may be quicker than the swarm: then the load balancer is told again what it serves.
    clone.up()

    # What is left open by name is open, and all hosts are told.
    opened = f"  colorway:bootstrap: {{open: [{STRANGER}]}}\n  colorway:hosts:"
    clone.edit(clone.stack_file.name, r"^  colorway:hosts:$", opened, subject="Leave a port open")
    clone.settled()
    assert comes_in(LB1, STRANGER)
    clone.edit(clone.stack_file.name, r"\{open: \[\d+\]\}", "{firewall: false}", subject="Have no firewall")
    clone.settled()
    assert comes_in(LB1, 7946), "no firewall is none"
    sh(clone, "lb1", "nft list table inet colorway", code=1)
    clone.down()
