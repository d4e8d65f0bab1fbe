"""The state file of a `file://` backend: read without the CLI, and mended where a killed engine left it cut short.

The engine copies the last checkpoint to `<stack>.json.bak` and then writes the new one; killed in between, it finds
`EOF`, or no stack at all, at every later command. Seen with 3.259 after `kill -9`.
"""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from colorway.outputs import OUTPUT, PlatformOutputs
from colorway.swarm.services import SwarmObject

_OWNER = re.compile(r"created by \S+?@(?P<host>\S+) \(pid (?P<pid>\d+)\)")


def dead_owner(message: str) -> int | None:
    """Return the process that held the lock, if it ran on this machine and is dead; None = hands off.

    Args:
        message: The engine's "the stack is currently locked by …" text.
    """
    owners = [(match["host"], int(match["pid"])) for match in _OWNER.finditer(message)]
    if not owners:
        return None
    if not all(is_dead(host, pid) for host, pid in owners):
        return None
    return owners[0][1]


def lock_owners(*, backend: str, project: str, stack: str) -> list[tuple[str, int]]:
    """Return the machine and process of every engine that holds a lock on a stack's state file.

    Args:
        backend: URL of the backend; others than `file://` say who holds a lock only when one is asked for.
        project: Name of the project.
        stack: Name of the stack.
    """
    folder = _folder(backend)
    found = []
    for file in sorted((folder / "locks" / "organization" / project / stack).glob("*.json")) if folder else ():
        try:
            content = json.loads(file.read_bytes())
            found.append((str(content["hostname"]), int(content["pid"])))
        except (OSError, ValueError, TypeError, KeyError):
            # Gone meanwhile, or being written by somebody who lives.
            continue
    return found


def is_dead(host: str, pid: int) -> bool:
    """Return whether an engine ran on this machine and does not any more; of other machines nothing is known."""
    return host == socket.gethostname() and not _is_alive(pid)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        # After a restart of the machine the number is given to whatever comes: a lock file survives that.
        return "pulumi" in Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return not Path("/proc/self").exists()


STACK_TYPE = "pulumi:pulumi:Stack"
DOCKER_TYPES = "docker:"
COMMAND_TYPES = "command:"
NAMED_TYPES = {"service": "docker:index/service:Service", "network": "docker:index/network:Network"}
"""Resources with names of our own choice; all others are autonamed and never clash."""


@dataclass(frozen=True, kw_only=True)
class Pending:
    """One operation that was begun and not noted as done."""

    urn: str
    operation: str
    """creating, updating, deleting, reading or importing."""
    type: str
    name: str | None = None
    """Name of our own choice in the swarm; None = it has none."""

    @property
    def is_create(self) -> bool:
        """Whether the state does not hold the resource yet."""
        return self.operation == "creating"


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """A stack as its state describes it; not what the swarm really runs. Secrets are encrypted in it."""

    resources: tuple[Mapping[str, Any], ...]
    pending: tuple[Pending, ...]
    """Operations that a killed engine left unfinished."""
    written: datetime | None = None
    """When the engine last wrote it; None = never."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever installed, or everything is gone."""
        return not any(resource.get("custom") for resource in self.resources)

    @property
    def outputs(self) -> PlatformOutputs | None:
        """The typed outputs of the last complete `up`, None before it."""
        for resource in self.resources:
            if resource.get("type") == STACK_TYPE:
                return read_outputs(resource.get("outputs") or {})
        return None

    @property
    def swarm_objects(self) -> frozenset[SwarmObject]:
        """The services and networks that the state knows."""
        return frozenset(
            SwarmObject(kind, str(resource.get("outputs", {}).get("name")))
            for resource in self.resources
            for kind, type_ in NAMED_TYPES.items()
            if resource.get("type") == type_
        )

    @property
    def services(self) -> dict[str, str]:
        """The URNs of the services that the state knows, by their names in the swarm."""
        return {
            str(resource.get("outputs", {}).get("name")): str(resource["urn"])
            for resource in self.resources
            if resource.get("type") == NAMED_TYPES["service"]
        }

    @property
    def protected(self) -> tuple[str, ...]:
        """The names of the resources that the engine refuses to delete."""
        found = (resource for resource in self.resources if resource.get("custom") and resource.get("protect"))
        return tuple(str(resource["urn"]).rpartition("::")[2] for resource in found)

    @property
    def urns(self) -> frozenset[str]:
        """The URNs of all resources."""
        return frozenset(str(resource["urn"]) for resource in self.resources)

    @property
    def in_zones(self) -> frozenset[tuple[str, str]]:
        """The types of the resources in Cloudflare zones, of rulesets with their phase, each with its zone's id."""
        found = ((str(one.get("type")), one.get("inputs") or {}) for one in self.resources)
        return frozenset(
            (" ".join([kind, *([str(inputs["phase"])] if "phase" in inputs else [])]), str(inputs["zoneId"]))
            for kind, inputs in found
            if inputs.get("zoneId")
        )

    @property
    def dangling(self) -> tuple[str, ...]:
        """The URNs that resources refer to and the state does not hold; the engine reads no state that has any.

        Its `--continue-on-error` leaves such a one: it deletes a resource although another one, which it did not come
        to because of a failure, still refers to it. Seen with 3.274.1.
        """
        return tuple(sorted({urn for resource in self.resources for urn in _references(resource)} - self.urns))

    @property
    def stack_urn(self) -> str | None:
        """The URN of the stack itself; None before anything was installed."""
        return next((str(r["urn"]) for r in self.resources if r.get("type") == STACK_TYPE), None)

    @property
    def applied_generations(self) -> dict[str, str]:
        """The text that each load balancer's apply holds in state, by the command's URN."""
        return {
            str(r["urn"]): str(r.get("inputs", {}).get("stdin", ""))
            for r in self.resources
            if str(r["urn"]).rsplit("::", 1)[-1].startswith("routing-apply-") and r.get("custom")
        }


def _references(resource: Mapping[str, Any]) -> Iterator[str]:
    """Yield the URNs of the resources that one refers to."""
    yield from resource.get("dependencies") or ()
    for urns in (resource.get("propertyDependencies") or {}).values():
        yield from urns or ()
    # A provider is referred to by its URN and its id.
    provider = str(resource.get("provider") or "").rpartition("::")[0]
    yield from (urn for urn in (resource.get("parent"), resource.get("deletedWith"), provider) if urn)


def read_outputs(outputs: Mapping[str, Any]) -> PlatformOutputs | None:
    """Read a stack's outputs; None where there are none, or where another version of Colorway wrote them."""
    try:
        return PlatformOutputs.model_validate(outputs[OUTPUT])
    except (KeyError, ValidationError):
        return None


def read_deployment(deployment: Mapping[str, Any] | None) -> Deployed:
    """Read an exported deployment; None or empty = nothing is installed."""
    body = deployment or {}
    written = read_time(str((body.get("manifest") or {}).get("time", "")))
    return Deployed(
        resources=tuple(body.get("resources") or ()),
        pending=tuple(_pending(operation) for operation in body.get("pending_operations") or ()),
        written=written,
    )


def _pending(operation: Mapping[str, Any]) -> Pending:
    resource = operation.get("resource") or {}
    type_ = str(resource.get("type", ""))
    name = (resource.get("inputs") or {}).get("name") if type_ in NAMED_TYPES.values() else None
    return Pending(
        urn=str(resource.get("urn", "")),
        operation=str(operation.get("type", "")),
        type=type_,
        name=name if isinstance(name, str) else None,
    )


def read_time(text: str) -> datetime | None:
    """Read a time as the engine writes it; None where there is none, or the engine's zero."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.year > 1 and found.tzinfo else None


_NEVER = datetime.min.replace(tzinfo=UTC)
KNOWN_VERSIONS = {3, 4}
"""Versions of a state file that hold the deployment as it is exported; older ones are translated by the CLI."""


def read_checkpoint(*, backend: str, project: str, stack: str) -> Mapping[str, Any] | None:
    """Return the deployment in a stack's state file: what `stack export` prints, secrets encrypted as they are kept.

    Args:
        backend: URL of the backend.
        project: Name of the project.
        stack: Name of the stack.

    Returns:
        The deployment, empty for a stack without resources; None where the CLI has to be asked, because the backend
        is none of files, or the file is missing, compressed, being written or of a version that is not known.
    """
    folder = _folder(backend)
    if folder is None:
        return None
    file = _file(folder, project=project, stack=stack)
    if any(file.with_name(f"{file.name}{suffix}").exists() for suffix in (".gz", ".zst")):
        return None
    try:
        state = json.loads((last_whole(backend=backend, project=project, stack=stack) or file).read_bytes())
    except (OSError, ValueError):
        return None
    checkpoint = state.get("checkpoint") if isinstance(state, dict) and state.get("version") in KNOWN_VERSIONS else None
    return checkpoint.get("latest") or {} if isinstance(checkpoint, dict) else None


def is_absent(*, backend: str, project: str, stack: str) -> bool:
    """Return whether a backend of files surely has no such stack; False where the CLI has to be asked.

    Args:
        backend: URL of the backend.
        project: Name of the project.
        stack: Name of the stack.
    """
    folder = _folder(backend)
    if folder is None:
        return False
    file = _file(folder, project=project, stack=stack)
    # Backends from before Pulumi 3.61 have no folder for a project.
    places = (file.parent, folder / "stacks")
    return not any(found for place in places for found in place.glob(f"{glob.escape(file.name)}*"))


def last_whole(*, backend: str, project: str, stack: str) -> Path | None:
    """Return the last whole copy of a state file that is cut short or gone; None where all is well, or there is none.

    Args:
        backend: URL of the backend; only `file://` ones are looked at.
        project: Name of the project.
        stack: Name of the stack.
    """
    folder = _folder(backend)
    if folder is None:
        return None
    current = _file(folder, project=project, stack=stack)
    candidates = [current.with_name(f"{current.name}.bak"), *_history(folder / "history" / project / stack)]
    if _is_whole(current) or not (current.exists() or _has_resources(candidates[0])):
        # A stack that was removed leaves its last copy, too: without resources, which nobody misses.
        return None
    # A copy from before the last write lacks what that one noted; a finished run leaves the same in its history.
    whole = [candidate for candidate in candidates if _is_whole(candidate)]
    return max(whole, key=lambda copy: _written(copy) or _NEVER, default=None)


def cut_attributes(*, backend: str, project: str, stack: str) -> Path | None:
    """Return what a killed engine left of the attributes beside a state file: with it no command reads the state.

    The CLI does without them where there are none. None where all is well.
    """
    folder = _folder(backend)
    if folder is None:
        return None
    current = _file(folder, project=project, stack=stack)
    beside = current.with_name(f"{current.name}.attrs")
    try:
        json.loads(beside.read_bytes())
    except OSError:
        return None
    except ValueError:
        return beside
    return None


def restore_checkpoint(*, backend: str, project: str, stack: str) -> str | None:
    """Put the last whole checkpoint back where the current one is cut short or gone; for whoever holds the run lock.

    And take away what is left of its attributes, where they are cut short.

    Returns:
        One sentence if something was put back, None if all was well or nothing can be done.
    """
    whole, folder = last_whole(backend=backend, project=project, stack=stack), _folder(backend)
    if beside := cut_attributes(backend=backend, project=project, stack=stack):
        beside.unlink()
    if whole is None or folder is None:
        return "the last run was killed while it wrote the state, which is whole" if beside else None
    current = _file(folder, project=project, stack=stack)
    copy = current.with_name(f"{current.name}.restored")
    shutil.copyfile(whole, copy)
    copy.replace(current)
    return "the last run was killed while it wrote the state; its last whole copy is back"


def _folder(backend: str) -> Path | None:
    address = urlsplit(backend)
    return Path(unquote(address.path)).expanduser() / ".pulumi" if address.scheme == "file" else None


def _file(folder: Path, *, project: str, stack: str) -> Path:
    return folder / "stacks" / project / f"{stack}.json"


def _history(folder: Path) -> list[Path]:
    """Return the checkpoints that finished runs left, newest first."""
    return sorted(folder.glob("*.checkpoint.json"), key=lambda path: path.stat().st_mtime, reverse=True)


def _has_resources(path: Path) -> bool:
    try:
        return bool((json.loads(path.read_bytes())["checkpoint"]["latest"] or {}).get("resources"))
    except (OSError, ValueError, TypeError, KeyError):
        return False


def _written(path: Path) -> datetime | None:
    latest = json.loads(path.read_bytes())["checkpoint"].get("latest") or {}
    return read_time(str((latest.get("manifest") or {}).get("time", "")))


def _is_whole(path: Path) -> bool:
    try:
        return "checkpoint" in json.loads(path.read_bytes())
    except (OSError, ValueError, TypeError):
        return False
