"""The data stores with one member, each as the swarm knows its task, and what backs it up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from colorway.data.members import Ask
from colorway.data.proofs import Proof, proof
from colorway.spec import names
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.connections import NoAnswerError
from colorway.swarm.tasks import TaskState, why_ended, why_waiting

Tasks = Callable[[], Sequence[TaskState]]
"""Returns a stack's tasks, newest first; raises DockerError where no manager answers."""


@dataclass(frozen=True, kw_only=True)
class LoneTask:
    """The one task of a service, or what became of it."""

    service: str
    """Its name in the swarm."""
    since: str | None
    """Minute since which it runs; none = it does not."""
    why_not: str = ""
    """Why it does not run, in the swarm's words."""
    has_failed: bool = False
    """Whether one has begun and ended, so that its log says more."""


@dataclass(frozen=True, kw_only=True)
class Lone:
    """A store with one member."""

    store: str
    host: str
    """Where its data is."""
    member: LoneTask
    backup: LoneTask | None = None
    """Who backs it up; none = nobody."""
    has_proof: bool = False
    """Whether the host that proves its backups was asked, and answered."""
    proof: Proof | None = None
    """The last proof of its backups."""


def lone_task(service: str, tasks: Sequence[TaskState]) -> LoneTask:
    """Return how the one task of a service is.

    Args:
        service: Its name in the swarm.
        tasks: The stack's, newest first.
    """
    ours = [task for task in tasks if task.service == service]
    # One on a host that the swarm has lost still counts as running there, and should end.
    running = next((task for task in ours if task.state == task.desired == "running"), None)
    if running is not None:
        return LoneTask(service=service, since=running.since)
    waits = next((task for task in ours if task.desired != "shutdown"), None)
    ended = next((task for task in ours if task.has_ended), None)
    why = why_waiting(waits, no_addresses={}, unhealthy=()) if waits else "it was told to have no task"
    if waits and not why:
        why = why_ended(ended) if ended else f"task {waits.state}"
    return LoneTask(service=service, since=None, why_not=why or "", has_failed=ended is not None)


def lone_stores(spec: PlatformSpec, *, ask: Ask, tasks: Sequence[TaskState]) -> Iterator[Lone]:
    """Yield the stores with one member.

    Args:
        spec: The stack.
        ask: Asks the host that proves backups.
        tasks: The stack's, newest first.
    """
    for name, store in spec.platform.data_stores.items():
        if store.is_replicated:
            continue
        [member] = spec.members(name)
        found = Lone(store=name, host=member.host.name, member=lone_task(names.service(spec.stack, member.name), tasks))
        if name not in spec.backed_up:
            yield found
            continue
        backup = lone_task(names.service(spec.stack, names.backup(name, member.host.name)), tasks)
        try:
            proven, answers = proof(spec, name, ask=ask), True
        except NoAnswerError:
            proven, answers = None, False
        yield Lone(store=name, host=found.host, member=found.member, backup=backup, has_proof=answers, proof=proven)
