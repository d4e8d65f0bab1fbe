"""One command beside a running service: its image, secrets and networks, a task of its own, run to its end."""

from __future__ import annotations

import copy
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from colorway.errors import ColorwayError
from colorway.spec.fields import LABEL_LIMIT
from colorway.spec.names import ONE_OFF_LABEL
from colorway.swarm.connections import Connection, MissingError, NoAnswerError
from colorway.swarm.services import Swarm, SwarmObject
from colorway.swarm.tasks import ENDED, TaskState, task_state, why_ended

POLL = 0.5
"""Seconds between two looks at the task; what it printed meanwhile comes at once."""
_PATIENCE = 10
"""Questions without an answer, 20 s each, after which a command is given up."""
NO_EXIT_CODE = 1
"""Exit code where a task ended without one."""


def run_once(
    connection: Connection,
    *,
    service: str,
    stack: str,
    command: Sequence[str],
    write: Callable[[bytes], object],
) -> int:
    """Run a command as one task of a service's definition and return its exit code.

    The task serves nobody: it has none of the service's names, ports, health check or replicas. It is removed at
    the end, however that comes about.

    Args:
        connection: A manager of the swarm.
        service: Name of the running service in the swarm.
        stack: Name of the stack; by its label `down` finds what a killed run left.
        command: Program and arguments in place of the service's own and of its image's entrypoint.
        write: Gets what the command prints.

    Raises:
        ColorwayError: there is no such service, or its task could not start; why.
        NoAnswerError: Docker does not answer for long.
    """
    try:
        found = connection.ask(f"the service {service}", lambda api: api.inspect_service(service))
    except MissingError:
        raise ColorwayError(
            f"{service} is no service that runs; `colorway status {stack}` lists those that do"
        ) from None
    name = f"{service[: LABEL_LIMIT - 13]}-run-{secrets.token_hex(4)}"
    template = one_off_task(found["Spec"]["TaskTemplate"], command=command)
    made = connection.ask(
        f"the task {name}",
        lambda api: api.create_service(
            template,
            name=name,
            labels={ONE_OFF_LABEL: stack},
            mode={"Replicated": {"Replicas": 1}},
            endpoint_spec={"Mode": "dnsrr"},
        ),
    )
    try:
        return _to_its_end(connection, str(made["ID"]), name=name, write=write)
    finally:
        Swarm(connection.host, connection=connection).remove(SwarmObject("service", str(made["ID"])))


def one_off_task(template: Mapping[str, Any], *, command: Sequence[str]) -> dict[str, Any]:
    """Return the task of a service with another command, which nobody takes for one that serves."""
    task: dict[str, Any] = copy.deepcopy(dict(template))
    container = task["ContainerSpec"]
    # Swarm's Command stands in for the image's entrypoint, so nothing is left of either but what was asked for.
    container["Command"] = list(command)
    container.pop("Args", None)
    container["Healthcheck"] = {"Test": ["NONE"]}
    # Under the service's names it would get requests.
    task["Networks"] = [{"Target": one["Target"]} for one in task.get("Networks") or ()]
    task["RestartPolicy"] = {"Condition": "none"}
    return task


def _to_its_end(connection: Connection, made: str, *, name: str, write: Callable[[bytes], object]) -> int:
    printed, silent = 0, 0
    while True:
        try:
            listed = connection.ask("its tasks", lambda api: api.tasks(filters={"service": made}))
            said: bytes = connection.ask("a log", lambda api: _log(api, made))
            silent = 0
        except NoAnswerError:
            # A command of an hour survives a Docker that is silent for a while.
            silent += 1
            if silent > _PATIENCE:
                raise
            time.sleep(POLL)
            continue
        if len(said) > printed:
            write(said[printed:])
            printed = len(said)
        task = task_state(listed[0], name) if listed else None
        if task is not None and task.state in {*ENDED, "shutdown", "orphaned", "remove"}:
            return _exit_code(task)
        time.sleep(POLL)


def _log(api: Any, made: str) -> bytes:  # noqa: ANN401 - docker-py is untyped here
    return b"".join(api.service_logs(made, stdout=True, stderr=True, is_tty=False))


def _exit_code(task: TaskState) -> int:
    if task.state == "complete":
        return 0
    if task.exit_code:
        return task.exit_code
    if task.state == "rejected":
        raise ColorwayError(f"the command could not start: {why_ended(task)}")
    return NO_EXIT_CODE
