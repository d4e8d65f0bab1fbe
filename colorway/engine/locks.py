"""The engine's own lock on a stack's state, as its error text describes it."""

from __future__ import annotations

import os
import re
import socket

_OWNER = re.compile(r"created by \S+?@(?P<host>\S+) \(pid (?P<pid>\d+)\)")


def dead_owner(message: str) -> int | None:
    """Return the process that held the lock, if it ran on this machine and is dead; None = hands off.

    Args:
        message: The engine's "the stack is currently locked by …" text.
    """
    owners = [(match["host"], int(match["pid"])) for match in _OWNER.finditer(message)]
    if not owners:
        return None
    here = socket.gethostname()
    if any(host != here or _is_alive(pid) for host, pid in owners):
        return None
    return owners[0][1]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
