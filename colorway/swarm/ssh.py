"""SSH to the hosts of a stack: one command for all who go there, and one connection that they share meanwhile."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit
from weakref import WeakSet

from colorway.errors import ColorwayError
from colorway.spec.hosts import HostSpec

_CONNECT_TIMEOUT = 10
"""Seconds until SSH gives a host up."""
_DIAL = ("docker", "system", "dial-stdio")
_ENGINE = "/var/run/docker.sock"
"""Where an engine listens on its host, unless somebody has moved it; `_DIAL` finds it wherever it is."""
_PATIENCE = 2
"""Seconds for a connection to end by itself; it does as soon as nobody uses it."""
_POLL = 0.02


def ssh_to(host: HostSpec, *words: str, keep: bool = False, alone: bool = False) -> list[str]:
    """Return the command that runs a command on a host; every wait in it ends after some 15 seconds.

    Args:
        host: Whose host key the stack's file has.
        words: The command.
        keep: Whether others may share its connection while it runs, and `engine_socket` leads to the host.
        alone: Whether it makes a connection of its own, even where one is kept.

    Raises:
        ColorwayError: this machine has no `ssh`.
    """
    if shutil.which("ssh") is None:
        raise ColorwayError(f"{host.name}: is reached by SSH, and this machine has none; `apt install openssh-client`")
    options = (
        # Of an option that is given twice, ssh takes the first.
        *(["ControlPath=none"] if alone else []),
        *host.ssh_trust,
        f"ConnectTimeout={_CONNECT_TIMEOUT}",
        "ServerAliveInterval=5",
        "ServerAliveCountMax=3",
        # What a connection that was killed has left is no reason to have none; nor is a host that forwards nothing.
        *(
            ["ControlMaster=auto", "StreamLocalBindUnlink=yes", "ExitOnForwardFailure=no"]
            if keep
            else ["ControlMaster=no"]
        ),
    )
    told = [word for option in options for word in ("-o", option)]
    leads = ["-L", f"{engine_socket(host)}:{_ENGINE}"] if keep else []
    return ["ssh", *told, *leads, "-l", host.user, "-p", str(host.ssh_port), "--", str(host.address), *words]


_SHARING: WeakSet[Sharing] = WeakSet()


class Sharing(Protocol):
    """Keeps sessions in connections open for its next question."""

    def let_go(self) -> None:
        """End those that nobody uses at this moment."""


def shares(one: Sharing) -> None:
    """Have somebody let go when connections end that were kept: each would wait for its last session."""
    _SHARING.add(one)


COME_IN = 3.0
"""Seconds that hosts may take to let a command in; who is slower is asked over connections of its own."""


@contextmanager
def kept(*hosts: HostSpec, within: float = 0) -> Iterator[None]:
    """Keep one connection to each host that everybody's `ssh` shares meanwhile; a handshake takes 0.2 s of both sides.

    `engine_socket` leads through it. A host that does not answer is no error here: whoever needs it says so. A
    connection ends with this process, however that ends, and with the last session of others in it.

    Args:
        hosts: Those of other machines; this machine needs none.
        within: Seconds that they may take to be there before the block begins. Who asks at once has otherwise made a
            connection of its own by then.
    """
    remote = {host.name: host for host in hosts if not host.is_local}.values()
    if remote:
        # Where `ssh` keeps what is this user's; where it cannot be made, nothing is shared.
        with suppress(OSError):
            (Path.home() / ".ssh").mkdir(mode=0o700, exist_ok=True)
    held = [(host, _held(host)) for host in remote]
    end = time.monotonic() + within
    while time.monotonic() < end and any(one.poll() is None and not is_kept(host) for host, one in held):
        time.sleep(_POLL)
    try:
        yield
    finally:
        for _, one in held:
            if one.stdin is not None:
                one.stdin.close()
        for sharing in list(_SHARING):
            sharing.let_go()
        end = time.monotonic() + _PATIENCE
        for _, one in held:
            try:
                one.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                # Somebody else's session is in it; with that it ends.
                one.returncode = 0
        for host in remote:
            if not is_kept(host):
                # `ssh` leaves it. Who has just made another one asks through `_DIAL`.
                engine_socket(host).unlink(missing_ok=True)


def _held(host: HostSpec) -> subprocess.Popen[bytes]:
    # `cat` ends when this process is gone, and with it the connection. A session of its own: see transport.
    return subprocess.Popen(
        ssh_to(host, "cat", keep=True),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def is_kept(host: HostSpec) -> bool:
    """Return whether somebody keeps a connection to a host."""
    return Path(host.ssh_socket).expanduser().exists()


def engine_socket(host: HostSpec) -> Path:
    """Return where a host's Docker API is while a connection is kept, for this user alone.

    A connection of it costs the host nothing; one of `docker_command` starts a shell and a program, 0.1 s of a
    processor. Nobody answers there where the host's `sshd` forwards nothing, or its engine listens elsewhere.
    """
    return Path(f"{host.ssh_socket}-docker").expanduser()


def docker_command(host: HostSpec) -> list[str]:
    """Return the command whose input and output are a host's Docker API."""
    return ssh_to(host, *_DIAL)


def docker_command_of(url: str) -> list[str]:
    """Return the same for an address that the user gave to `docker`: whom to trust is the user's own configuration."""
    parts = urlsplit(url)
    user = ["-l", parts.username] if parts.username else []
    port = ["-p", str(parts.port)] if parts.port else []
    return ["ssh", "-o", f"ConnectTimeout={_CONNECT_TIMEOUT}", *user, *port, "--", parts.hostname or "", *_DIAL]
