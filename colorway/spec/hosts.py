"""The machines of a stack and what each is for."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Address

from pydantic import Field, model_validator

from colorway.spec.base import StrictSpec
from colorway.spec.fields import Label, Port


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


class HostSpec(StrictSpec):
    """One machine."""

    name: Label
    """Hostname as `docker node ls` shows it; `localhost` for the machine that colorway runs on."""
    address: IPv4Address
    """Address in the private network; 127.0.0.1 = this machine, no SSH."""
    roles: tuple[Role, ...] = Field(min_length=1)
    """What the host is for."""
    host_key: str | None = None
    """SSH host key in the form of known_hosts without the name, `ssh-ed25519 AAAA…`."""
    user: str = Field(default="root", pattern=r"^[a-z_][a-z0-9_-]*$")
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

    @model_validator(mode="after")
    def _host_key_is_given(self) -> HostSpec:
        if not self.is_local and self.host_key is None:
            raise ValueError(
                f"host {self.name} has no host-key, so anyone in between could pose as it; "
                "add the line that `ssh-keyscan -t ed25519 ADDRESS` prints, without the address"
            )
        if self.host_key is not None and not self.host_key.startswith(("ssh-ed25519 ", "ecdsa-sha2-", "ssh-rsa ")):
            raise ValueError("host-key is no SSH host key; write for example: ssh-ed25519 AAAA…")
        return self
