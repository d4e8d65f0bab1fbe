"""Labs under test: a checkout with a stack of bare hosts, and what must not be left of them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Collection
from ipaddress import IPv4Network
from pathlib import Path

from colorway.lab.switch import Switch
from tests.support.clone import Clone
from tests.support.places import Place

FEW = ("lb1", "app1", "db1")
FOUR = ("lb1", "lb2", "app1", "db1")
ALL = ("lb1", "lb2", "app1", "app2", "db1", "db2", "mon1")
OURS = Place(name="labtest", http_port=0, https_port=0, monitoring_port=0, network="10.90.0.0/16")
DOMAIN = "colorway.example"
NETWORK = "10.79.3"
"""Not that of a developer's own lab."""


def make(path: Path, *, hosts: Collection[str]) -> Clone:
    """Return a checkout with a stack of some of the lab's hosts."""
    made = Clone.make(path, place=OURS)
    text = (made.path / "Pulumi.lab.yaml").read_text(encoding="utf-8")
    other = re.compile(rf"^ +- {{name: (?!{'|'.join(hosts)},).*\n", re.MULTILINE)
    # Somebody has to watch.
    roles = ("", "") if "mon1" in hosts else ("database]", "database, monitoring]")
    made.stack_file.write_text(other.sub("", text).replace("10.77.0", NETWORK).replace(*roles), encoding="utf-8")
    made.commit("Have a lab")
    return made


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
