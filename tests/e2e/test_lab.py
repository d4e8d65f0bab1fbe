"""Bare hosts on one machine: each its own, reached by SSH under the key of the file, and nothing left of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from colorway.config import stack_files
from colorway.lab.lab import Lab
from colorway.lab.switch import Switch
from colorway.swarm.ssh import docker_command
from tests.support.clone import Clone
from tests.support.places import Place

# In the gate once the whole way, with its load, is short enough for it.
pytestmark = [pytest.mark.area("lab"), pytest.mark.needs("losetup"), pytest.mark.full]

FEW = ("lb1", "app1", "db1")
ALL = ("lb1", "lb2", "app1", "app2", "db1", "db2", "mon1")
OURS = Place(name="labtest", http_port=0, https_port=0, monitoring_port=0, network="10.90.0.0/16")
DOMAIN = "colorway.example"
NETWORK = "10.79.3"
"""Not that of a developer's own lab."""


@pytest.fixture
def clone(request: pytest.FixtureRequest, empty_machine: None, pulumi_cli: Path, tmp_path: Path) -> Iterator[Clone]:
    """A checkout with a stack of such hosts; its lab is gone at the end."""
    made = Clone.make(tmp_path / "clone", place=OURS)
    text = (made.path / "Pulumi.lab.yaml").read_text(encoding="utf-8")
    other = re.compile(rf"^ +- {{name: (?!{'|'.join(request.param)},).*\n", re.MULTILINE)
    # Somebody has to watch.
    roles = ("", "") if "mon1" in request.param else ("database]", "database, monitoring]")
    made.stack_file.write_text(other.sub("", text).replace("10.77.0", NETWORK).replace(*roles), encoding="utf-8")
    made.commit("Have a lab")
    # Of a run that was killed.
    lab(made, "down")
    yield made
    lab(made, "down")
    assert left() == []


def lab(clone: Clone, command: str, *more: str, code: int = 0) -> str:
    return clone.run("lab", command, *more[:1], "--stack", clone.stack, *more[1:], code=code).output


def left() -> list[str]:
    """Return what a lab must not leave on the machine."""
    cable = Switch(stack=OURS.name, folder=Path(), network=IPv4Network(f"{NETWORK}.0/24")).cable
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    loops = subprocess.run(["losetup", "--all"], capture_output=True, text=True, check=True).stdout
    groups = Path("/sys/fs/cgroup").glob(f"*/colorway-lab/{OURS.name}")
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [
        *re.findall(cable, links),
        *(
            line
            for line in [*loops.splitlines(), *mounts.splitlines(), *processes.splitlines()]
            if f"/{OURS.name}/" in line
        ),
        *map(str, groups),
    ]


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

    made.host("lb1").stop()
    assert re.search(r"lb1 .* does not run", lab(clone, "status", code=1)), "one that lost its power"
    assert "started: lb1" in lab(clone, "up")
    assert lab(clone, "exec", "lb1", "--", "cat", "/mark").strip() == "mine", "comes back with its disk"
    assert re.search(r"lb1 .* runs", lab(clone, "status"))
    assert f"gone, with their disks: {', '.join(FEW)}" in lab(clone, "down")
    assert left() == []


def asked(address: str) -> dict[str, object]:
    """Return what the application says of itself through one load balancer."""
    url = f"https://{DOMAIN}:8443/whoami"
    curl = [
        "curl",
        "--silent",
        "--fail",
        "--insecure",
        "--max-time",
        "20",
        "--resolve",
        f"{DOMAIN}:8443:{address}",
        url,
    ]
    said = subprocess.run(curl, capture_output=True, text=True, check=True).stdout
    answer: dict[str, object] = json.loads(said)
    return answer


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("clone", [ALL], indirect=True, ids=["seven hosts"])
def test_seven_bare_hosts_carry_the_platform_and_traffic_moves_on_both_load_balancers(clone: Clone):
    lab(clone, "up")
    begun = time.monotonic()
    first = clone.up()
    print(f"from bare hosts to the platform: {time.monotonic() - begun:.0f} s, {first.changed}")
    assert "a swarm" in first.output, "Docker and swarm are the first step"
    again = clone.up()
    assert again.changed == {}, f"nothing is left to do:\n{again.output}"
    clone.run("status", clone.stack)
    checked = clone.run("hosts", "check", clone.stack).output
    assert [row.split()[0] for row in checked.splitlines()[1:]] == list(ALL)
    assert re.search(r"^db1 .* manager$", checked.replace(" \n", "\n"), re.MULTILINE), "what is in the swarm as what"
    lab(clone, "status")
    assert f"{NETWORK}.11" in lab(clone, "exec", "lb1", "--", "ip", "address")

    for blue, answers in ((0, "green"), (100, "blue")):
        clone.traffic(blue)
        clone.up()
        for number in (11, 12):
            assert asked(f"{NETWORK}.{number}")["color"] == answers, "both load balancers are in step"
    clone.down()
