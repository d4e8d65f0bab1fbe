"""What can befall a lab's host, each with its undo; nothing of it is left once the lab is down."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from colorway.errors import ColorwayError
from colorway.lab.host import LabHost
from colorway.lab.switch import MTU, Switch


class Fault(StrEnum):
    """A kind of trouble."""

    CUT = "cut"
    """Its cable is pulled: nobody reaches it, and it reaches nobody."""
    PAUSE = "pause"
    """It stands still, as a virtual machine that is moved: connections stay, and nothing answers."""
    KILL_DOCKER = "kill-docker"
    """Its Docker engine is killed; its containers run on."""
    STOP_SSHD = "stop-sshd"
    """Its SSH server is gone, with all sessions."""
    FILL_DISK = "fill-disk"
    """Not a byte is free."""
    READ_ONLY = "read-only"
    """Nothing can be written below a path."""
    SLOW = "slow"
    """Its line carries 10 Mbit/s each way, and loses one packet of a hundred that it is sent."""
    MTU = "mtu"
    """Its line takes no packet that is longer than so many bytes, and says nothing to who sends one."""
    KILL_TASK = "kill-task"
    """A service's containers on this host are killed; Swarm starts others."""


_SLOW = "root tbf rate 10mbit burst 32kb latency 400ms"
_LOSS = "iptables -w {} INPUT -i eth0 -m statistic --mode random --probability 0.01 -j DROP"
_INSIDE = {
    Fault.KILL_DOCKER: (
        "pkill -KILL -x dockerd || :; pkill -KILL -x containerd || :",
        "service docker start >/dev/null",
    ),
    Fault.STOP_SSHD: (
        "pkill -KILL -x sshd || :; pkill -KILL -x sshd-session || :",
        "pgrep -x sshd >/dev/null || /usr/sbin/sshd -o HostKey=/etc/ssh/lab-host-key",
    ),
    Fault.FILL_DISK: (
        # Not written: the disk is a file of this machine, and would grow.
        "fallocate --length $(df --output=avail --block-size=1 /var/lib/docker | tail -n 1) /var/lib/docker/.full",
        "rm -f /var/lib/docker/.full",
    ),
    Fault.READ_ONLY: (
        'mountpoint -q "$1" || mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"',
        'umount "$1"',
    ),
    Fault.SLOW: (
        f"tc qdisc replace dev eth0 {_SLOW}\n{_LOSS.format('-C')} 2>/dev/null || {_LOSS.format('-I')}",
        f"tc qdisc delete dev eth0 root 2>/dev/null || :\n{_LOSS.format('-D')} 2>/dev/null || :",
    ),
    Fault.MTU: ('ip link set eth0 mtu "$1"', f"ip link set eth0 mtu {MTU}"),
    Fault.KILL_TASK: (
        'docker ps -q --filter "label=com.docker.swarm.service.name=$1" | xargs -r docker kill >/dev/null',
        "true",
    ),
}
_WANTS = {
    Fault.READ_ONLY: "the path",
    Fault.MTU: "the longest packet in bytes",
    Fault.KILL_TASK: "the service's name in the swarm",
}

_SAME_UNDO = frozenset({Fault.MTU})
"""Those whose undo need not be told what they are about."""
_PORT = (f'tc qdisc replace dev "$1" {_SLOW}', 'tc qdisc delete dev "$1" root 2>/dev/null || :')
_LEAST_MTU = 576
"""Bytes that everybody must take by RFC 791."""


@dataclass(frozen=True, kw_only=True)
class Faults:
    """The faults of one host."""

    host: LabHost
    switch: Switch

    def begin(self, fault: Fault, what: str = "") -> None:
        """Let a fault happen; twice is no more than once.

        Args:
            fault: Which.
            what: The path or the service that it is about.

        Raises:
            ColorwayError: `what` is missing, or the host does not run.
        """
        self._do(fault, what, undo=False)

    def end(self, fault: Fault, what: str = "") -> None:
        """Undo a fault; see `begin`."""
        self._do(fault, what, undo=True)

    def _do(self, fault: Fault, what: str, *, undo: bool) -> None:
        name = self.host.spec.name
        if fault in _WANTS and not what and not (undo and fault in _SAME_UNDO):
            raise ColorwayError(f"{fault} {name}: needs {_WANTS[fault]} behind it")
        if fault is Fault.MTU and what and not (what.isdecimal() and _LEAST_MTU <= int(what) <= MTU):
            raise ColorwayError(f"{fault} {name}: {what} is no length of packets; {_LEAST_MTU} to {MTU} bytes are")
        if fault is Fault.CUT:
            self.switch.namespaces.run("ip", "link", "set", self.switch.port(name), "up" if undo else "down")
        elif fault is Fault.SLOW:
            # What it is sent waits on the other end of its cable.
            self.switch.namespaces.run("/bin/sh", "-euc", _PORT[undo], "colorway", self.switch.port(name))
            self.host.run(_INSIDE[fault][undo])
        elif fault is Fault.PAUSE:
            self.host.group.stand_still(on=not undo)
        else:
            self.host.run(_INSIDE[fault][undo], what)
