"""The machines of a stack and what each is for."""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from colorway.spec.base import Mistake, ShortSpec, StrictSpec, refuse
from colorway.spec.fields import Address, AddressV6, Label, Port, Shape
from colorway.spec.task.process import Protocol

HOST_KEY_CURE = "write what `ssh-keyscan -t ed25519 ADDRESS` prints, without the address: ssh-ed25519 AAAA…"
_HOST_KEY = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]{40,}={0,3}( [^\n]*)?")

UserName = Annotated[
    str, Shape(r"[a-z_][a-z0-9_-]{0,31}", "is no user name; use small letters, digits, _ and -, for example deploy")
]


class Role(StrEnum):
    """What a host is for; a host can have several roles."""

    MANAGER = "manager"
    """Swarm manager: commands to the swarm run here."""
    WEB = "web"
    """Runs colored services."""
    DATABASE = "database"
    """Keeps the data stores' volumes."""
    LOAD_BALANCER = "load-balancer"
    """Runs one nginx with the public ports."""
    MONITORING = "monitoring"
    """Runs Prometheus and its friends."""


def is_majority(left: int, *, of: int) -> bool:
    """Return whether some of a swarm's managers can change anything without the others."""
    return 2 * left > of


class Architecture(StrEnum):
    """What the hosts' processors are, in the words of image registries."""

    ARM64 = "arm64"
    AMD64 = "amd64"

    @property
    def machine(self) -> str:
        """What `uname -m` says on such a host."""
        return {Architecture.ARM64: "aarch64", Architecture.AMD64: "x86_64"}[self]


class OpenPort(ShortSpec):
    """A port of every host that is not the stack's, and stays open: `51820`, or with what it speaks."""

    short: ClassVar[str] = "port"

    port: Port
    """The port."""
    protocol: Protocol = Protocol.TCP
    """What it speaks."""


class BootstrapSettings(StrictSpec):
    """What `up` sets on the hosts beside Docker and the swarm; on this machine nothing, whatever it says."""

    firewall: bool = True
    """Whether only what the stack publishes, SSH, and the hosts among themselves come in."""
    open: tuple[OpenPort, ...] = ()
    """Ports that the firewall leaves open on every host for what else runs there."""
    ssh: bool = True
    """Whether SSH takes keys only, no passwords."""
    upgrades: bool = True
    """Whether the hosts install their distribution's security updates by themselves; Docker's never."""


class HostSpec(StrictSpec):
    """One machine."""

    name: Label
    """Hostname as `docker node ls` shows it; `localhost` for the machine that colorway runs on."""
    address: Address
    """Address in the private network; 127.0.0.1 = this machine, no SSH."""
    roles: tuple[Role, ...] = Field(min_length=1)
    """What the host is for."""
    public_address: Address | None = None
    """IPv4 address by which users, or Cloudflare, reach the host; for the records of its names."""
    public_ipv6: AddressV6 | None = None
    """IPv6 address by which they do."""
    host_key: str | None = None
    """SSH host key in the form of known_hosts without the name, `ssh-ed25519 AAAA…`."""
    user: UserName = "root"
    """SSH user; must be able to use Docker."""
    ssh_port: Port = 22
    """SSH port."""

    @property
    def is_local(self) -> bool:
        """Whether this is the machine that colorway runs on."""
        return self.address.is_loopback

    def has(self, role: Role) -> bool:
        """Return whether the host has a role."""
        return role in self.roles

    @property
    def ssh_trust(self) -> tuple[str, ...]:
        """Options of `ssh` (OpenSSH ≥ 8.5): trust the stack file's host key only, and share a connection that is kept.

        They name nothing of the machine that they are used on, since they are inputs of a provider, too. Where no
        connection is kept, or no more sessions fit into it, `ssh` makes one of its own.
        """
        return (
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            # %H is the name as ssh looks it up, another one where the port is not 22; a comment could hold a %.
            f"KnownHostsCommand=/bin/echo %H {self._pinned_key}",
            "UserKnownHostsFile=none",
            "GlobalKnownHostsFile=none",
            f"ControlPath={self.ssh_socket}",
        )

    @property
    def ssh_socket(self) -> str:
        """Where `ssh` finds a connection that is kept; `~` is the user's home."""
        # Of the key, too: a connection to a host that has another one by now is nobody's. Short, because a socket's
        # path may have some hundred bytes, of which ssh takes 17.
        words = "\0".join([self.user, str(self.address), str(self.ssh_port), self._pinned_key])
        return f"~/.ssh/colorway-{hashlib.sha256(words.encode()).hexdigest()[:16]}"

    @property
    def _pinned_key(self) -> str:
        return " ".join((self.host_key or "").split()[:2])

    @model_validator(mode="after")
    def _is_one_machine(self) -> HostSpec:
        found: list[Mistake] = []
        if not self.is_local and self.host_key is None:
            found.append(
                (
                    ("host-key",),
                    f"is missing, so anyone in between could pose as this host; {HOST_KEY_CURE}",
                )
            )
        if self.host_key is not None and not _HOST_KEY.fullmatch(self.host_key):
            found.append(
                (
                    ("host-key",),
                    f"is no SSH host key; {HOST_KEY_CURE}",
                )
            )
        found += [
            (("roles", str(index)), "is listed twice; leave one out")
            for index, role in enumerate(self.roles)
            if role in self.roles[:index]
        ]
        refuse(found)
        return self
