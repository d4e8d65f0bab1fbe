"""The hosts that BizOSaaS's strategy asks for carry what its stacks put on them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from colorway.config.stack_files import from_file
from colorway.spec.hosts import HostSpec, Role
from tests.program.stacks import run_stack
from tests.support.recorder import SERVICE, Recording
from tests.support.specs import ROOT

GIB = 2**30
SYSTEM = 1 * GIB
"""Left to the host's own programs."""
# The strategy's least for two database hosts and one that watches, and what it has where web hosts are three.
MEMORY = {Role.DATABASE: 16 * GIB, Role.MONITORING: 8 * GIB, Role.LOAD_BALANCER: 4 * GIB, Role.WEB: 16 * GIB}
SIZED = pytest.mark.parametrize("stack", ["production", "preproduction"])


@cache
def recorded(stack: str) -> Recording:
    return run_stack(stack)


def limits(stack: str, wanted: Callable[[str | None, Role], bool]) -> int:
    """Return the memory that tasks may use together, of the services whose host or role is wanted; bytes."""
    made = {one.inputs["name"]: one.inputs for one in recorded(stack).of_type(SERVICE).values()}
    return sum(
        service.replicas * made[service.name]["taskSpec"]["resources"]["limits"]["memoryBytes"]
        for service in from_file(root=ROOT, stack=stack).inventory().services
        if wanted(service.host, service.role)
    )


def memory(host: HostSpec) -> int:
    [size] = [size for role, size in MEMORY.items() if host.has(role)]
    return size - SYSTEM


@SIZED
def test_the_memory_that_a_host_promises_is_there(stack):
    for host in from_file(root=ROOT, stack=stack).settings.hosts:
        promised = limits(stack, lambda name, _, here=host.name: name == here)
        assert promised <= memory(host), f"{host.name}: the kernel would kill one of its tasks for another"


@SIZED
def test_web_hosts_carry_both_colors_together(stack):
    hosts = from_file(root=ROOT, stack=stack).hosts(Role.WEB)
    promised = limits(stack, lambda name, role: name is None and role is Role.WEB)
    assert promised <= sum(map(memory, hosts)), "a release has both colors on"
