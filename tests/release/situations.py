"""Situations for the plan's tables: one line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from colorway.release.plan.edit import with_traffic, with_versions
from colorway.release.plan.facts import Holder, ServiceHealth
from colorway.release.plan.situation import Goal, Request, Situation
from colorway.release.plan.steps import Commit, Done, Freeze, Notify, Refuse, Smoke, Step
from colorway.release.plan.trailers import ReleaseCommit
from colorway.spec.release import MigrationSpec, ReleasePolicy
from colorway.spec.traffic import Color, Installed, Traffic, Versions

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
BASE = """\
config:
  colorway:platform: demo
  colorway:versions: {blue: "1.0.0", green: null}  # strings
  colorway:traffic: {blue: 100, green: 0, active: blue}  # the line that moves
"""
KNOWN = ("1.0.0", "2.0.0", "3.0.0")
FIRST = MigrationSpec(id="0001-initial", backward_compatible=True)
COMPATIBLE = MigrationSpec(id="0002-more", backward_compatible=True)
ONE_WAY = MigrationSpec(id="0003-drop", backward_compatible=False)


def installed(versions: str, shares: str, active: str | None = None) -> Installed:
    """Return `1.0.0/-` and `100:0` as models; active is the color with more traffic, unless given."""
    blue, green = (None if one == "-" else one for one in versions.split("/"))
    left, right = (int(one) for one in shares.split(":"))
    return Installed(
        versions=Versions(blue=blue, green=green),
        traffic=Traffic(blue=left, green=right, active=Color(active or ("blue" if left >= right else "green"))),
    )


@cache
def text_of(wanted: Installed) -> str:
    """Return a stack file that says so."""
    return with_traffic(with_versions(BASE, wanted.versions), wanted.traffic)


def commits(*told: str) -> tuple[ReleaseCommit, ...]:
    """Return commits, newest first, from `version step minutes-ago [previous]`."""
    made = []
    for number, line in enumerate(told):
        version, step, minutes, *previous = line.split()
        made.append(
            ReleaseCommit(
                sha=f"old-{number}",
                time=NOW - timedelta(minutes=float(minutes)),
                author="Ana",
                subject=f"{step} {version}",
                platform="demo",
                version=version,
                step=step,
                previous=(previous or ["1.0.0"])[0],
            )
        )
    return tuple(made)


def healthy(color: Color = Color.GREEN, *, running: int = 2) -> tuple[ServiceHealth, ...]:
    other = ServiceHealth(service=f"test-web-{color.other}", color=color.other, wanted=2, running=2)
    return (ServiceHealth(service=f"test-web-{color}", color=color, wanted=2, running=running), other)


def situation(
    versions: str = "1.0.0/-",
    shares: str = "100:0",
    *,
    active: str | None = None,
    log: Sequence[str] = (),
    applied: tuple[str, str] | None = None,
    stray: bool = False,
    **more: Any,
) -> Situation:
    """Return a situation in which HEAD is applied, unless `applied` says other versions and shares."""
    committed = installed(versions, shares, active)
    was = installed(*applied) if applied else committed
    return Situation(
        **{
            "stack": "test",
            "platform": "demo",
            "file": "Pulumi.test.yaml",
            "head": "head",
            "text": text_of(committed),
            "committed": committed,
            "installed": was,
            "wanted_generation": "wanted",
            "live": {"lb1": "wanted" if was == committed and not stray else "other", "lb2": "wanted"},
            "log": commits(*log),
            "now": NOW,
            "policy": ReleasePolicy(),
            "known_versions": KNOWN,
            "migrations": {"1.0.0": (FIRST,), "2.0.0": (FIRST,), "3.0.0": (FIRST,)},
            "health": tuple(row for row in healthy() if was.versions.of(row.color) is not None),
            "user": "Ana",
            **more,
        }
    )


def release(version: str = "2.0.0", **more: Any) -> Request:
    return Request(goal=Goal.RELEASE, version=version, **more)


def rollback(**more: Any) -> Request:
    return Request(goal=Goal.ROLLBACK, **more)


FINISH = Request(goal=Goal.FINISH)
RESUME = Request(goal=Goal.RESUME)


def one_way(of: Situation, version: str = "2.0.0") -> Situation:
    """Return the situation where a version brings a migration that is not backward compatible."""
    return replace(of, migrations={**of.migrations, version: (FIRST, ONE_WAY)})


def holder(**more: Any) -> Holder:
    return Holder(
        **{
            "owner": "Bo",
            "host": "laptop",
            "pid": 4711,
            "since": NOW - timedelta(minutes=7),
            "expires": NOW + timedelta(minutes=8),
            "reason": "release 2.0.0",
            "ticket": "t",
            **more,
        }
    )


def word(step: Step) -> str:
    """Return a step in a word or two, for tables."""
    match step:
        case Commit():
            return f"commit {step.message.trailers.step}"
        case Notify():
            return f"tell {step.key}"
        case Smoke():
            return "smoke as user" if step.as_user else "smoke"
        case Done() | Freeze() | Refuse():
            return type(step).__name__
        case _:
            return type(step).__name__


def trace(steps: Sequence[Step]) -> str:
    return ", ".join(word(step) for step in steps)
