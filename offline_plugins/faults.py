"""Deletes of services that fail as the official docker plugin's do; tests of the engine's recovery ask for them."""

from __future__ import annotations

import enum
import os
import threading
from collections.abc import Mapping
from typing import Final, Self

from offline_plugins.waiting import PluginError

VARIABLE: Final = "COLORWAY_OFFLINE_FAULTS"
"""Environment variable that makes the offline docker plugin fail deletes of services; for tests only.

A list such as `3=deadline,local-web-blue=gone`. Before the sign stands which delete: a number (the n-th service that
one run deletes, from 1 on, in the order in which the engine asks; every `up` or `down` of the engine counts anew), a
service's name in the swarm, or `*` for each. Behind it stands how it fails: see `DeleteFault`.
"""


class DeleteFault(enum.Enum):
    """How a delete fails, with the official plugin's words."""

    DEADLINE = "deadline"
    """The service is deleted, and the delete fails: "error on wait for container … context deadline exceeded"."""
    GONE = "gone"
    """Somebody else has just deleted the service, and the delete fails: "service … not found"."""


class DeleteFaults:
    """The faults of one run, counted over all its deletes, which may overlap."""

    def __init__(self, faults: Mapping[str, DeleteFault]) -> None:
        self._faults = faults
        self._deletes = 0
        self._lock = threading.Lock()

    @classmethod
    def of_environment(cls) -> Self:
        """Read the variable; without it nothing fails.

        Raises:
            PluginError: it is no such list.
        """
        known = {fault.value: fault for fault in DeleteFault}
        faults: dict[str, DeleteFault] = {}
        for entry in filter(None, os.environ.get(VARIABLE, "").split(",")):
            which, _, how = entry.strip().partition("=")
            if not which or how not in known:
                raise PluginError(
                    f"{VARIABLE}: `{entry.strip()}` is no fault; it must be a number, a service's name or *, then `=`, "
                    f"then {' or '.join(known)}"
                )
            faults[which] = known[how]
        return cls(faults)

    def of_next(self, service: str) -> DeleteFault | None:
        """Count one delete more and say how it is to fail; None = it is to go well."""
        with self._lock:
            self._deletes += 1
            number = str(self._deletes)
        return next((self._faults[which] for which in (number, service, "*") if which in self._faults), None)
