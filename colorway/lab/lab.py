"""The lab of a stack: all its hosts on this machine, from nothing and back to nothing."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network
from pathlib import Path
from tempfile import TemporaryDirectory

from colorway.config.stack_files import stack_file
from colorway.errors import ColorwayError
from colorway.lab.groups import can_limit
from colorway.lab.host import LabHost, public_host_key
from colorway.lab.layers import Layers, bring
from colorway.lab.namespaces import run
from colorway.lab.switch import Switch
from colorway.lab.tree import Tree
from colorway.machine.daemon import cache_directory, install_packages, this_host
from colorway.machine.progress import Progress
from colorway.render.templates import host_script
from colorway.spec.hosts import HostSpec
from colorway.spec.names import registry_host
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stack import Environment

PREFIX = 24
"""Length of the lab's network; the first of its addresses is this machine's."""
TOOLS = {
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "mkfs.ext4": "e2fsprogs",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "ssh-agent": "openssh-client",
    "ssh-add": "openssh-client",
    "openssl": "openssl",
}
"""Programs of this machine that a lab uses, and Debian's package of each."""

_CABLE = "cat /sys/class/net/eth0/operstate"
_ANSWERS = """
for scheme in https http; do
  # Whose certificate it is, and who may come in, is Docker's matter.
  if curl --silent --insecure --output /dev/null --max-time 5 "$scheme://$1/v2/"; then echo yes; exit; fi
done
"""
"""Says yes where a registry answers."""
_HUB = "docker.io"
_SERVERS = {_HUB: "registry-1.docker.io"}
"""Who answers for a registry that is called otherwise."""


@dataclass(frozen=True, kw_only=True)
class Lab:
    """The hosts of one stack."""

    spec: PlatformSpec
    root: Path
    """The project's folder."""

    @cached_property
    def folder(self) -> Path:
        """Where disks, processes and the key are."""
        return cache_directory() / "lab" / self.spec.stack

    @cached_property
    def network(self) -> IPv4Network:
        """The network of the hosts."""
        first = self.spec.settings.hosts[0].address
        return IPv4Network(f"{first}/{PREFIX}", strict=False)

    @cached_property
    def switch(self) -> Switch:
        """What connects them."""
        return Switch(stack=self.spec.stack, folder=self.folder / "switch", network=self.network)

    def use_agent(self) -> None:
        """Let all that this process starts use the lab's SSH agent, if there is one: only it has the key."""
        if self.switch.agent.exists():
            os.environ["SSH_AUTH_SOCK"] = str(self.switch.agent)

    @cached_property
    def hosts(self) -> tuple[LabHost, ...]:
        """All of them, in the order of the stack's file."""
        return tuple(self._host(host) for host in self.spec.settings.hosts)

    def _host(self, host: HostSpec) -> LabHost:
        folder = self.folder / "hosts" / host.name
        return LabHost(
            spec=host, stack=self.spec.stack, folder=folder, tree=self.tree.folder, layers=self.layers.folder
        )

    def _there(self) -> Iterator[LabHost]:
        """Return the hosts that were ever started, also those that have left the file since."""
        known = {host.spec.name: host for host in self.hosts}
        folder, any_host = self.folder / "hosts", self.spec.settings.hosts[0]
        for name in sorted(one.name for one in folder.iterdir()) if folder.exists() else ():
            yield known.get(name) or self._host(any_host.model_copy(update={"name": name}))

    @cached_property
    def tree(self) -> Tree:
        """What every host begins with."""
        return Tree(root=self.root)

    @cached_property
    def layers(self) -> Layers:
        """What the hosts of all labs read of images."""
        return Layers(folder=cache_directory() / "lab-layers")

    def up(self, *, progress: Progress, images: Callable[[], Mapping[str, Collection[str]]] = dict) -> list[str]:
        """Start what does not run yet; return the names of what was started.

        Args:
            progress: Told each host.
            images: Returns references of this machine's engine that hosts begin with, by host, as far as that is
                possible; called once nothing is refused any more.

        Raises:
            ColorwayError: refused, and nothing was started; or something does not start.
        """
        self.refuse()
        with self._alone():
            missing = _missing()
            if missing:
                progress(f"Installing {', '.join(missing)}")
                packages = sorted({TOOLS[tool] for tool in missing})
                install_packages(*packages, what="The lab's tools", cure=f"install {', '.join(packages)} by hand")
            self._refuse_other_keys()
            self.tree.make(progress)
            key = self._key()
            if self.switch.namespaces.pid is None:
                # Hosts without a switch have loose cables.
                for host in self.hosts:
                    host.stop()
                self.switch.start()
            self._give_key_to_agent()
            if not any(self.folder.parent.glob("*/hosts/*/disk")):
                self.layers.forget()
            ended = [host for host in self.hosts if host.namespaces.pid is None]
            wanted = images() if any(not host.disk.exists() for host in ended) else {}
            for host in ended:
                progress(f"Starting {host.spec.name}")
                with TemporaryDirectory(dir=self.folder) as content:
                    if not host.disk.exists():
                        self.layers.lay(wanted.get(host.spec.name, ()), Path(content) / "docker")
                    host.start(self.switch, network=self.network, key=key, content=Path(content))
        return [host.spec.name for host in ended]

    def restart(self, host: HostSpec) -> None:
        """Cut a host's power and start it again, its Docker engine, too, as on a machine that starts it by itself.

        Raises:
            ColorwayError: it does not start.
        """
        with self._alone():
            found = self.host(host.name)
            found.stop()
            found.start(self.switch, network=self.network, key=self._key())
        found.run(host_script("docker-engine"))

    def renew(self, host: HostSpec) -> None:
        """Put another machine in a host's place: bare, with an empty disk, under the same name, address and key.

        Raises:
            ColorwayError: it does not start.
        """
        with self._alone():
            found = self.host(host.name)
            found.stop()
            found.disk.unlink(missing_ok=True)
            found.start(self.switch, network=self.network, key=self._key())

    def down(self) -> list[str]:
        """End all hosts and throw their disks away, as who rents them does; return the names of those that were there.

        Raises:
            ColorwayError: something does not end.
        """
        if not self.folder.exists():
            return []
        with self._alone():
            there = {host.spec.name: host for host in self._there()}
            for host in there.values():
                host.stop()
            self.switch.stop()
            shutil.rmtree(self.folder)
        ours = [host.spec.name for host in self.hosts]
        return sorted(there, key=lambda name: ours.index(name) if name in ours else len(ours))

    def missing(self, wanted: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
        """Return which images hosts do not have yet, by host; those that have all are left out.

        Args:
            wanted: References, by host.

        Raises:
            ColorwayError: an engine does not answer.
        """

        def ask(host: LabHost) -> list[str]:
            there = host.namespaces.run("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}").splitlines()
            return sorted(set(wanted[host.spec.name]) - set(there))

        asked = [host for host in self.hosts if wanted.get(host.spec.name)]
        if not asked:
            return {}
        with ThreadPoolExecutor(max_workers=len(asked)) as beside:
            found = zip((host.spec.name for host in asked), beside.map(ask, asked), strict=True)
            return {name: images for name, images in found if images}

    def bring(self, missing: Mapping[str, Collection[str]], *, progress: Progress) -> None:
        """Send images of this machine's engine to hosts.

        Args:
            missing: References, by host; see `missing`.
            progress: Told each host.

        Raises:
            ColorwayError: an image or an engine is missing.
        """
        for name, images in missing.items():
            progress(f"Bringing {', '.join(images)} to {name}")
            bring(images, self.host(name))

    def refuse_unreached(self, images: Collection[str]) -> None:
        """Refuse images that hosts would have to pull, and from where they do not get to; nothing was changed.

        Args:
            images: References with a registry.

        Raises:
            ColorwayError: names the registries, what is wanted of them, and the ways out.
        """
        running = [host for host in self.hosts if host.namespaces.pid is not None and not host.group.stands_still]
        # Of one that is cut off nothing can be told about the others.
        asked = next((host for host in running if host.run(_CABLE).strip() == "up"), None)
        if asked is None:
            return
        registries = {image: registry_host(image) or _HUB for image in sorted(images)}
        silent = [one for one in sorted({*registries.values()}) if not asked.run(_ANSWERS, _SERVERS.get(one, one))]
        if silent:
            wanted = [image.partition("@")[0] for image, registry in registries.items() if registry in silent]
            raise ColorwayError(
                f"{stack_file(self.spec.stack)}: the lab's hosts get no answer from {', '.join(silent)}, where "
                f"{', '.join(wanted)} would come from, and nothing was changed; give them a way there through this "
                f"machine ({self.switch.machine}), or rehearse with a platform that has images: local, "
                "which are built here and brought to them"
            )

    def status(self) -> dict[str, bool]:
        """Return which hosts run, by name."""
        return {host.spec.name: host.namespaces.pid is not None for host in self.hosts}

    def host(self, name: str) -> LabHost:
        """Return a host by its name.

        Raises:
            ColorwayError: there is none of that name.
        """
        for host in self.hosts:
            if host.spec.name == name:
                return host
        known = ", ".join(host.spec.name for host in self.hosts)
        raise ColorwayError(f"{self.spec.stack}: the lab has no host {name}; it has {known}")

    def enter(self, name: str, command: Sequence[str]) -> int:
        """Run a command as root on a host, with this terminal; return how it ended.

        Raises:
            ColorwayError: the host does not run, stands still, or there is none of that name.
        """
        return subprocess.run(self.entering(name, command), check=False).returncode

    def entering(self, name: str, command: Sequence[str]) -> list[str]:
        """Return the command line that runs a command as root on a host.

        Raises:
            ColorwayError: the host does not run, stands still, or there is none of that name.
        """
        # Not by SSH: it must also work where the host's network or SSH server is what is looked at.
        return self.host(name).entering(["/usr/bin/env", "--chdir=/root", "HOME=/root", *command])

    def refuse(self) -> None:
        """Refuse what has no lab, before anything is made.

        Raises:
            ColorwayError: names what is wrong, and what would be right.
        """
        spec = self.spec
        file = stack_file(spec.stack)
        if spec.settings.environment is not Environment.LAB:
            raise ColorwayError(
                f"{file}: colorway:environment is {spec.settings.environment.value}, and only a stack of the "
                "environment lab has its hosts on this machine"
            )
        outside = [host.name for host in spec.settings.hosts if host.is_local or host.address not in self.network]
        if outside:
            raise ColorwayError(
                f"{file}: the hosts of a lab have addresses of one network, here {self.network}; "
                f"of {', '.join(outside)} that is not so"
            )
        if os.geteuid() != 0:
            raise ColorwayError(f"{spec.stack}: only root can make the lab's hosts; run this as root")
        missing = _missing()
        if missing and not this_host().is_debian:
            raise ColorwayError(f"{spec.stack}: the lab needs {', '.join(missing)}; install them, and run this again")
        if not can_limit("memory"):
            raise ColorwayError(
                f"{spec.stack}: the lab's hosts are control groups, and this machine has none that limit memory; "
                "boot it with cgroup_enable=memory, or mount them below /sys/fs/cgroup"
            )

    def _refuse_other_keys(self) -> None:
        file = stack_file(self.spec.stack)
        for host in self.spec.settings.hosts:
            known, published = (host.host_key or "").split()[:2], public_host_key(host.name)
            if known != published.split():
                raise ColorwayError(
                    f"{file}: the host-key of {host.name} is not the one that a lab's host of this name has; "
                    f"write host-key: {published}"
                )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lab's lock.

        Raises:
            ColorwayError: another process is at it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ColorwayError(
                    f"{self.spec.stack}: another `colorway lab` is at work on this lab; wait until it ends"
                ) from None
            yield

    def _key(self) -> str:
        """Return the public key of whoever works on the hosts; made the first time."""
        key, what = self.folder / "key", f"{self.spec.stack}: the lab's SSH key"
        if not key.exists():
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "colorway lab", "-f", str(key)], what=what)
        return key.with_suffix(".pub").read_text(encoding="ascii").strip()

    def _give_key_to_agent(self) -> None:
        added = subprocess.run(
            ["ssh-add", "-q", str(self.folder / "key")],
            env={**os.environ, "SSH_AUTH_SOCK": str(self.switch.agent)},
            capture_output=True,
            check=False,
            text=True,
        )
        if added.returncode:
            raise ColorwayError(f"{self.spec.stack}: the lab's SSH agent does not take the key: {added.stderr.strip()}")


def _missing() -> list[str]:
    return [tool for tool in TOOLS if shutil.which(tool) is None]
