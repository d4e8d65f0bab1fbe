"""What the e2e tests of releases share: one color on to begin with, versions that are bad on purpose."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from typing import Any

from colorway.config import stack_files
from colorway.spec.traffic import Color, Traffic, Versions
from tests.support.clone import Clone
from tests.support.command import Command
from tests.support.demo import Demo, docker
from tests.support.load import LoadPlan

PLAN = LoadPlan(rate_total=350, fresh_per_second=50, returning_per_second=40, posts_per_second=20, max_in_flight=50)
"""The load under which all is shown. Fewer new connections than by default: each costs a TLS handshake on both sides.

On a busy machine requests would pile up until they time out; so no new one is sent while so many are under way.
"""
LEAST = PLAN.rate_total / 10
"""Requests a second that it must reach: a busy machine makes a test slower, not red. Reports print what was reached."""
GOOD = ("1.0.0", "2.0.0", "2.0.1")
FAULTS = {
    "3.0.1": "never-healthy@web",
    "3.0.2": "errors:0.2,sound-for:30",
    "3.0.3": "errors:0.2@web,sound-for:30",
    "3.0.4": "slow:10",
    "3.0.5": "crash-after:40@web",
    "3.0.6": "smoke",
}
"""Versions that are bad by their flags; those with `sound-for` are good for as long as nobody but smoke tests asks."""
BROKEN_MIGRATION = "3.1.0"
"""A version whose migration fails in its second statement."""
WIDER, NARROWER = "3.2.0", "3.3.0"
"""Versions that bring a table, and take it away again, which is not backward compatible."""
MANIFEST = "migrations:\n  - {id: 0001-initial, backward-compatible: true}\n"


def add_versions(clone: Clone) -> None:
    """Commit the manifests of all versions that the tests release, and shorten the hot time."""
    folder = clone.path / "releases/demo"
    (folder / "2.0.1.yaml").write_text(MANIFEST)
    for version, fault in FAULTS.items():
        (folder / f"{version}.yaml").write_text(f"{MANIFEST}flags: {{DEMO_FAULT: '{fault}'}}\n")
    (folder / f"{BROKEN_MIGRATION}.yaml").write_text(
        f"{MANIFEST}  - {{id: 9001-fails-in-its-second-statement, backward-compatible: true}}\n"
    )
    wider = f"{MANIFEST}  - {{id: 9002-adds-a-table, backward-compatible: true}}\n"
    (folder / f"{WIDER}.yaml").write_text(wider)
    narrower = f"{wider}  - {{id: 9003-drops-a-table, backward-compatible: false}}\n"
    (folder / f"{NARROWER}.yaml").write_text(narrower)
    clone.git("add", "releases")
    clone.edit("platforms/demo.yaml", r"^  hot: .*$", "  hot: 5s", subject="Add versions to release")


@dataclass(frozen=True, kw_only=True)
class Releasing:
    """The demo platform with one color on, and nothing under way."""

    demo: Demo

    @property
    def clone(self) -> Clone:
        """The clone that releases are made in."""
        return self.demo.clone

    @property
    def settings(self) -> tuple[Versions, Traffic]:
        """Versions and traffic as the clone's file has them."""
        found = stack_files.from_file(root=self.clone.path, stack=self.clone.stack).settings
        return found.versions, found.traffic

    @property
    def active(self) -> Color:
        """The color that users are on before a release."""
        return self.settings[1].active

    @property
    def other_version(self) -> str:
        """A good version that does not run."""
        running = self.settings[0].of(self.active)
        return next(version for version in GOOD if version != running)

    def start(self, *arguments: str) -> Command:
        """Start a command on the stack."""
        return Command.start(self.clone, *arguments, "--stack", self.clone.stack)

    def status(self) -> dict[str, Any]:
        """Return what `status --json` says, whatever its exit code."""
        process = self.clone.start("status", self.clone.stack, "--json")
        output, _ = process.communicate(timeout=300)
        found: dict[str, Any] = json.loads(output)
        return found

    def subjects(self, since: str) -> list[str]:
        """Return the subjects of the commits since one, oldest first."""
        return self.clone.git("log", "--reverse", "--format=%s", f"{since}..HEAD").splitlines()

    def head(self) -> str:
        """Return HEAD's commit."""
        return self.clone.git("rev-parse", "HEAD").strip()

    def check_commits(self, since: str) -> None:
        """Check that each commit since one changes exactly one line of the stack file, and says why.

        Raises:
            AssertionError: one does not.
        """
        for commit in self.clone.git("rev-list", f"{since}..HEAD").split():
            numbers = self.clone.git("show", "--format=", "--numstat", commit).strip()
            assert numbers == f"1\t1\t{self.clone.place.file}", f"{commit} changes one line and nothing else: {numbers}"
            message = self.clone.git("show", "--no-patch", "--format=%B", commit)
            assert re.search(r"^Colorway-Step: ", message, re.MULTILINE), f"the tool reads its own commits:\n{message}"
        assert self.clone.git("status", "--porcelain") == "", "nothing is left uncommitted"

    def rest(self) -> None:
        """Bring the stack to one color with all traffic, whatever a test left."""
        versions, traffic = self.settings
        idle = traffic.active.other
        is_quiet = versions.of(idle) is None
        if not is_quiet:
            kept = versions.of(traffic.active)
            self.clone.traffic(100 if traffic.active is Color.BLUE else 0)
            self.clone.versions(**{traffic.active.value: kept, idle.value: None})
        if not is_quiet or not self.status()["healthy"]:
            self.clone.up("--in-place", "a test begins with one color")

    def containers(self, service: str, color: Color) -> list[str]:
        """Return the running containers of a colored service."""
        return self.demo.containers(f"{service}-{color}")

    def deafen(self, service: str, color: Color) -> None:
        """Let a service refuse connections and requests from outside: it stays healthy for whoever asks from inside.

        A response that has begun goes on to its end: what the client has of it, nobody can ask for again. So only
        what opens a connection or carries a request is answered by a reset, not what acknowledges a response.
        """
        for container in self.containers(service, color):
            pid = docker("inspect", "--format", "{{.State.Pid}}", container).strip()
            inside = ["nsenter", "--target", pid, "--net"]
            for flag in ("SYN", "PSH"):
                rule = ["-I", "INPUT", "!", "-i", "lo", "-p", "tcp", "--dport", "8000", "--tcp-flags", flag, flag]
                subprocess.run([*inside, "iptables", *rule, "-j", "REJECT", "--reject-with", "tcp-reset"], check=True)
