"""Tasks of services, and why they do not start or do not last: Swarm's words, made into sentences. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from colorway.spec.names import COLOR_LABEL

ENDED = ("failed", "rejected", "complete")
"""Swarm's words for a task that ended by itself; one that its health check ended well-behaved is `complete`."""
OVER = (*ENDED, "shutdown", "remove")
"""Swarm's words for a task of which nothing works any more; `orphaned` may, on a host that the swarm has lost."""
WAITING = ("new", "pending")
"""Swarm's words for a task that no host has yet."""
_NO_ENTRY = ("unauthorized", "no basic auth credentials", "authentication required", "denied")
"""What registries answer, and Docker instead of them, to who has no login or the wrong one."""
_CURES = (
    ("No such image", "build or push it, or correct the image in the release's manifest"),
    ("manifest unknown", "push it, or correct the image in the release's manifest"),
    ("pull access denied", "name the registry's user in colorway:registries, or correct the image in the manifest"),
    ("scheduling constraints not satisfied", "no host matches the placement; see roles in colorway:hosts"),
    ("insufficient resources", "no host has the memory or CPUs left that it reserves; see limits"),
    ("host-mode port already in use", "another service has its port; remove that, or choose another port"),
    ("address already in use", "another program has its port; stop that, or choose another port"),
    ("port is already allocated", "another container has its port; stop that, or choose another port"),
    ("ool overlaps", "another network has its range; choose another with colorway:network"),
    ("overlaps with existing routes", "a route of the host has its range; choose another with colorway:network"),
    ("unhealthy container", "its health check failed"),
    ("max replicas per node", "no host may take one more of its tasks"),
    (
        "no such device",
        "the host cannot mount from file servers, so install nfs-common there, or keep the volume on the host",
    ),
    ("failed to mount local volume", "see the volume's nfs, and whether the host reaches its server"),
    ("executable file not found", "the image lacks the command; correct the command or the image"),
)
_NO_IMAGE = re.compile(r'No such image: (?P<reference>[^\s";]+)')
"""Swarm's words whatever the registry said."""
_RANDOM = re.compile(r"\.?\b[0-9a-z]{25}\b|\s*\(?\b[0-9a-f]{64}\b\)?")
"""Ids of tasks and containers, which are others at each try."""


@dataclass(frozen=True, kw_only=True)
class TaskState:
    """One task of a service."""

    id: str
    service: str
    """Name of the service in the swarm."""
    state: str
    """Actual state, Swarm's word."""
    desired: str
    message: str
    error: str
    container: str
    exit_code: int | None
    networks: tuple[str, ...] = ()
    """Ids of the networks that it joins."""
    since: str = ""
    """The minute in which it came into its state, UTC, as 2026-11-28 14:00."""

    @property
    def has_ended(self) -> bool:
        """Whether it ended by itself, which no task of a service should."""
        return self.state in ENDED


def task_state(raw: Mapping[str, Any], service: str) -> TaskState:
    """Return a task as the Docker API describes it."""
    status = raw["Status"]
    container = status.get("ContainerStatus") or {}
    return TaskState(
        id=raw["ID"],
        service=service,
        state=status["State"],
        desired=raw.get("DesiredState", ""),
        message=status.get("Message", ""),
        error=status.get("Err", ""),
        container=container.get("ContainerID", ""),
        exit_code=container.get("ExitCode"),
        networks=tuple(one.get("Target", "") for one in raw.get("Spec", {}).get("Networks") or ()),
        since=str(status.get("Timestamp", ""))[: len("2026-11-28T14:00")].replace("T", " "),
    )


def why_ended(task: TaskState) -> str:
    """Return why a task has ended, with what helps where that is known."""
    if task.state == "complete":
        return "task complete: ended although it should run"
    told = _RANDOM.sub("", task.error or task.message)
    code = "" if task.exit_code in {None, 0} or f"({task.exit_code})" in told else f", exit code {task.exit_code}"
    return f"task {task.state}: {_cured(told)}{code}"


def missing_image(told: str) -> str | None:
    """Return the image that Swarm says a host has not and could not pull; None = it says something else."""
    found = _NO_IMAGE.search(told)
    return found["reference"] if found else None


def why_refused(host: str, said: str, *, secret: str | None) -> str:
    """Return what a registry answers to who asks for an image, with what helps.

    Args:
        host: The registry.
        said: Its words, as Docker passes them on.
        secret: Name of the secret that is the stack's password for it; none = the stack names no user for it.
    """
    if not any(words in said.lower() for words in _NO_ENTRY):
        return f"the registry {host} says: {said}"
    if secret:
        cure = f"correct the user there, or the password with `pulumi config set --secret secrets:{secret}`"
        return f"the registry {host} refuses the login of colorway:registries; {cure}"
    return f"the registry {host} asks for a login; name one: colorway:registries: {{{host}: {{user: …, password: …}}}}"


def alive(tasks: Iterable[Mapping[str, Any]], *, of: str, on: str, services: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the tasks of a color of which something may still work, for people; also those without their service.

    Args:
        tasks: All tasks, as Docker lists them.
        of: The color.
        on: Id of the color's network. Load balancers are on it, too, and whatever is shared.
        services: All services, as Docker lists them: of those that are there only the color's count.
    """
    others = {one["ID"] for one in services if one["Spec"]["Labels"].get(COLOR_LABEL) != of}
    return [
        f"task {raw['ID']} ({raw['Status']['State']}) on the node {raw.get('NodeID') or 'unknown'}"
        for raw in tasks
        if raw.get("ServiceID") not in others
        and raw["Status"]["State"] not in OVER
        and on in task_state(raw, "").networks
    ]


def why_waiting(task: TaskState, *, no_addresses: Mapping[str, str], unhealthy: Collection[str]) -> str | None:
    """Return what keeps a task from starting; None = nothing that is known: most tasks start within seconds.

    Args:
        task: The task.
        no_addresses: Names of the networks that the swarm could give no addresses to, by id.
        unhealthy: Containers whose health check has failed for good; they are being stopped, which can take long.
    """
    if task.desired == "shutdown":
        return None
    if task.container and task.container in unhealthy:
        return f"task {task.state}: its health check fails"
    if task.state not in WAITING:
        return None
    if task.error:
        return f"task {task.state}: {_cured(_RANDOM.sub('', task.error))}"
    # Swarm itself says nothing of these tasks but "created".
    without = [no_addresses[network] for network in task.networks if network in no_addresses]
    if not without:
        return None
    return f"task {task.state}: {_cured(f'the network {without[0]} gets no addresses: pool overlaps')}"


def _cured(told: str) -> str:
    cure = next((cure for words, cure in _CURES if words in told), None)
    return f"{told}; {cure}" if cure else told
