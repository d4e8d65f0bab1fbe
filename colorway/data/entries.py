"""What stands before the members of a data store: pools that let clients wait, and the way to the leader."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from colorway.data.members import MembersError
from colorway.spec import names
from colorway.spec.hosts import HostSpec, Role
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.connections import DockerError
from colorway.swarm.inside import Ran

AskEach = Callable[[HostSpec, str, Sequence[str]], Sequence[Ran]]
"""Runs a command in each container that a service has on a host."""
LONGEST_PAUSE = 40
"""Seconds after which a pool goes on by itself, whatever became of who made it wait; its clients would wait 60."""
_FORGET = "[ ! -e /tmp/pause ] || kill $(cat /tmp/pause) 2>/dev/null || :; rm -f /tmp/pause"
"""Ends what would let an earlier pause go on by itself, in the middle of the next one."""
# The terminal's end must not end what outlives it.
_PAUSE = (
    f"{_FORGET}; kill -USR1 1; trap '' HUP; (sleep {LONGEST_PAUSE}; kill -USR2 1) >/dev/null 2>&1 & echo $! >/tmp/pause"
)
_RESUME = f"{_FORGET}; kill -USR2 1"
"""PgBouncer takes these signals for PAUSE and RESUME."""
LONGEST_SHUT = 180
"""Seconds after which the direct way is open again by itself: longer than members take to stop."""
_LIVE = "exec 3<>/dev/tcp/127.0.0.1/8404 && printf 'GET /stats;csv HTTP/1.0\\r\\n\\r\\n' >&3 && timeout 5 cat <&3"
_TELL = "exec 3<>/dev/tcp/127.0.0.1/8405 && printf '%s\\n' \"$1\" >&3 && timeout 5 cat <&3"
_FORGET_SHUT = "[ ! -e /tmp/shut ] || kill $(cat /tmp/shut) 2>/dev/null || :; rm -f /tmp/shut"
_SHUT = (
    f"{_FORGET_SHUT}; {_TELL}; trap '' HUP; "
    f'(sleep {LONGEST_SHUT}; set -- "$2"; {_TELL}) >/dev/null 2>&1 & echo $! >/tmp/shut'
)


@dataclass(frozen=True, kw_only=True)
class Entries:
    """The programs before a store's members."""

    spec: PlatformSpec
    store: str
    ask: AskEach

    def pause(self) -> int:
        """Let the pools' clients wait once what they have begun has ended; return how many pools do.

        Raises:
            MembersError: none could be told.
        """
        told = self._everywhere(self.store, ("sh", "-c", _PAUSE))
        if not told:
            raise MembersError(f"{self.store}: no pool could be told to wait; nothing was changed")
        return len(told)

    def resume(self) -> None:
        """Let them go on."""
        self._everywhere(self.store, ("sh", "-c", _RESUME))

    def shut(self) -> int:
        """Let nobody write by the direct way, by which pools ask, too, and cut off who does; return how many are shut.

        It opens by itself after `LONGEST_SHUT`, whatever became of who shut it.
        """
        words = "; ".join(f"{self._state('maint', one)}; shutdown sessions server write/{one}" for one in self._hosts)
        command = ("bash", "-c", _SHUT, "shut", words, self._opened)
        return len(self._everywhere(names.direct(self.store), command))

    def open(self) -> None:
        """Let them write again."""
        self._everywhere(names.direct(self.store), ("bash", "-c", f"{_FORGET_SHUT}; {_TELL}", "open", self._opened))

    @property
    def _hosts(self) -> list[str]:
        return [one.host.name for one in self.spec.members(self.store)]

    @property
    def _opened(self) -> str:
        return "; ".join(self._state("ready", one) for one in self._hosts)

    @staticmethod
    def _state(state: str, host: str) -> str:
        return f"set server write/{host} state {state}"

    def lead_to(self) -> set[str]:
        """Return the hosts whose members any of the ways leads to: one, unless the lead is just moving."""
        found: set[str] = set()
        for ran in self._everywhere(names.direct(self.store), ("bash", "-c", _LIVE)):
            found |= live_servers(ran.said)
        return found

    def move_to(self, host: str) -> int:
        """Have each way lead to the member on a host and to no other; return how many do.

        That is what a promotion says until the stack's file says it: a way that begins anew asks that.
        """
        others = [one.host.name for one in self.spec.members(self.store) if one.host.name != host]
        words = [
            *(self._state("maint", one) + f"; shutdown sessions server write/{one}" for one in others),
            self._state("ready", host),
        ]
        return len(self._everywhere(self.store, ("bash", "-c", _TELL, "tell", "; ".join(words))))

    def _everywhere(self, logical: str, command: Sequence[str]) -> list[Ran]:
        service, ran = names.service(self.spec.stack, logical), []
        for host in self.spec.hosts(Role.WEB):
            try:
                ran += [one for one in self.ask(host, service, command) if one.code == 0]
            except DockerError:
                # Whoever does not answer serves nobody that could be told of.
                continue
        return ran


def live_servers(text: str, *, backend: str = "write") -> set[str]:
    """Return the servers that HAProxy leads to, given its statistics as CSV, after the head of an HTTP answer."""
    lines = text[text.find("# pxname") :].splitlines()
    rows = csv.DictReader(line.removeprefix("# ") for line in lines)
    return {
        row["svname"]
        for row in rows
        if row.get("pxname") == backend
        and row["svname"] not in {"FRONTEND", "BACKEND"}
        and (row.get("status") or "").startswith("UP")
    }
