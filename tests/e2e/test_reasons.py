"""What keeps a task from starting is said within seconds: each kind on the real swarm, through the watcher of `up`."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from colorway.engine.watch import watched_tasks
from colorway.spec.hosts import HostSpec
from colorway.swarm.services import Swarm
from tests.support.clone import Clone
from tests.support.demo import docker, left_behind
from tests.support.places import free_place
from tests.support.specs import THIS_MACHINE
from tests.support.wait import wait_until

pytestmark = pytest.mark.area("engine")
STACK = "reasons"
IMAGE = "debian:forky-slim"
PROMISE = 10
"""Seconds after which a reason that is known is on the screen."""
LIMIT = 3 * PROMISE
RANGE = "10.199.77.0/24"
KINDS = {
    "pool": (
        ["--network", f"{STACK}-b"],
        ["sleep", "60"],
        r"the network reasons-b gets no addresses.*colorway:network",
    ),
    "image": ([], None, r"No such image: colorway/none:1; build or push it"),
    "host": (["--constraint", "node.labels.nowhere==1"], ["sleep", "60"], r"no host matches the placement"),
    "memory": (["--reserve-memory", "4000g"], ["sleep", "60"], r"no host has the memory or CPUs left"),
    "crash": ([], ["sh", "-c", "echo no database; exit 3"], r"non-zero exit \(3\)"),
    "sick": (
        [
            *("--init", "--stop-grace-period", "40s", "--health-cmd", "echo HTTP 503; exit 1"),
            *("--health-interval", "1s", "--health-retries", "2"),
        ],
        # It takes its time to stop, as a service with long requests does.
        ["sh", "-c", "trap 'sleep 35' TERM; while :; do sleep 1; done"],
        r"its health check fails; health check: HTTP 503",
    ),
    "port": (
        ["--publish", "mode=host,published={port},target=80"],
        ["sleep", "60"],
        r"address already in use; another",
    ),
}
"""Options, command and the words of the reason, by kind."""


@pytest.fixture(scope="module")
def told(swarm: None) -> Iterator[dict[str, tuple[float, str, list[str]]]]:
    """Make a service of each kind, and return when its reason was said (seconds), and what is kept of it."""
    remove()
    said: list[tuple[float, str]] = []
    with closing(socket.create_server(("0.0.0.0", 0))) as taken:
        port = taken.getsockname()[1]
        docker("network", "create", "--driver", "overlay", "--subnet", RANGE, f"{STACK}-a")
        docker(
            *("network", "create", "--driver", "overlay", "--subnet", RANGE),
            *("--label", f"colorway.stack={STACK}", f"{STACK}-b"),
        )
        try:
            began = time.monotonic()
            here = Swarm(HostSpec.model_validate(THIS_MACHINE[0]))
            with watched_tasks(
                here, stack=STACK, say=lambda line: said.append((time.monotonic() - began, line))
            ) as failures:
                began = time.monotonic()
                for kind, (options, command, _) in KINDS.items():
                    docker(
                        *("service", "create", "--detach", "--quiet", "--no-resolve-image"),
                        *("--label", f"colorway.stack={STACK}", "--name", f"{STACK}-{kind}"),
                        *("--endpoint-mode", "dnsrr", "--restart-delay", "1s"),
                        *[option.replace("{port}", str(port)) for option in options],
                        *([IMAGE, *command] if command else ["colorway/none:1"]),
                    )
                wait_until(
                    lambda: {f"{STACK}-{kind}" for kind in KINDS} <= {line.partition(":")[0] for _, line in said},
                    limit=LIMIT,
                    what=f"a reason for each of {', '.join(KINDS)}; there is {said}",
                )
            yield {
                kind: (
                    *next(one for one in said if one[1].startswith(f"{STACK}-{kind}: ")),
                    failures[f"{STACK}-{kind}"].lines(),
                )
                for kind in KINDS
            }
        finally:
            remove()


def remove() -> None:
    """Remove what these tests make."""
    label = f"label=colorway.stack={STACK}"
    for service in docker("service", "ls", "--quiet", "--filter", label).split():
        docker("service", "rm", service)
    for network in (f"{STACK}-a", f"{STACK}-b"):
        if network in docker("network", "ls", "--format", "{{.Name}}").split():
            wait_until(lambda one=network: is_removed(one), limit=90, what=f"{network} is removed")


def is_removed(network: str) -> bool:
    # A network is in use until the last task of its services has ended.
    with suppress(AssertionError):
        docker("network", "rm", network)
    return network not in docker("network", "ls", "--format", "{{.Name}}").split()


@pytest.mark.parametrize("kind", KINDS)
def test_what_keeps_a_task_from_starting_is_said_within_seconds(kind, told) -> None:
    seconds, line, kept = told[kind]
    print(f"{kind}: said after {seconds:.1f} s (promise: {PROMISE} s): {line}")
    assert re.search(KINDS[kind][2], line), "the reason, with what helps"
    assert seconds <= LIMIT, "in time"
    assert kept[0].startswith(f"{STACK}-{kind}: task "), "and it is kept for the error of the engine"


def test_the_log_of_what_crashed_is_kept(told) -> None:
    assert "  | no database" in told["crash"][2], "its container is gone soon"


def test_addresses_of_a_foreign_network_are_said_before_anything_is_created(
    tmp_path: Path, empty_machine: None, pulumi_cli: Path
) -> None:
    with free_place() as place:
        clone = Clone.make(tmp_path / "clone", place=place)
        taken = place.network.replace(".0.0/16", ".1.0/24")
        docker("network", "create", "--driver", "overlay", "--subnet", taken, f"{STACK}-c")
        try:
            ran = clone.up(code=1)
        finally:
            docker("network", "rm", f"{STACK}-c")
        assert f"in use by the network {STACK}-c that no stack of colorway made ({taken})" in ran.output, "what has it"
        assert "choose another range, for example 10." in ran.output, "and what helps"
        assert left_behind(place.name) == [], "nothing was created"
