"""How the data stores of a stack are: one table that is understood at 3 a.m., what is wrong, and what helps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from colorway.data.lone import Lone, LoneTask, Tasks, lone_stores
from colorway.data.mariadb.pair import Pair, Server, pair
from colorway.data.members import Ask, Member, MembersError, Part, StoppedError, cluster
from colorway.data.proofs import doubt
from colorway.data.queue import Queue, QueueServer, queues
from colorway.errors import ColorwayError
from colorway.render.replication import CA_PATH, MEMBER_FILE
from colorway.spec import names
from colorway.spec.fields import memory_text
from colorway.spec.hosts import HostSpec, Role
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores.replication import Durability, etcd_ports
from colorway.spec.task.mounts import SECRETS_FOLDER
from colorway.swarm.connections import DockerError

FAR_BEHIND = 64 * 2**20
"""Bytes that a member may lack before somebody is told: some seconds of a busy database."""
Others = Mapping[int, Sequence[str]]
"""Hosts of generations by their numbers."""
ONLY = "only member"
_MEMBER = f"{SECRETS_FOLDER}{MEMBER_FILE}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One member of a store, one etcd, or who backs up a store with one member and who proves that."""

    store: str
    host: str
    part: str
    state: str
    behind: str = ""


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """Something that is wrong, and the one command or deed that helps."""

    what: str
    helps: str


@dataclass(frozen=True, kw_only=True)
class StoreStatus:
    """How the stores of a stack are."""

    rows: tuple[Row, ...]
    wrong: tuple[Wrong, ...]
    beside: tuple[str, ...] = ()
    """Generations of stores that are there beside the live ones, each in a sentence with what removes it."""
    notes: tuple[str, ...] = ()
    """What is well, and what may be left out of the files or removed from a volume."""


def status(
    spec: PlatformSpec,
    *,
    ask: Ask,
    tasks: Tasks,
    others: Callable[[str], Others] = lambda _: {},
    now: Callable[[], float] = time.time,
) -> StoreStatus:
    """Return how the stores are, and etcd; asked of several members themselves, and of the swarm where there is one.

    Args:
        spec: The stack.
        ask: Asks a member, or who proves backups.
        tasks: Returns the stack's tasks.
        others: Returns the hosts that have data of each generation of a store but the live one.
        now: Returns the seconds since 1970.

    Raises:
        ColorwayError: the stack has no store.
    """
    if not spec.platform.data_stores:
        raise ColorwayError(f"{spec.stack} has no data stores")
    rows: list[Row] = []
    wrong: list[Wrong] = []
    notes: list[str] = []
    running: dict[str, set[int]] = {}
    for name, store in spec.replicated_databases.items():
        found = cluster(spec, name, ask=ask)
        try:
            members = found.members()
        except MembersError as error:
            command = "up" if isinstance(error, StoppedError) else "status"
            wrong.append(Wrong(what=str(error), helps=f"colorway {command} {spec.stack}"))
            rows += [Row(store=name, host=host.name, part="?", state="does not answer") for host in found.hosts]
            continue
        rows += [_row(name, member) for member in members]
        if store.source is not None and members[0].part is Part.LEADER:
            notes.append(f"{name}: has its data; `from` says nothing any more, and may be left out")
        running[name] = {names.generation_number(one.scope, name) for one in members}
        missing = [host for host in found.hosts if host.name not in {one.host for one in members}]
        rows += [Row(store=name, host=host.name, part="", state="is not there") for host in missing]
        wrong += _of_another_generation(spec, name, running[name])
        wrong += problems(members, missing=missing, store=name, stack=spec.stack, durability=store.durability)
    for name in spec.primaries:
        found_pair = pair(spec, name, ask=ask)
        servers = {host.name: found_pair.server(host.name) for host in found_pair.hosts}
        rows += [_server_row(name, host, server) for host, server in servers.items()]
        running[name] = {one.generation for one in servers.values() if one is not None}
        wrong += _of_another_generation(spec, name, running[name])
        wrong += _of_pair(found_pair, servers)
        notes += [_kept_apart(spec, name, one) for one in servers.values() if one is not None and one.apart]
    for queue in queues(spec, ask=ask):
        of_queue = queue.servers()
        rows += _queue_rows(queue, of_queue)
        wrong += _of_queue(queue, of_queue)
    if spec.replicated_databases:
        etcd, silent = _etcd(spec, ask=ask)
        rows += etcd
        wrong += _majority(silent, what="etcd", of=len(etcd), stack=spec.stack)
    if len(spec.replicated_stores) < len(spec.platform.data_stores):
        lone, of_lone = _lone(spec, ask=ask, tasks=tasks, now=now())
        rows += lone
        wrong += of_lone
    beside = [
        line for name in spec.stores_of_generations for line in _beside(spec, name, others, running.get(name, set()))
    ]
    return StoreStatus(rows=tuple(rows), wrong=tuple(wrong), beside=tuple(beside), notes=tuple(notes))


def _of_another_generation(spec: PlatformSpec, store: str, running: set[int]) -> Iterator[Wrong]:
    """Yield which generation runs where the file says another one: `up` has not followed yet."""
    wanted = spec.kept(store).generation
    for number in sorted(running - {wanted}):
        what = f"{store}: generation {number} runs, and the stack's file says {wanted}"
        yield Wrong(what=what, helps=f"colorway up {spec.stack}")


def _beside(spec: PlatformSpec, store: str, others: Callable[[str], Others], running: set[int]) -> Iterator[str]:
    try:
        found = others(store)
    except DockerError:
        # The host is in the table already.
        return
    for number, hosts in found.items():
        if number in running:
            continue
        forget = f"colorway data forget {spec.stack} {store} --generation {number}"
        yield f"{store}: generation {number} is kept on {' and '.join(hosts)}; `{forget}` removes its data"


def problems(
    members: Iterable[Member], *, missing: Iterable[HostSpec], store: str, stack: str, durability: Durability
) -> Iterator[Wrong]:
    """Yield what is wrong with a store, the worst first.

    Args:
        members: Those that it knows.
        missing: Hosts that should have one of them, and have not.
        store: Its name.
        stack: The stack's name.
        durability: What a commit should wait for.
    """
    known = list(members)
    yield from _of_leader(known, store=store, stack=stack)
    for host in missing:
        what, helps = f"{store}: the member on {host.name} is not there", f"colorway up {stack}, once the host is back"
        yield Wrong(what=what, helps=helps)
    for one in known:
        helps = _logs(stack, store, one.host)
        if one.part is not Part.LEADER and not one.is_well:
            yield Wrong(what=f"{store}: {one.host} does not follow: {one.state}", helps=helps)
        elif (one.behind or 0) > FAR_BEHIND:
            yield Wrong(what=f"{store}: {one.host} is {memory_text(one.behind or 0)} behind", helps=helps)
    parts = {one.part for one in known}
    if Part.LEADER in parts and Part.SYNC_STANDBY not in parts and durability is not Durability.ASYNCHRONOUS:
        what = f"{store}: commits are on the leader alone, whose loss would take the newest"
        yield Wrong(what=what, helps=f"colorway up {stack}, once another member's host is back")
    if waiting := [one.host for one in known if one.wants_restart]:
        what = f"{store}: settings of {', '.join(waiting)} wait for a restart"
        yield Wrong(what=what, helps=f"colorway data restart {stack} {store}")


def _of_leader(members: Sequence[Member], *, store: str, stack: str) -> Iterator[Wrong]:
    leader = next((one for one in members if one.part is Part.LEADER), None)
    if leader is None:
        yield Wrong(what=f"{store}: nobody leads, so that nothing can be written", helps=f"colorway up {stack}")
    elif not leader.is_well:
        yield Wrong(what=f"{store}: {leader.host} leads, and is {leader.state}", helps=_logs(stack, store, leader.host))


def _row(store: str, member: Member) -> Row:
    behind = "" if member.behind is None else memory_text(member.behind) if member.behind else "nothing"
    return Row(store=store, host=member.host, part=member.part.value, state=member.state, behind=behind)


def _server_row(store: str, host: str, server: Server | None) -> Row:
    if server is None:
        return Row(store=store, host=host, part="", state="does not answer")
    if server.is_empty:
        return Row(store=store, host=host, part="replica", state="is copying, or waits for a primary")
    if server.takes_writes:
        return Row(store=store, host=host, part="primary", state="running")
    state = "following" if server.follows else "does not follow"
    return Row(store=store, host=host, part="replica", state=state, behind=_seconds(server.behind))


def _seconds(behind: int | None) -> str:
    return "" if behind is None else f"{behind} s" if behind else "nothing"


def _kept_apart(spec: PlatformSpec, store: str, server: Server) -> str:
    volume = names.generation_volume(spec.stack, store, server.host, server.generation)
    return (
        f"{store}: {server.host} keeps what it had before it began anew in {', '.join(server.apart)} on its volume "
        f"{volume}; remove that once nobody needs it"
    )


def _of_pair(found: Pair, servers: Mapping[str, Server | None]) -> Iterator[Wrong]:
    """Yield what is wrong with a MariaDB store, the worst first."""
    store, stack = found.store, found.spec.stack
    primary = found.spec.primaries[store]
    if not any(servers.values()) and found.is_stopped():
        yield Wrong(what=f"{store}: none of its members runs, so nobody can use it", helps=f"colorway up {stack}")
        return
    lead = [one.host for one in servers.values() if one is not None and one.takes_writes]
    promote = f"colorway data promote {stack} {store} --to {found.other(primary)}"
    if not lead:
        yield Wrong(what=f"{store}: nobody takes writes; its primary is on {primary}", helps=promote)
    elif primary not in lead:
        what = f"{store}: {lead[0]} takes writes, and the stack's file calls {primary} the primary"
        yield Wrong(what=what, helps=f"colorway data promote {stack} {store} --to {lead[0]}")
    elif len(lead) > 1:
        helps = f"colorway data promote {stack} {store} --to {primary}"
        yield Wrong(what=f"{store}: both members take writes", helps=helps)
    for host, one in servers.items():
        if one is None and host != primary:
            what = f"{store}: the member on {host} does not answer, so commits are on {primary} alone"
            yield Wrong(what=what, helps=f"colorway up {stack}, once the host is back")
        elif one is not None and one.has_diverged:
            what = (
                f"{store}: {host} has what the primary never had, or lacks what that has no more, and follows no more"
            )
            yield Wrong(what=what, helps=f"colorway data rejoin {stack} {store}")
        elif one is not None and not one.takes_writes and not one.follows and not one.is_empty:
            yield Wrong(what=f"{store}: {host} does not follow: {one.why_not}", helps=_logs(stack, store, host))


def _queue_rows(queue: Queue, servers: Mapping[str, QueueServer | None]) -> Iterator[Row]:
    """Yield a row for each member of a queue, and for each of its Sentinels."""
    newest = max((one.offset for one in servers.values() if one), default=0)
    for host, one in servers.items():
        if one is None:
            yield Row(store=queue.store, host=host, part="", state="does not answer")
        elif one.leads:
            yield Row(store=queue.store, host=host, part="leader", state="running")
        else:
            behind = memory_text(newest - one.offset) if newest > one.offset else "nothing"
            state = "following" if one.follows else "does not follow"
            yield Row(store=queue.store, host=host, part="replica", state=state, behind=behind)
    silent = queue.silent(servers)
    for host in servers:
        state = "does not answer" if host in silent else "running"
        yield Row(store=names.sentinel(queue.store), host=host, part="", state=state)


def _of_queue(queue: Queue, servers: Mapping[str, QueueServer | None]) -> Iterator[Wrong]:
    """Yield what is wrong with a queue, the worst first."""
    store, stack = queue.store, queue.spec.stack
    leaders = [one for one in servers.values() if one and one.leads]
    if not leaders:
        yield Wrong(what=f"{store}: nobody leads, so that nothing can be written", helps=f"colorway up {stack}")
    elif not any(one.has_followers for one in leaders):
        what = f"{store}: nobody follows the leader, which takes no writes alone"
        yield Wrong(what=what, helps=f"colorway up {stack}, once another member's host is back")
    for host, one in servers.items():
        if one is None:
            what = f"{store}: the member on {host} does not answer"
            yield Wrong(what=what, helps=f"colorway up {stack}, once the host is back")
        elif not one.leads and not one.follows:
            yield Wrong(what=f"{store}: {host} does not follow", helps=_logs(stack, store, host))
    silent = queue.silent(servers)
    yield from _majority(silent, what="the Sentinel", of=len(servers), stack=stack, store=store)


def _lone(spec: PlatformSpec, *, ask: Ask, tasks: Tasks, now: float) -> tuple[list[Row], list[Wrong]]:
    """Return the rows of the stores with one member, and what is wrong with them."""
    try:
        found = list(lone_stores(spec, ask=ask, tasks=tasks()))
    except DockerError as error:
        stores = [name for name in spec.platform.data_stores if name not in spec.replicated_stores]
        rows = [
            Row(store=name, host=spec.members(name)[0].host.name, part=ONLY, state="nobody knows") for name in stores
        ]
        return rows, [Wrong(what=str(error), helps=f"colorway status {spec.stack}")]
    rows = [row for one in found for row in _lone_rows(one, spec=spec, now=now)]
    return rows, [wrong for one in found for wrong in _of_lone(one, spec=spec, now=now)]


def _lone_rows(one: Lone, *, spec: PlatformSpec, now: float) -> Iterator[Row]:
    yield Row(store=one.store, host=one.host, part=ONLY, state=_runs(one.member))
    if one.backup is None:
        return
    yield Row(store=one.store, host=one.host, part="backup", state=_runs(one.backup))
    state = "none yet" if one.has_proof else "does not answer"
    if one.proof is not None:
        state = f"{'proven' if one.proof.is_verified else 'failed'} {one.proof.ago(now)}"
    yield Row(store=one.store, host=spec.monitoring_host.name, part="proof", state=state)


def _runs(task: LoneTask) -> str:
    return "does not run" if task.since is None else f"running since {task.since} UTC"


def _of_lone(one: Lone, *, spec: PlatformSpec, now: float) -> Iterator[Wrong]:
    """Yield what is wrong with a store that has one member, the worst first."""
    stack = spec.stack
    for task, what in ((one.member, "nobody can use it"), (one.backup, "nobody backs it up")):
        if task is not None and task.since is None:
            helps = f"docker service logs {task.service}, on a manager" if task.has_failed else f"colorway up {stack}"
            yield Wrong(what=f"{one.store}: {what}: {task.why_not}", helps=helps)
    if one.backup is None:
        return
    if not one.has_proof:
        what = f"{one.store}: {spec.monitoring_host.name}, which proves its backups, does not answer"
        yield Wrong(what=what, helps=f"colorway status {stack}")
    elif why := doubt(one.proof, now=now):
        yield Wrong(what=f"{one.store}: {why}", helps=f"colorway data verify-backup {stack} {one.store}")


def _logs(stack: str, store: str, host: str) -> str:
    return f"docker service logs {names.service(stack, names.member(store, host))}, on a manager"


def _etcd(spec: PlatformSpec, *, ask: Ask) -> tuple[list[Row], list[str]]:
    """Return a row for each etcd, and the hosts whose etcd does not answer."""
    rows: list[Row] = []
    silent: list[str] = []
    port = etcd_ports(spec.settings.network.host_ports).main
    for host in spec.hosts(Role.MANAGER):
        command = (
            "etcdctl",
            f"--endpoints=https://{host.address}:{port}",
            f"--cacert={CA_PATH}",
            f"--cert={_MEMBER}",
            f"--key={_MEMBER}",
            "--command-timeout=5s",
            "endpoint",
            "status",
            "--write-out=fields",
        )
        try:
            said = ask(host, names.service(spec.stack, names.etcd(host.name)), command)
        except DockerError:
            silent.append(host.name)
            rows.append(Row(store="etcd", host=host.name, part="", state="does not answer"))
            continue
        part = "leader" if _field(said, "MemberID") == _field(said, "Leader") else "follower"
        rows.append(Row(store="etcd", host=host.name, part=part, state="running"))
    return rows, silent


def _field(said: str, name: str) -> str | None:
    for line in said.splitlines():
        key, _, value = line.partition(":")
        if key.strip().strip('"') == name:
            return value.strip()
    return None


def _majority(silent: Sequence[str], *, what: str, of: int, stack: str, store: str = "") -> Iterator[Wrong]:
    """Yield who does not answer of those whose majority chooses a leader."""
    if not silent:
        return
    where, left = ", ".join(silent), of - len(silent)
    told = f"{store}: {what}" if store else what
    if 2 * left > of:
        told = f"{told} on {where} does not answer; one more, and nobody could lead anew"
    else:
        told = f"{told} on {where} does not answer, and {left} of {of} are no majority: nobody could lead anew"
    yield Wrong(what=told, helps=f"colorway up {stack}, once the host is back")
