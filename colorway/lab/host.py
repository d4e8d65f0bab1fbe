"""One host of the lab: Debian as one rents it, with an SSH server, a disk of its own and nothing of Docker running."""

from __future__ import annotations

import base64
import hashlib
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network
from pathlib import Path

from colorway.errors import ColorwayError
from colorway.lab.groups import INIT, ControlGroup
from colorway.lab.namespaces import Namespaces, run
from colorway.lab.switch import Switch
from colorway.render.templates import TEMPLATES
from colorway.spec.hosts import HostSpec

DISK_SIZE = "8G"
"""Most that a host's files and Docker's may take together; only what is used is there."""
KINDS = ("--net", "--mount", "--uts", "--ipc", "--pid")
_PKCS8 = bytes.fromhex("302e020100300506032b657004220420")
"""What stands before the 32 bytes of an Ed25519 key (RFC 8410, section 7)."""


@dataclass(frozen=True, kw_only=True)
class LabHost:
    """A host of a stack, on this machine."""

    spec: HostSpec
    stack: str
    folder: Path
    """Its disk, and its process."""
    tree: Path
    """What its root is before it has changed anything."""
    layers: Path
    """What all hosts see of the layers of images; see `colorway.lab.layers`."""

    @cached_property
    def namespaces(self) -> Namespaces:
        """What it runs in."""
        return Namespaces(what=f"{self.stack}: the lab's host {self.spec.name}", folder=self.folder)

    @cached_property
    def group(self) -> ControlGroup:
        """What its processes and containers count as."""
        return ControlGroup(name=f"colorway-lab/{self.stack}/{self.spec.name}", what=self.namespaces.what)

    @property
    def disk(self) -> Path:
        """The file that its disk is; not there before it was ever started."""
        return self.folder / "disk"

    def start(self, switch: Switch, *, network: IPv4Network, key: str, content: Path | None = None) -> None:
        """Start it as it was left; the first time with an empty disk, or with what that is to have.

        Args:
            switch: What its cable is plugged into.
            network: The network of all hosts.
            key: The public key that may log in as root.
            content: What a disk is to have that is not there yet; its folder docker will be that of Docker.

        Raises:
            ColorwayError: it does not start.
        """
        place = self.folder / "mounted"
        place.mkdir(parents=True, exist_ok=True)
        self.layers.mkdir(parents=True, exist_ok=True)
        if not self.disk.exists():
            new = self.disk.with_suffix(".new")
            having = () if content is None else ("-d", str(content))
            run(["truncate", "--size", DISK_SIZE, str(new)], what=self.namespaces.what)
            run(["mkfs.ext4", "-q", "-O", "^has_journal", *having, str(new)], what=self.namespaces.what)
            new.rename(self.disk)
        # Of one that was killed: in version 2 nobody enters a group that has groups.
        self.group.remove()
        script = str(TEMPLATES / "lab" / "init.sh")
        folders = map(str, (self.tree, self.layers, self.disk, place))
        arguments = [self.spec.name, *folders, self.group.name, INIT]
        pid = self.namespaces.start(["/bin/sh", "-eu", script, "groups", *arguments], kinds=KINDS)
        switch.connect(pid, self.spec.name)
        inside = self.namespaces.run
        inside("ip", "link", "set", "lo", "up")
        inside("ip", "address", "add", f"{self.spec.address}/{network.prefixlen}", "dev", "eth0")
        inside("ip", "link", "set", "eth0", "up")
        inside("ip", "route", "add", "default", "via", str(switch.machine))
        self.run(_ACCESS, key, given=private_host_key(self.spec.name))

    def run(self, script: str, *arguments: str, given: str = "") -> str:
        """Run a script's text as root on it, past network and SSH, and return what it printed.

        Raises:
            ColorwayError: it failed, or the host does not run, or stands still.
        """
        command = self.entering(["/bin/sh", "-euc", script, "colorway", *arguments])
        return run(command, what=self.namespaces.what, given=given)

    def entering(self, command: Sequence[str]) -> list[str]:
        """Return the command line that runs a command as one of its own: it stands still with it, and ends with it.

        Raises:
            ColorwayError: the host does not run, or stands still.
        """
        entering = self.namespaces.entering(command)
        if self.group.stands_still:
            undo = f"colorway lab fault pause {self.spec.name} --undo --stack {self.stack}"
            raise ColorwayError(f"{self.namespaces.what} stands still; let it go on: {undo}")
        return ["/bin/sh", "-euc", _JOIN, "colorway", *map(str, self.group.members), "--", *entering]

    def stop(self) -> None:
        """Cut its power; the disk stays."""
        # What stands still does not even end.
        self.group.stand_still(on=False)
        self.namespaces.end()
        self.group.remove()


_JOIN = 'while [ "$1" != -- ]; do echo $$ >"$1"; shift; done; shift; exec "$@"'
"""Goes into groups, and then on. From outside: a namespace of groups lets nobody in who is in none of its own."""
_ACCESS = """
umask 077
mkdir -p ~root/.ssh
cat >/etc/ssh/lab-host-key
echo "$1" >~root/.ssh/authorized_keys
# On a rented host a unit of systemd does it.
[ ! -x /etc/colorway/firewall/load ] || /etc/colorway/firewall/load
/usr/sbin/sshd -o HostKey=/etc/ssh/lab-host-key
"""
"""Lets the key in that is the argument. The host key is in the way that OpenSSH reads since 9.6."""


def private_host_key(name: str) -> str:
    """Return the private SSH key of a lab's host, in PEM: everybody can know it, as the published passphrase.

    It is made from the name, so that a stack's file can hold the public one before there is any host.
    """
    seed = hashlib.sha256(f"colorway lab {name}".encode()).digest()
    text = base64.b64encode(_PKCS8 + seed).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"


def has_published_key(host: HostSpec) -> bool:
    """Return whether a stack's file names the key of a lab's host, whose private part everybody has."""
    return bool(host.host_key) and (host.host_key or "").split()[:2] == public_host_key(host.name).split()


def public_host_key(name: str) -> str:
    """Return the public key of a lab's host as the stack's file has it: `ssh-ed25519 AAAA…`.

    Raises:
        ColorwayError: OpenSSL cannot tell.
    """
    command = ["openssl", "pkey", "-pubout", "-outform", "DER"]
    made = subprocess.run(command, input=private_host_key(name).encode(), capture_output=True, check=False)
    if made.returncode:
        raise ColorwayError(f"openssl makes no public key: {made.stderr.decode(errors='replace').strip()}")
    kind = b"ssh-ed25519"
    parts = (kind, made.stdout[-32:])
    wire = b"".join(struct.pack(">I", len(part)) + part for part in parts)
    return f"{kind.decode()} {base64.b64encode(wire).decode()}"
