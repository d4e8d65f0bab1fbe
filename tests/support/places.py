"""Where a stack under test lives: a name, ports and addresses of its own, so that several can be up side by side."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from colorway.spec import names
from tests.support.load import Target

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""Which of pytest's workers this process is: what has fixed names, ports or addresses has some for each of them."""
LOCKS = Path(tempfile.gettempdir())
"""Where a process says which place it has."""
PLACES = 8
"""Stacks under test that one machine has room for."""
FIRST_PORT = 18080
"""Below the ports that the kernel gives to outgoing connections."""
PORTS_EACH = 10
FIRST_RANGE = 210
"""Second number of the addresses: above those that Docker hands out by itself, apart from every example's 10.90."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """What two stacks on one swarm must not share."""

    name: str
    """The stack's name; every physical name begins with it."""
    http_port: int
    https_port: int
    monitoring_port: int
    network: str
    """Range of its networks' addresses."""

    @property
    def file(self) -> str:
        """The stack's file in a checkout."""
        return f"Pulumi.{self.name}.yaml"

    @property
    def target(self) -> Target:
        """The platform's entry, for the load."""
        return Target(
            server_name="localhost.localdomain", port=self.https_port, cookie_name=names.color_cookie(self.name)
        )

    def stack_file(self, local: str, *, overrides: str = "") -> str:
        """Return this stack's file, made from the text of `Pulumi.local.yaml`.

        Args:
            local: The example's text.
            overrides: Further overrides of the platform file, in YAML's flow style.

        Raises:
            AssertionError: the example says itself what differs here.
        """
        for key in ("colorway:overrides:", "colorway:network:"):
            assert key not in local, f"Pulumi.local.yaml has {key} now: let a stack under test change it, not add it"
        ports = (
            f"edge: {{http-port: {self.http_port}, https-port: {self.https_port}}}, "
            f"monitoring: {{port: {self.monitoring_port}}}"
        )
        return (
            f"{local.rstrip()}\n"
            f"  colorway:network: {{range: {self.network}}}\n"
            f"  colorway:overrides: {{{', '.join(filter(None, (ports, overrides)))}}}\n"
        )


LOCAL = Place(name="local", http_port=8080, https_port=8443, monitoring_port=9090, network="10.90.0.0/16")
"""The example stack as the repository has it."""


def place(number: int) -> Place:
    """Return one of the places for stacks under test."""
    port = FIRST_PORT + PORTS_EACH * number
    return Place(
        name=f"test{number}",
        http_port=port,
        https_port=port + 1,
        monitoring_port=port + 2,
        network=f"10.{FIRST_RANGE + number}.0.0/16",
    )


@contextmanager
def free_place(folder: Path = LOCKS) -> Iterator[Place]:
    """Take a place that no living process has; the lock ends with its process.

    Raises:
        AssertionError: all are taken.
    """
    with ExitStack() as taken:
        found = next(every_free_place(taken, folder), None)
        assert found is not None, f"all {PLACES} places for stacks under test are taken by runs that still live"
        yield found


def every_free_place(taken: ExitStack, folder: Path = LOCKS) -> Iterator[Place]:
    """Take one place after the other that no living process has; `taken` gives them back."""
    for number in range(PLACES):
        handle = taken.enter_context((folder / f"colorway-test-place-{number}.lock").open("a"))
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield place(number)
