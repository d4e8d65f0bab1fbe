"""`apply: ci`: the release pushes and waits; somebody else's `up` makes it live."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from colorway.engine.stack import STATE_FOLDER
from tests.support.clone import Clone
from tests.support.load import Load
from tests.support.releasing import LEAST, PLAN, Releasing

pytestmark = [pytest.mark.area("release"), pytest.mark.full]

STEP = 600
"""Seconds that a release or a rollback may take before the test gives up."""


class Runner:
    """A stand-in for CI: pulls what is pushed and runs `colorway up`, with the state that both share."""

    def __init__(self, checkout: Path, *, stack: str, state: str) -> None:
        self.checkout, self.stack, self.state = checkout, stack, state
        self.applied: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=self.checkout, capture_output=True, check=True, text=True
        ).stdout.strip()

    def _run(self) -> None:
        while not self._over.wait(1):
            before = self._git("rev-parse", "HEAD")
            self._git("pull", "--quiet", "--ff-only")
            if self._git("rev-parse", "HEAD") != before:
                self._up()

    def _up(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(self.checkout), "PULUMI_BACKEND_URL": self.state, "CI": "true"}
        run = subprocess.run(
            [sys.executable, "-m", "colorway", "up", self.stack],
            cwd=self.checkout,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        print(run.stdout, run.stderr)
        assert run.returncode == 0, "CI's own `up` fails"
        self.applied.append(self._git("log", "-1", "--format=%s"))


@pytest.fixture
def runner(releasing: Releasing, tmp_path: Path) -> Iterator[Runner]:
    """A bare repository that the clone pushes to, and a runner that applies what comes there."""
    clone: Clone = releasing.clone
    bare, checkout = tmp_path / "remote.git", tmp_path / "runner"
    with clone.stack_file.open("a") as file:
        file.write("  colorway:release: {apply: ci}\n")
    clone.commit("Let CI apply")
    clone.git("init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    clone.git("remote", "add", "origin", str(bare))
    clone.git("push", "--quiet", "--set-upstream", "origin", "main")
    clone.git("clone", "--quiet", str(bare), str(checkout))
    with Runner(checkout, stack=clone.stack, state=(clone.path / STATE_FOLDER).as_uri()) as made:
        yield made
    clone.git("remote", "remove", "origin")
    text = clone.stack_file.read_text()
    clone.stack_file.write_text(text.replace("  colorway:release: {apply: ci}\n", ""))
    clone.commit("Apply here again")


@pytest.mark.timeout(2400)
def test_a_release_and_its_rollback_wait_for_what_ci_applies(releasing: Releasing, runner: Runner):
    version, since = releasing.other_version, releasing.head()
    with Load(target=releasing.demo.target, plan=PLAN) as load:
        output = releasing.start("release", version, "--stages", "100", "--yes").end(code=0, limit=STEP)
        releasing.start("rollback").end(code=0, limit=STEP)
        report = load.stop()
    assert "waiting for CI to apply it" in output, "it says what it waits for"
    assert runner.applied == releasing.subjects(since), "CI applied each commit, in order, and nobody else did"
    assert len(runner.applied) == 4, "started, all traffic, back, off"
    releasing.check_commits(since)
    assert report.problems(least_rate=LEAST) == [], "whoever applies, nothing is lost"
