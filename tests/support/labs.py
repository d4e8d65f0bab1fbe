"""Labs under test: a checkout with a stack of bare hosts, and what must not be left of them."""

from __future__ import annotations

import fcntl
import json
import re
import subprocess
import tempfile
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from colorway.config import stack_files
from colorway.lab.faults import Fault, Faults
from colorway.lab.lab import Lab
from colorway.lab.switch import Switch
from colorway.spec import names
from colorway.swarm.ssh import engine_socket, ssh_to
from tests.support.clone import Clone
from tests.support.load import Load, LoadPlan, Target
from tests.support.places import WORKER, Place
from tests.support.releasing import add_versions
from tests.support.wait import wait_until

FEW = ("lb1", "app1", "db1")
FOUR = ("lb1", "lb2", "app1", "db1")
ALL = ("lb1", "lb2", "app1", "app2", "db1", "db2", "mon1")
NAME = "labtest"
OURS = Place(name=f"{NAME}{WORKER or ''}", http_port=0, https_port=0, monitoring_port=0, network="10.90.0.0/16")
DOMAIN = "colorway.example"
NETWORK = f"10.79.{3 + WORKER}"
"""Not that of a developer's own lab."""
GENTLE = LoadPlan(
    rate_total=25,
    fresh_per_second=6,
    returning_per_second=5,
    posts_per_second=4,
    keep_alive_connections=8,
    max_in_flight=50,
    request_timeout=60,
)
"""For each load balancer: all the engines and their platform share the machine with it."""
BUSY = replace(
    GENTLE,
    rate_total=100,
    fresh_per_second=12,
    returning_per_second=10,
    posts_per_second=8,
    http2_per_second=20,
    download_seconds=30,
    max_in_flight=25,
)
"""As many as make a proof; a machine that cannot carry them sends fewer, instead of piling them up."""
LEAST = BUSY.rate_total / 4
"""Requests a second that it must reach: a busy machine makes a test slower, not red."""
PATIENT = replace(
    GENTLE, keep_alive_connections=20, posts_per_second=0, first_try=3.0, max_in_flight=200, download_seconds=None
)
"""Of clients that know both addresses; nobody but an application could repeat a POST."""


@contextmanager
def turn(*, wait: bool) -> Iterator[bool]:
    """Hold the lab under test of this process; say whether it could be had without waiting for another run."""
    with (Path(tempfile.gettempdir()) / f"colorway-{OURS.name}.lock").open("w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True


@contextmanager
def bare(path: Path, *, hosts: Collection[str]) -> Iterator[Clone]:
    """Yield a checkout with a stack of such hosts; its lab is gone at the end."""
    with turn(wait=True):
        made = make(path, hosts=hosts)
        # Of a run that was killed.
        lab(made, "down")
        try:
            yield made
        finally:
            # Also of a test that failed: seven engines with their platform would slow whatever comes next.
            lab(made, "down")
        # A container of somebody else's that began meanwhile has held the mounts of its time for a moment.
        with suppress(AssertionError):
            wait_until(lambda: left() == [], limit=60, what="nothing is left of it")
        rest = left()
        assert rest == [], f"nothing is left of it: {rest}"


@contextmanager
def connected(clone: Clone) -> Iterator[None]:
    """Keep a connection to each host of a lab that is up, also again after a fault; all commands share it meanwhile.

    A handshake takes 0.2 s of a processor, and each command would make five of them.
    """
    ending = threading.Event()
    hosts = hosts_of(clone).spec.settings.hosts

    def keep() -> None:
        held: dict[str, subprocess.Popen[bytes]] = {}
        while not ending.wait(_LOOK):
            for host in hosts:
                if host.name not in held or held[host.name].poll() is not None:
                    held[host.name] = subprocess.Popen(
                        ssh_to(host, "cat", keep=True),
                        stdin=subprocess.PIPE,
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                    )
        for host in hosts:
            if (one := held.get(host.name)) is not None:
                one.terminate()
                one.wait()
                engine_socket(host).unlink(missing_ok=True)

    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        yield
    finally:
        ending.set()
        keeper.join()


_LOOK = 2.0
"""Seconds between two looks at whether connections are still there."""


def with_one_color(clone: Clone) -> None:
    """Commit that blue is alone, and the versions that can be released."""
    clone.versions(blue="1.0.0", green=None)
    add_versions(clone)


def with_few_checks(clone: Clone) -> None:
    """Commit that the application has one task of each service, and is asked less often whether it is well.

    A lab that does nothing uses more than half of a core, most of it for starting checks in containers; where the
    application is beside the point, a second lab has use for that.
    """
    file = clone.path / "platforms" / "demo.yaml"
    text = re.sub(r"\binterval: [34]s", "interval: 10s", file.read_text(encoding="utf-8"))
    file.write_text(text.replace("replicas: 2", "replicas: 1"), encoding="utf-8")
    clone.commit("Ask the application less often")


def make(path: Path, *, hosts: Collection[str]) -> Clone:
    """Return a checkout with a stack of some of the lab's hosts."""
    made = Clone.make(path, place=OURS)
    text = (made.path / "Pulumi.lab.yaml").read_text(encoding="utf-8")
    other = re.compile(rf"^ +- {{name: (?!{'|'.join(hosts)},).*\n", re.MULTILINE)
    text = other.sub("", text).replace("10.77.0", NETWORK)
    # Somebody has to watch, and to let users in.
    if "mon1" not in hosts:
        text = text.replace("database]", "database, monitoring]")
    if not {"lb1", "lb2"} & set(hosts):
        text = text.replace("[web]", "[load-balancer, web]")
    made.stack_file.write_text(text, encoding="utf-8")
    made.commit("Have a lab")
    return made


def lab(clone: Clone, command: str, *more: str, code: int = 0) -> str:
    return clone.run("lab", command, *more[:1], "--stack", clone.stack, *more[1:], code=code).output


def on_host(clone: Clone, host: str, *command: str, code: int = 0) -> str:
    """Return what a command says as root on a host, as `colorway lab exec` does, without a command line's start.

    Raises:
        AssertionError: it ended with another code; the message is what it said.
    """
    entering = hosts_of(clone).entering(host, command)
    ran = subprocess.run(
        entering, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert ran.returncode == code, f"{host}: {' '.join(command)} ended with {ran.returncode}:\n{ran.stdout}"
    return ran.stdout


def hosts_of(clone: Clone) -> Lab:
    """Return the lab of a checkout's stack."""
    return _lab(clone.path, clone.stack, clone.stack_file.read_text("utf-8"))


@lru_cache(maxsize=4)
def _lab(path: Path, stack: str, _text: str) -> Lab:
    return Lab(spec=stack_files.from_file(root=path, stack=stack), root=path)


def end_faults(clone: Clone, *hosts: str) -> None:
    """Let be over what a test that failed may have left on some hosts; a fault that is none is over, too."""
    there = hosts_of(clone)
    for host in hosts:
        for fault in (Fault.CUT, Fault.PAUSE):
            Faults(host=there.host(host), switch=there.switch).end(fault)


def left() -> list[str]:
    """Return what a lab must not leave on the machine."""
    cable = Switch(stack=OURS.name, folder=Path(), network=IPv4Network(f"{NETWORK}.0/24")).cable
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    loops = subprocess.run(["losetup", "--all"], capture_output=True, text=True, check=True).stdout
    # One tree, or one for each controller.
    groups = [group for tree in ("", "*/") for group in Path("/sys/fs/cgroup").glob(f"{tree}colorway-lab/{OURS.name}")]
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


def on_both_colors(clone: Clone, blue: int) -> None:
    """Bring both colors up, and split the users."""
    clone.versions(blue="1.0.0", green="2.0.0")
    clone.up()
    clone.traffic(blue)
    clone.up()


def address(number: int) -> str:
    """Return a host's address."""
    return f"{NETWORK}.{number}"


def colors() -> list[object]:
    """Return which color each of the two load balancers asks for a newcomer."""
    return [asked(address(number))["color"] for number in (11, 12)]


def loaded(clone: Clone, number: int, *, plan: LoadPlan = GENTLE, second: int | None = None) -> Load:
    """Return a load on one load balancer; `second` is the one that its clients know, too."""
    target = aimed(clone, number)
    if second is not None:
        target = replace(target, second=(address(second), target.port))
    return Load(target=target, plan=plan)


def aimed(clone: Clone, number: int) -> Target:
    """Return one load balancer as clients reach it."""
    return Target(host=address(number), server_name=DOMAIN, cookie_name=names.color_cookie(clone.stack))


def says(clone: Clone) -> dict[str, Any]:
    """Return what `status --json` says, whatever its exit code."""
    output, _ = clone.start("status", clone.stack, "--json").communicate(timeout=300)
    # Before it, on the standard error, may stand which manager does not answer.
    found: dict[str, Any] = json.loads(output[output.find("{") :])
    return found


def is_well(clone: Clone) -> bool:
    """Return whether `status` finds nothing wrong; asked once all tasks run, for it takes seconds of a processor."""
    try:
        told = on_host(clone, hosts_of(clone).spec.manager.name, "docker", "service", "ls", "--format", "{{.Replicas}}")
    except AssertionError:
        # The swarm may have no majority now.
        return False
    counts = [line.split()[0].split("/") for line in told.splitlines()]
    return all(running == wanted for running, wanted in counts) and bool(says(clone)["healthy"])
