"""What Compose says of the tasks of a service: process, health, limits, where they are, how they are replaced."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from colorway.config.compose.said import Remarks, Said
from colorway.config.compose.values import (
    Reading,
    bytes_of,
    cores_of,
    duration_of,
    duration_text,
    memory_of,
    number_of,
    pause_text,
    read_each,
    words_of,
)
from colorway.config.compose.variables import without_unset
from colorway.spec.fields import Address, go_duration
from colorway.spec.services import LONGEST_ALONE
from colorway.spec.task.mounts import AbsolutePath
from colorway.spec.task.policies import FailureAction, NodeLabel, NodeLabelValue, Order, RestartCondition
from colorway.spec.task.process import CAPABILITIES, STOCK_CAPABILITIES, HostAlias, StopSignal, TaskUser

USUAL_LIMITS: Mapping[str, Any] = MappingProxyType({"cpus": 1, "memory": "512Mi"})
"""Of a service that says none."""
MOST_RETRIES = 20
_COMPOSE_INTERVAL = "30s"
"""Between two checks of a service that says none, in Docker."""
_MINIMUM_MEMORY = 2**20


def health(service: Said, *, path: str, remarks: Remarks) -> dict[str, Any]:
    """Return a health check; a service that says none has none, not even its image's."""
    said = service.at("healthcheck")
    test = said.at("test") if said is not None else None
    words = words_of(test) if test is not None and isinstance(test.value, list) else []
    if said is None or said.text_at("disable") == "true" or words[:1] == ["NONE"] or test is None:
        place = service.place if said is None else said.place
        cure = "write for example health: {path: /healthz}, which the image's curl asks"
        remarks.add(place, f"{path}.healthcheck", "is none, so a task is well while its process runs", cure)
        return {"none": "the Compose file has none"}
    if test.text is not None:
        command = ["CMD-SHELL", without_unset(test.text)]
    elif words[:1] == ["CMD-SHELL"]:
        command = ["CMD-SHELL", " ".join(words[1:])]
    else:
        command = words if words[:1] == ["CMD"] else ["CMD", *words]
    readings: Sequence[Reading] = (
        ("interval", ("interval",), duration_text),
        ("timeout", ("timeout",), duration_text),
        ("retries", ("retries",), lambda text: min(max(number_of(text) or 1, 1), MOST_RETRIES)),
        ("start-period", ("start_period",), pause_text),
    )
    found = {"command": command, **read_each(said, readings, path=f"{path}.healthcheck", remarks=remarks)}
    return found | _start_interval(said, command=command, path=f"{path}.healthcheck", remarks=remarks)


def _start_interval(said: Said, *, command: Sequence[str], path: str, remarks: Remarks) -> dict[str, str]:
    text = said.text_at("start_interval")
    if text is None:
        return {}
    pause, interval = duration_of(text), duration_of(said.text_at("interval") or _COMPOSE_INTERVAL)
    if not pause or not interval or pause > interval:
        reason = "is no time that is shorter than the interval"
    elif command[0] != "CMD-SHELL":
        reason = "needs a shell in the image, of which this check says nothing"
    else:
        return {"interval": go_duration(interval), "start-interval": go_duration(pause)}
    cure = "write start-interval into the platform file, if it is needed"
    remarks.add((said.at("start_interval") or said).place, f"{path}.start_interval", reason, cure)
    return {}


def limits(service: Said, *, path: str, remarks: Remarks) -> dict[str, Any]:
    """Return what a task may use; a limit that nobody says is the usual one."""
    found = read_each(
        service,
        (
            ("cpus", ("cpus",), cores_of),
            ("memory", ("mem_limit",), memory_of),
            ("reserve-memory", ("mem_reservation",), lambda text: memory_of(text, least=_MINIMUM_MEMORY)),
            ("cpus", ("deploy", "resources", "limits", "cpus"), cores_of),
            ("memory", ("deploy", "resources", "limits", "memory"), memory_of),
            ("reserve-cpus", ("deploy", "resources", "reservations", "cpus"), cores_of),
            (
                "reserve-memory",
                ("deploy", "resources", "reservations", "memory"),
                lambda text: memory_of(text, least=_MINIMUM_MEMORY),
            ),
        ),
        path=path,
        remarks=remarks,
    )
    missing = [key for key in USUAL_LIMITS if key not in found]
    kept = {"cpus": max(1, found.get("reserve-cpus", 0)), "memory": USUAL_LIMITS["memory"]}
    if (bytes_of(found.get("reserve-memory", "0")) or 0) > (bytes_of(kept["memory"]) or 0):
        kept["memory"] = found["reserve-memory"]
    if missing:
        cure = "say what a task needs at its peak"
        what = " and ".join(missing)
        remarks.add(
            service.place, f"{path}.deploy.resources", f"has no limit for {what}, and here is the usual one", cure
        )
    return {key: found.get(key, kept.get(key)) for key in (*USUAL_LIMITS, *(key for key in found if "-" in key))}


def process(service: Said, *, path: str, remarks: Remarks) -> dict[str, Any]:
    """Return what a process is: command, user, directory, rights, the signal that stops it."""
    found: dict[str, Any] = {}
    for key in ("entrypoint", "command"):
        if (said := service.at(key)) is not None and (words := words_of(said)) and words[0]:
            found[key] = words
    found |= read_each(
        service,
        (
            ("user", ("user",), _valid(TaskUser)),
            ("working-dir", ("working_dir",), _valid(AbsolutePath)),
            ("stop-signal", ("stop_signal",), _signal),
            ("shm-size", ("shm_size",), lambda text: memory_of(text, least=_MINIMUM_MEMORY)),
        ),
        path=path,
        remarks=remarks,
    )
    found["capabilities"] = _capabilities(service, path=path, remarks=remarks)
    found["read-only"] = service.text_at("read_only") == "true"
    return found


def hosts_file(service: Said, *, path: str, remarks: Remarks) -> dict[str, str]:
    """Return the names in /etc/hosts of a service."""
    found: dict[str, str] = {}
    for name, said in service.entries_at("extra_hosts").items():
        address = said.text or ""
        if _valid(HostAlias)(name) is None or _valid(Address)(address) is None:
            cure = "write an IPv4 address, or let the program call a name that DNS knows"
            remarks.add(said.place, f"{path}.extra_hosts.{name}", "is no address that a task can be told", cure)
        else:
            found[name] = address
    return found


def policies(service: Said, *, is_single: bool, path: str, remarks: Remarks) -> dict[str, Any]:
    """Return how many tasks there are, where, and how they are replaced and begun again.

    Args:
        service: The service.
        is_single: Whether two of its tasks must never be alive at once.
        path: Where it is in the Compose file.
        remarks: For what cannot be read.
    """
    deploy = service.at("deploy") or Said(value={}, place=service.place)
    found = read_each(
        service,
        (("replicas", ("scale",), _replicas), ("replicas", ("deploy", "replicas"), _replicas)),
        path=path,
        remarks=remarks,
    )
    if deploy.text_at("mode") == "global":
        cure = "say how many with replicas, and placement: {most-per-host: 1}"
        remarks.add(
            deploy.entries["mode"].place, f"{path}.deploy.mode", "is one task on each host, and here it is one", cure
        )
    if is_single and found.pop("replicas", 1) != 1:
        remarks.add(
            deploy.place, f"{path}.deploy.replicas", "is more than the one that may give out jobs", "leave it at 1"
        )
    if (grace := duration_of(service.text_at("stop_grace_period") or "")) is not None:
        longest = min(grace, LONGEST_ALONE) if is_single else grace
        found["longest-request"] = go_duration(max(longest, timedelta(seconds=1)))
    if update := _update(deploy, is_single=is_single, path=path, remarks=remarks):
        found["update"] = update
    if restart := _restart(service, deploy, path=path, remarks=remarks):
        found["restart"] = restart
    if placement := _placement(deploy, path=f"{path}.deploy.placement", remarks=remarks):
        found["placement"] = placement
    return found


def _update(deploy: Said, *, is_single: bool, path: str, remarks: Remarks) -> dict[str, Any]:
    said = deploy.at("update_config")
    if said is None:
        return {}
    readings: Sequence[Reading] = (
        ("parallelism", ("parallelism",), lambda text: min(number_of(text) or 0, 50) or None),
        ("delay", ("delay",), pause_text),
        ("monitor", ("monitor",), duration_text),
        ("order", ("order",), lambda text: text if text in tuple(Order) else None),
        ("failure-action", ("failure_action",), lambda text: text if text in tuple(FailureAction) else None),
        ("max-failure-ratio", ("max_failure_ratio",), _ratio),
    )
    found = read_each(said, readings, path=f"{path}.deploy.update_config", remarks=remarks)
    if is_single:
        found.pop("order", None)
    return found


def _restart(service: Said, deploy: Said, *, path: str, remarks: Remarks) -> dict[str, Any]:
    said = deploy.at("restart_policy")
    if said is not None:
        return read_each(
            said,
            (
                ("condition", ("condition",), lambda text: text if text in tuple(RestartCondition) else None),
                ("delay", ("delay",), pause_text),
                ("max-attempts", ("max_attempts",), number_of),
                ("window", ("window",), pause_text),
            ),
            path=f"{path}.deploy.restart_policy",
            remarks=remarks,
        )
    text = service.text_at("restart") or ""
    if text in {"no", "false"}:
        return {"condition": RestartCondition.NONE.value}
    if text.startswith("on-failure"):
        attempts = number_of(text.partition(":")[2])
        return {"condition": RestartCondition.ON_FAILURE.value, **({"max-attempts": attempts} if attempts else {})}
    return {}


def _placement(deploy: Said, *, path: str, remarks: Remarks) -> dict[str, Any]:
    found: dict[str, Any] = {}
    labels: dict[str, str] = {}
    for said in deploy.items_at("placement", "constraints"):
        match = re.fullmatch(r"\s*node\.labels\.(\S+?)\s*==\s*(\S+)\s*", without_unset(said.text or ""))
        if match and _valid(NodeLabel)(match[1]) and _valid(NodeLabelValue)(match[2]):
            labels[match[1]] = match[2]
            continue
        cure = "name hosts of the stack file under placement: {hosts: […]}; their roles say the rest"
        remarks.add(said.place, f"{path}.constraints", "is no label that a node must have", cure)
    if labels:
        found["labels"] = labels
    if (most := number_of(deploy.text_at("placement", "max_replicas_per_node") or "")) is not None:
        found["most-per-host"] = most
    if (spread := deploy.at("placement", "preferences")) is not None:
        remarks.add(
            spread.place, f"{path}.preferences", "is not carried: tasks are spread over the hosts", "leave it out"
        )
    return found


def _capabilities(service: Said, *, path: str, remarks: Remarks) -> list[str]:
    """Return what Docker would give a container by itself, as far as stock images need it, and what the file says."""
    user = service.text_at("user") or "root"
    found = dict.fromkeys(STOCK_CAPABILITIES if user.partition(":")[0] in {"root", "0"} else ())
    for said in service.items_at("cap_drop"):
        name = (said.text or "").upper().removeprefix("CAP_")
        found = {} if name == "ALL" else {key: None for key in found if key != name}
    for said in service.items_at("cap_add"):
        name = (said.text or "").upper().removeprefix("CAP_")
        if name in CAPABILITIES:
            found[name] = None
        else:
            cure = "list those that it needs, each by its name"
            remarks.add(said.place, f"{path}.cap_add", "is no one capability of Linux", cure)
    return list(found)


def _signal(text: str) -> str | None:
    name = text if text.startswith("SIG") else f"SIG{text}"
    return name if name in tuple(StopSignal) else None


def _replicas(text: str) -> int | None:
    return min(number_of(text) or 0, 100) or None


def _ratio(text: str) -> float | None:
    return round(float(text), 1) if re.fullmatch(r"[01](\.\d+)?", text) else None


def _valid(kind: Any) -> Any:  # noqa: ANN401 - one of the scalar types
    """Return what reads a text as it is, where it is of a kind."""
    adapter: TypeAdapter[Any] = TypeAdapter(kind)

    def read(text: str) -> str | None:
        try:
            adapter.validate_python(text)
        except ValidationError:
            return None
        return text

    return read


def stop_grace(service: Said) -> dict[str, str]:
    """Return how long a data store may take to stop, where the file says it."""
    found = duration_text(service.text_at("stop_grace_period") or "")
    return {"stop-grace": found} if found else {}
