"""What `status` and `up` say about a stack: for people, and as JSON."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from colorway.cli.invocation import runnable
from colorway.engine.status import Row, Status
from colorway.spec.traffic import Color, Traffic, Versions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colorway.engine.events import Change
    from colorway.release.tell.status import ReleaseStatus
    from colorway.swarm.certificates import ShownCertificate

WIDEST = 100
"""Columns of the table, at most."""


def show(console: Console, found: Status, release: ReleaseStatus | None) -> None:
    """Print a stack's table, its traffic, its release, what is wrong, and the one command that helps."""
    table = Table(box=None, pad_edge=False, width=min(WIDEST, shutil.get_terminal_size((WIDEST, 20)).columns))
    for heading in ("service", "color", "version", "replicas", "health"):
        table.add_column(heading)
    for row in found.rows:
        table.add_row(row.service, row.color, row.version, f"{row.running}/{row.wanted}", row.health)
    if found.rows:
        console.print(table)
    for line in [
        *_made_lines(found),
        *_traffic_lines(found),
        *_maintenance_lines(found, release),
        *(one.line for one in found.certificates),
        *(release.lines() if release else ()),
        *_problem_lines(found, release),
    ]:
        console.print(runnable(line), markup=False)


def as_json(found: Status, release: ReleaseStatus | None) -> str:
    """Return the same for programs; keys stay, new ones may come."""
    settings, outputs = found.configured.settings, found.outputs
    return json.dumps(
        {
            "stack": found.stack,
            "healthy": not found.problems,
            "helps": helps(found, release),
            "changed-by": found.changed_by,
            "problems": [{"what": what, "helps": cure} for what, cure in found.problems],
            "url": outputs.url if outputs else None,
            "configured": _installed(settings.versions, settings.traffic),
            "installed": _installed(outputs.versions, outputs.traffic) if outputs else None,
            "maintenance": outputs.maintenance if outputs else {},
            "generation": outputs.generation if outputs else None,
            "live": found.live,
            "certificates": [_certificate(one) for one in found.certificates],
            "services": [_service(row) for row in found.rows],
            "exists": [made._asdict() for made in found.made],
            "answers": found.silence is None,
            "release": _release(release),
        },
        indent=2,
    )


def helps(found: Status, release: ReleaseStatus | None) -> str | None:
    """Return the one command that helps: against what is wrong, or else with the release.

    None if nothing is to do, or somebody does it at this moment.
    """
    if found.changed_by:
        return None
    if found.problems:
        return _cure(found, release)
    return release.helps if release else None


def _cure(found: Status, release: ReleaseStatus | None) -> str:
    """Return what helps against the first problem; whoever holds the release lock keeps everybody's `up` out."""
    _, cure = found.problems[0]
    if release and release.holder and cure.startswith(f"colorway up {found.stack}"):
        return f"wait for the release, or colorway rollback --stack {found.stack} --take-over REASON"
    return cure


def _made_lines(found: Status) -> list[str]:
    """Return what exists of a stack that was never installed to the end, a line for each kind of thing."""
    kinds: dict[str, list[str]] = {}
    for made in found.made:
        kinds.setdefault(made.kind, []).append(made.name)
    return [f"exists: {kind} {', '.join(sorted(those))}" for kind, those in kinds.items()]


def _traffic_lines(found: Status) -> list[str]:
    configured = found.configured.settings.traffic
    if found.outputs is None:
        return [f"the file says: {_shares(configured)}"] if found.silence else []
    in_step = [host for host, live in found.live.items() if live == found.outputs.generation]
    where = f", live on {', '.join(in_step)}" if in_step else ", live nowhere"
    if found.silence:
        where = " by the last finished run; what is live cannot be asked"
    lines = [f"traffic: {_shares(found.outputs.traffic)}{where}"]
    if configured != found.outputs.traffic:
        lines.append(f"the file says: {_shares(configured)}")
    return lines


def _maintenance_lines(found: Status, release: ReleaseStatus | None) -> list[str]:
    """Return what is closed, since when, and what opens it; what is not live yet is said as such."""
    said, live = found.configured.settings.maintenance, found.outputs.maintenance if found.outputs else {}
    since = release.closed_since if release else {}
    lines = [
        f"maintenance: {place} is closed{f' since {since[place]:%Y-%m-%d %H:%M} UTC' if place in since else ''}; "
        f"visitors read: {message}"
        for place, message in live.items()
    ]
    if live and said == live:
        lines.append(f"maintenance: colorway maintenance off {found.stack} opens it again")
    elif said != live:
        lines.append(f"the file says: {', '.join(said)} closed" if said else "the file says: nothing closed")
    return lines


def _problem_lines(found: Status, release: ReleaseStatus | None) -> list[str]:
    if found.changed_by:
        seen = [f"meanwhile: {problem}" for problem, _ in found.problems]
        return [found.changed_by, *seen, "helps: wait until that ends"]
    if not found.problems:
        return []
    (first, _), *more = found.problems
    return [f"wrong: {first}", f"helps: {_cure(found, release)}", *(f"also wrong: {problem}" for problem, _ in more)]


def _shares(traffic: Traffic) -> str:
    return f"blue {traffic.blue} %, green {traffic.green} %, active {traffic.active.value}"


def _installed(versions: Versions, traffic: Traffic) -> dict[str, Any]:
    return {
        "versions": {color.value: versions.of(color) for color in Color},
        "traffic": {**{color.value: traffic.of(color) for color in Color}, "active": traffic.active.value},
    }


def _service(row: Row) -> dict[str, Any]:
    return {
        "service": row.service,
        "color": row.color or None,
        "version": row.version or None,
        "wanted": row.wanted,
        "running": row.running,
        "healthy": row.is_healthy,
    }


def _certificate(one: ShownCertificate) -> dict[str, Any]:
    return {
        "host": one.host,
        "domain": one.lineage,
        "asked": one.name,
        "shown": one.leaf is not None,
        "issuer": one.issuer,
        "begins": one.leaf.begins.isoformat() if one.leaf else None,
        "ends": one.leaf.ends.isoformat() if one.leaf else None,
        "days-left": one.leaf.days_left if one.leaf else None,
        "late": bool(one.leaf and (one.leaf.is_late or one.leaf.has_ended)),
        "fits": bool(one.leaf and one.leaf.fits),
        "failure": one.failure,
    }


def _release(release: ReleaseStatus | None) -> dict[str, Any] | None:
    if release is None:
        return None
    found: dict[str, Any] = TypeAdapter(type(release)).dump_python(release, mode="json")
    return found


def sign(change: Change) -> str:
    """Return what stands before a change in a list."""
    return {"create": "+", "update": "~", "delete": "-", "replace": "±"}[change.op]


def counted(changes: Sequence[Change]) -> str:
    """Return how many changes there are of each kind, in words."""
    if not changes:
        return "nothing changes"
    kinds = {op: sum(change.op == op for change in changes) for op in ("create", "update", "replace", "delete")}
    return ", ".join(f"{number} to {op}" for op, number in kinds.items() if number)
