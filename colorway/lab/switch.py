"""The lab's network: a bridge in a namespace of its own, with one cable to each host and one to this machine.

In the machine's own namespace Docker's rules would drop what goes between two ports of a bridge. Here are no rules, and
with the namespace all cables are gone.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from colorway.errors import ColorwayError
from colorway.lab.namespaces import Namespaces, run

MTU = 1500
"""Bytes of the longest packet that a cable takes."""
_BRIDGE = "lab"


@dataclass(frozen=True, kw_only=True)
class Switch:
    """Where the cables of a stack's hosts end."""

    stack: str
    folder: Path
    network: IPv4Network

    @cached_property
    def namespaces(self) -> Namespaces:
        """What it runs in."""
        return Namespaces(what=f"{self.stack}: the lab's network", folder=self.folder)

    @property
    def machine(self) -> IPv4Address:
        """This machine's address in the network: the first."""
        return self.network[1]

    @property
    def agent(self) -> Path:
        """The socket of the lab's SSH agent, which is the process that keeps the namespace alive."""
        return self.folder / "agent"

    @property
    def cable(self) -> str:
        """This machine's end of its own cable; a name of an interface has 15 characters."""
        return f"cwlab-{hashlib.sha256(self.stack.encode()).hexdigest()[:8]}"

    def start(self) -> None:
        """Start it, and plug this machine in.

        Raises:
            ColorwayError: another network of this machine has its addresses, or it does not start.
        """
        self._refuse_taken()
        self.folder.mkdir(parents=True, exist_ok=True)
        # Left by one that was killed: the new one would take it for one that lives.
        self.agent.unlink(missing_ok=True)
        program = ["/bin/sh", "-euc", 'echo ready; exec ssh-agent -D -a "$0" >/dev/null', str(self.agent)]
        pid = self.namespaces.start(program, kinds=["--net"])
        inside = self.namespaces.run
        inside("ip", "link", "add", _BRIDGE, "type", "bridge")
        inside("ip", "link", "set", _BRIDGE, "up")
        what = self.namespaces.what
        run(["ip", "link", "add", self.cable, "type", "veth", "peer", "name", "machine", "netns", str(pid)], what=what)
        inside("ip", "link", "set", "machine", "master", _BRIDGE, "up")
        run(["ip", "address", "add", f"{self.machine}/{self.network.prefixlen}", "dev", self.cable], what=what)
        run(["ip", "link", "set", self.cable, "up"], what=what)

    def connect(self, pid: int, name: str) -> None:
        """Plug a host in; its end is called `eth0`."""
        holder, what = self.namespaces.pid, self.namespaces.what
        cable = self.port(name)
        # The kernel takes a cable away some time after the host at its end is gone.
        with suppress(ColorwayError):
            self.namespaces.run("ip", "link", "delete", cable)
        peer = ("peer", "name", "eth0", "address", self._hardware_address(name), "netns", str(pid))
        run(["ip", "link", "add", cable, "netns", str(holder), "type", "veth", *peer], what=what)
        self.namespaces.run("ip", "link", "set", cable, "master", _BRIDGE, "up")

    def port(self, name: str) -> str:
        """Return this end of a host's cable."""
        return f"host-{hashlib.sha256(name.encode()).hexdigest()[:8]}"

    def _hardware_address(self, name: str) -> str:
        """Return the address that a host's card always has: for who has just talked to it, another one is no answer."""
        digits = hashlib.sha256(f"{self.stack}/{name}".encode()).hexdigest()
        # Of those that everybody may give away.
        return ":".join(["02", *(digits[at : at + 2] for at in range(0, 10, 2))])

    def stop(self) -> None:
        """Take it away, with all cables."""
        self.namespaces.end()
        # The kernel takes this machine's away, too, but some time later.
        with suppress(ColorwayError):
            run(["ip", "link", "delete", self.cable], what=self.namespaces.what)

    def _refuse_taken(self) -> None:
        for line in run(["ip", "-4", "-o", "address"], what=self.namespaces.what).splitlines():
            _, device, _, address = line.split()[:4]
            if IPv4Network(address, strict=False).overlaps(self.network):
                raise ColorwayError(
                    f"{self.stack}: the lab's network {self.network} overlaps {address} of this machine's {device}; "
                    "give the hosts of the stack's file other addresses"
                )
