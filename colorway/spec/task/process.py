"""The process of a task: who it is, what the kernel lets it do, which signal stops it, what it listens on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from colorway.spec.base import StrictSpec
from colorway.spec.fields import Port, Shape

CAPABILITIES = frozenset(
    {
        *("AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE", "CHOWN"),
        *("DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE"),
        *("LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST"),
        *("NET_RAW", "PERFMON", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN", "SYS_BOOT"),
        *("SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE"),
        *("SYS_TIME", "SYS_TTY_CONFIG", "WAKE_ALARM"),
    }
)
"""Linux's, capabilities(7), without CAP_."""
STOCK_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID")
"""What images that begin as root need of those that Docker gives every container by itself."""
NO_NETWORKS = frozenset({"host", "bridge", "none", "ingress", "docker_gwbridge"})
"""Docker's own networks, which no stack made."""


class StopSignal(StrEnum):
    """A signal that a program can finish its work on."""

    TERM = "SIGTERM"
    INT = "SIGINT"
    QUIT = "SIGQUIT"
    HUP = "SIGHUP"
    USR1 = "SIGUSR1"
    USR2 = "SIGUSR2"
    WINCH = "SIGWINCH"


def _check_capability(value: str) -> str:
    plain = value.removeprefix("CAP_")
    if plain not in CAPABILITIES:
        raise ValueError(
            "is no capability of Linux; write its name as in capabilities(7), for example NET_BIND_SERVICE"
        )
    if plain != value:
        raise ValueError("has the prefix CAP_; leave that out, for example NET_BIND_SERVICE")
    return value


def _text_of_number(value: Any) -> Any:  # noqa: ANN401 - whatever YAML made of it
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _check_network(value: str) -> str:
    if value in NO_NETWORKS:
        raise ValueError("is Docker's own and no stack's; name a network that another stack made")
    return value


Capability = Annotated[str, AfterValidator(_check_capability), WithJsonSchema({"enum": sorted(CAPABILITIES)})]
"""What the kernel lets a process do."""
TaskUser = Annotated[
    str,
    BeforeValidator(_text_of_number),
    Shape(
        r"[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?",
        "must be a user, or a user and a group with a colon between them, for example 1000:1000",
    ),
    WithJsonSchema({"type": ["string", "integer"]}),
]
"""User of the process, and its group."""
HostAlias = Annotated[
    str,
    Field(max_length=253),
    Shape(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", "must be a host name, for example mail.example.com"),
]
"""Name in a task's /etc/hosts."""
ForeignNetwork = Annotated[
    str,
    Field(max_length=63),
    Shape(
        r"[A-Za-z0-9][A-Za-z0-9_.-]*",
        "must be the name that `docker network ls` shows: letters, digits and . _ -, for example legacy_default",
    ),
    AfterValidator(_check_network),
]
"""Network that another stack made."""


class Protocol(StrEnum):
    """What a published port speaks."""

    TCP = "tcp"
    UDP = "udp"


class PublishMode(StrEnum):
    """Who listens on a published port."""

    HOST = "host"
    """The hosts that a task runs on, one task each; clients' addresses stay."""
    INGRESS = "ingress"
    """Every host of the swarm, which passes on to any task; clients' addresses are lost."""


class PublishedSpec(StrictSpec):
    """A port beside the load balancers."""

    port: Port
    """Port on the host."""
    target: Port
    """Port in the container."""
    protocol: Protocol = Protocol.TCP
    """What it speaks."""
    mode: PublishMode = PublishMode.HOST
    """Who listens: the host that a task runs on, or every host of the swarm."""


@dataclass(frozen=True, kw_only=True)
class PublishedPort:
    """A port that a service takes on its host."""

    port: int
    """Port on the host."""
    inside: int
    """Port in the container."""
    key: tuple[str, ...]
    """Key of the platform file that changes it."""
    protocol: Protocol = Protocol.TCP
    """What it speaks."""
    is_everywhere: bool = False
    """Whether every host of the swarm listens, and not only those that a task runs on."""
    is_public: bool = True
    """Whether it is for everybody; else for who has a private address."""
    is_walled: bool = False
    """Whether everybody is Cloudflare alone, and who has a private address."""

    @property
    def override(self) -> str:
        """What to write below `colorway:overrides` for another port: `{edge: {http-port: …}}`."""
        return "".join(f"{{{part}: " for part in self.key) + "…" + "}" * len(self.key)
