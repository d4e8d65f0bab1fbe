"""Both platforms with the demo in every image's place: every routed service answers, and nothing is lost on the way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from colorway.config import stack_files
from colorway.spec.hosts import Role
from tests.support.callers import Callers, places
from tests.support.clone import Clone
from tests.support.demo import left_behind
from tests.support.labs import turn

pytestmark = [pytest.mark.area("edge"), pytest.mark.full]

ENOUGH = 20
"""Answers of each service in a color before a stage is left."""
SHORT = "gate: {error-ratio: 0.05, p95: 10s, p95-factor: 20}"
"""A hundred processes on one machine: whether nothing is lost is asked here, and how slow it is elsewhere."""


def commit_short_stages(clone: Clone, stack: str, *, old: str) -> None:
    """Commit the rehearsal's files, with one version on and stages that are over as soon as they are judged."""
    file = clone.path / stack_files.stack_file(stack)
    text = file.read_text(encoding="utf-8")
    text = re.sub(r"(?m)^  colorway:versions: .*$", f'  colorway:versions: {{blue: "{old}", green: null}}', text)
    text = re.sub(r"(?m)^  colorway:traffic: .*$", "  colorway:traffic: {blue: 100, green: 0, active: blue}", text)
    text = re.sub(r"(?m)^    release:\n(      .*\n)*", "", text)
    release = f"    release: {{stages: [{{percent: 50, bake: 20s}}], hot: 5s, {SHORT}}}\n"
    if "  colorway:overrides:\n" not in text:
        text = text.replace("  colorway:hosts:\n", "  colorway:overrides:\n  colorway:hosts:\n")
    file.write_text(text.replace("  colorway:overrides:\n", f"  colorway:overrides:\n{release}"), encoding="utf-8")
    clone.git("add", "--all")
    clone.commit("Rehearse it")


def rehearse(clone: Clone, stack: str, *, new: str, entrances: list[tuple[str, int]]) -> None:
    """Bring a stack up, release a version and go back, with people at every place."""
    clone.run("up", stack)
    asked = places(clone, stack)
    platform = stack_files.from_file(root=clone.path, stack=stack).platform
    routed = {name for name, service in platform.services.items() if service.answers}
    assert {place.service for place in asked} == routed, "each routed service has a place that it is asked at"
    with Callers(asked, entrances=entrances) as callers:
        callers.meet("blue", times=ENOUGH)
        said = clone.run("release", new, "--stack", stack, "--yes").output
        assert f"{len(platform.release.smoke)} smoke tests passed" in clone.git("log", "--format=%B"), (
            "every place was tried before the version had users"
        )
        assert f"{new} is released" in said
        callers.meet("green", times=ENOUGH)
        clone.run("rollback", "--stack", stack)
        callers.meet("blue", times=ENOUGH)
    assert callers.lost == []
    met = sorted(callers.answers.items())
    print(f"{sum(callers.answers.values()):,} answers, none lost: {met}")
    assert all(callers.answers[service, color] for service in routed for color in ("blue", "green"))
    assert clone.run("status", stack).code == 0, "and the stack is whole"


@contextmanager
def gone_at_the_end(clone: Clone, stack: str) -> Iterator[None]:
    try:
        yield
    finally:
        if left_behind(stack):
            clone.run("down", stack, "--data", "--yes")


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("like", "old", "new"), [("staging", "1.8.2", "1.9.0"), ("portal-staging", "2025.1.0", "2025.2.0")]
)
def test_a_platform_is_rehearsed_on_this_machine(
    empty_machine: None, pulumi_cli: Path, tmp_path: Path, like: str, old: str, new: str
):
    clone, stack = Clone.make(tmp_path / "clone"), f"{like}-here"
    assert f"next: colorway up {stack}" in clone.run("rehearse", like, "--demo").output
    commit_short_stages(clone, stack, old=old)
    port = stack_files.from_file(root=clone.path, stack=stack).platform.edge.https_port
    with gone_at_the_end(clone, stack):
        rehearse(clone, stack, new=new, entrances=[("127.0.0.1", port)])


@pytest.mark.timeout(7200)
@pytest.mark.needs("losetup")
@pytest.mark.parametrize(
    ("like", "old", "new"), [("portal-production", "2025.1.0", "2025.2.0"), ("production", "1.8.2", "1.9.0")]
)
def test_a_platform_is_rehearsed_on_hosts_as_its_own(
    empty_machine: None, pulumi_cli: Path, tmp_path: Path, like: str, old: str, new: str
):
    clone, stack = Clone.make(tmp_path / "clone"), f"{like}-lab"
    with turn(wait=True):
        try:
            assert f"next: colorway up {stack}" in clone.run("lab", "up", "--like", like, "--demo").output
            commit_short_stages(clone, stack, old=old)
            spec = stack_files.from_file(root=clone.path, stack=stack)
            balancers = [host for host in spec.settings.hosts if host.has(Role.LOAD_BALANCER)]
            assert len(balancers) == 2, "in step"
            port = spec.platform.edge.https_port
            rehearse(clone, stack, new=new, entrances=[(str(host.address), port) for host in balancers])
        finally:
            clone.run("lab", "down", "--stack", stack)
