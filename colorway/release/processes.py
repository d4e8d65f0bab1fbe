"""Which process is meant: a number alone is given again."""

from __future__ import annotations

import socket
from pathlib import Path

from colorway.release.lock_record import Holder


def process_mark(pid: int) -> str:
    """Return what tells a process from all others: this boot, this PID namespace, and when it began in clock ticks.

    The last part is empty where there is no such process, and all of it where the machine has no /proc. Two runners
    that share a host name see different boots or namespaces, and neither takes the other for dead.
    """
    proc = Path("/proc")
    try:
        machine = f"{(proc / 'sys/kernel/random/boot_id').read_text().strip()}/{(proc / 'self/ns/pid').readlink()}"
    except OSError:
        return ""
    try:
        text = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return f"{machine}/"
    # The second field is the name in parentheses and may contain anything; the start is the 20th after it.
    fields = text.rpartition(")")[2].split()
    began = fields[19] if len(fields) > 19 and fields[0] != "Z" else ""  # noqa: PLR2004 - proc(5)
    return f"{machine}/{began}"


def is_dead(holder: Holder) -> bool:
    """Return whether a lock's process ran on this machine and does not any more; of others nothing is known."""
    machine, _, began = holder.process.rpartition("/")
    here, _, begins = process_mark(holder.pid).rpartition("/")
    return bool(began) and (holder.host, machine) == (socket.gethostname(), here) and began != begins
