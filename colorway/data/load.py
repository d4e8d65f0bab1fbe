"""A dump of a database, loaded into an empty one of a store: streamed, all or nothing where the server can do that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from colorway.data.mariadb.pair import pair
from colorway.data.members import Ask, MembersError, Part, cluster
from colorway.errors import ColorwayError
from colorway.render.templates import store_script
from colorway.spec import names
from colorway.spec.fields import memory_text
from colorway.spec.hosts import HostSpec
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores import MariadbSpec, PostgresqlSpec
from colorway.spec.stores.logins import owner
from colorway.swarm.inside import Ran

END = b"colorway-end\n"
"""After a dump; see `templates/stores/postgresql-load.sh`."""
SHOWN = 3
"""How many of the things in a database are named."""
_CUSTOM, _TAR, _GZIP, _ZSTD = b"PGDMP", b"toc.dat", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class LoadError(ColorwayError):
    """A dump that is not loaded; why, and what is there now."""


class Feed(Protocol):
    """Runs a command in the one container that a service has on a host, and gives it a file."""

    def __call__(self, host: HostSpec, service: str, command: Sequence[str], *, source: BinaryIO, end: bytes) -> Ran:
        """Return what became of it."""
        ...


def form_of(head: bytes, *, custom: bool) -> str:
    """Return how a dump is written, `sql` or `custom`, given its first bytes.

    Args:
        head: At least eight bytes, fewer where the dump is shorter.
        custom: Whether the store's server knows pg_dump's own format.

    Raises:
        LoadError: it is in no form that can be streamed.
    """
    if head.startswith((_GZIP, _ZSTD)):
        raise LoadError("is compressed; unpack it first")
    if head.startswith(_TAR):
        raise LoadError("is pg_dump's tar format; dump with -Fc, or as SQL")
    if not head.startswith(_CUSTOM):
        if not head.strip():
            raise LoadError("is empty")
        return "sql"
    if not custom:
        raise LoadError("is a dump of PostgreSQL, and the store is none")
    return "custom"


@dataclass(frozen=True, kw_only=True)
class Load:
    """Loads a dump into one store."""

    spec: PlatformSpec
    store: str
    ask: Ask
    feed: Feed
    hold: Callable[[str], AbstractContextManager[object]]
    """Holds the stack's lock, for a reason in words."""
    say: Callable[[str], None]

    def run(self, dump: Path, *, dry: bool = False) -> None:
        """Load it as the store's user, into the server that takes writes; `dry` says where and changes nothing.

        Raises:
            LoadError: it is no dump, or the database is not empty, and nothing was changed; or it fails half-way.
            DockerError: the server does not answer.
        """
        store = self.spec.platform.data_stores.get(self.store)
        if not isinstance(store, PostgresqlSpec | MariadbSpec):
            known = [name for name, one in self.spec.platform.data_stores.items() if _is_loaded(one)]
            raise LoadError(
                f"{self.store} is no database of {self.spec.stack}; those are: {', '.join(known) or 'none'}"
            )
        try:
            size = dump.stat().st_size
            with dump.open("rb") as file:
                form = form_of(file.read(8), custom=isinstance(store, PostgresqlSpec))
        except LoadError as error:
            raise LoadError(f"{dump}: {error}") from None
        except OSError as error:
            raise LoadError(f"{dump}: cannot be read: {error.strerror}") from None
        host, service = self._server(store)
        self._refuse_what_is_there(store, host, service)
        what = f"{self.store}: {dump} ({memory_text(size)}) goes into the database {store.database} on {host.name}"
        if dry:
            self.say(f"{what}, which is empty, as {store.user}")
            return
        with self.hold(f"load {dump.name} into {self.store}"), dump.open("rb") as file:
            self._refuse_what_is_there(store, host, service)
            ran = self.feed(host, service, self._command(store, form, size=size), source=file, end=END)
        if ran.code:
            raise LoadError(self._failed(store, ran))
        self.say(f"{self.store}: {dump} is in the database {store.database}, as {store.user}")

    def _failed(self, store: PostgresqlSpec | MariadbSpec, ran: Ran) -> str:
        said = [line for line in ran.said.strip().splitlines() if "ERROR" in line or "error:" in line]
        last = (said or ran.said.strip().splitlines() or [f"exit code {ran.code}"])[0]
        if isinstance(store, PostgresqlSpec):
            return f"{self.store}: the dump could not be loaded, and nothing of it is there: {last}"
        cure = "drop it and make it again, before the next try"
        return (
            f"{self.store}: the dump could not be loaded, and what came before is in {store.database}; {cure}: {last}"
        )

    def _server(self, store: PostgresqlSpec | MariadbSpec) -> tuple[HostSpec, str]:
        """Return the host and the service of the server that takes writes."""
        members = self.spec.members(self.store)
        leads = members[0].host.name
        if store.is_replicated and isinstance(store, PostgresqlSpec):
            found = cluster(self.spec, self.store, ask=self.ask).members()[0]
            if found.part is not Part.LEADER:
                raise MembersError(f"{self.store}: nobody leads; see `colorway data status {self.spec.stack}`")
            leads = found.host
        elif store.is_replicated:
            lead = pair(self.spec, self.store, ask=self.ask).lead()
            if len(lead) != 1:
                who = "both members take" if lead else "nobody takes"
                raise MembersError(f"{self.store}: {who} writes; see `colorway data status {self.spec.stack}`")
            leads = lead[0].host
        [member] = [one for one in members if one.host.name == leads]
        return member.host, names.service(self.spec.stack, member.name)

    def _refuse_what_is_there(self, store: PostgresqlSpec | MariadbSpec, host: HostSpec, service: str) -> None:
        *found, end = self.ask(host, service, self._command(store, "look", size=0)).split() or [""]
        if end != "looked":
            raise LoadError(f"{self.store}: what is in the database cannot be read: {end!r}; nothing was changed")
        if found:
            more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            raise LoadError(
                f"{self.store}: the database {store.database} is not empty, it has {', '.join(found[:SHOWN])}{more}; a "
                "dump goes into an empty one, so add a store, or drop by hand what nobody needs; nothing was changed"
            )

    def _command(self, store: PostgresqlSpec | MariadbSpec, what: str, *, size: int) -> tuple[str, ...]:
        port = self.spec.store_ports(self.store).main if store.is_replicated else store.port
        whose = owner(store.user) if isinstance(store, PostgresqlSpec) else store.user
        told = (what, store.database, whose, str(port), str(size))
        return ("/bin/sh", "-euc", store_script(f"{store.kind}-load"), "load", *told)


def _is_loaded(store: object) -> bool:
    return isinstance(store, PostgresqlSpec | MariadbSpec)
