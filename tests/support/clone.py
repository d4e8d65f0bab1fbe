"""A clone of this checkout that a test may edit, commit in and run the command line from."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from colorway.engine.stack import STATE_FOLDER
from colorway.spec.stack import PUBLISHED_PASSPHRASE
from tests.support.places import LOCAL, Place

ROOT = Path(__file__).resolve().parents[2]
UP_LIMIT = 900
"""Seconds after which a command counts as hung."""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A command that ended."""

    code: int
    output: str

    @property
    def changed(self) -> dict[str, int]:
        """How many resources were to change, by operation, as the command's own summary says."""
        line = next(
            (line for line in reversed(self.output.splitlines()) if " to " in line or "nothing changes" in line), ""
        )
        return {op: int(number) for number, op in re.findall(r"(\d+) to (create|update|replace|delete)", line)}


@dataclass(frozen=True, kw_only=True)
class Clone:
    """The clone; every edit is a commit, as for a user."""

    path: Path
    place: Place = LOCAL
    """The stack that is worked on."""
    variables: tuple[tuple[str, str], ...] = ()
    """Set for each command of the command line, on top of this process's environment."""

    def beside(self, path: Path) -> Clone:
        """Return a copy of this checkout as it stands, its state included, as a backup or a second machine has it."""
        shutil.copytree(self.path, path, symlinks=True)
        return replace(self, path=path)

    def having(self, **variables: str) -> Clone:
        """Return the same checkout, its commands run with these variables, too."""
        return replace(self, variables=tuple(variables.items()))

    @classmethod
    def make(cls, path: Path, *, place: Place = LOCAL, overrides: str = "") -> Clone:
        """Clone what is committed and what is not yet: a developer tests the tree before the commit.

        Args:
            path: Where to.
            place: The stack to work on; one that the checkout does not have is made from `local`.
            overrides: Its further overrides of the platform file, in YAML's flow style.
        """
        path.mkdir(parents=True)
        clone = cls(path=path, place=place)
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
        ).stdout
        for name in filter(None, listed.split("\0")):
            source = ROOT / name
            if source.is_file():
                target = path / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read_bytes())
                target.chmod(source.stat().st_mode)
        if not clone.stack_file.exists():
            local = (path / LOCAL.file).read_text()
            clone.stack_file.write_text(place.stack_file(local, overrides=overrides))
        clone.git("init", "--quiet", "--initial-branch=main")
        clone.git("add", "--all")
        clone.commit("Start from the checkout")
        return clone

    @property
    def stack(self) -> str:
        """The name of the stack that is worked on."""
        return self.place.name

    @property
    def stack_file(self) -> Path:
        """The file of that stack."""
        return self.path / self.place.file

    def git(self, *arguments: str) -> str:
        """Run git in the clone."""
        return subprocess.run(["git", *arguments], cwd=self.path, capture_output=True, check=True, text=True).stdout

    def commit(self, subject: str) -> None:
        """Commit all changes."""
        self.git(
            "-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "--quiet", "--all", "-m", subject
        )

    def edit(self, name: str, pattern: str, replacement: str, *, subject: str) -> None:
        """Change one line of a file and commit it.

        Raises:
            AssertionError: the pattern is not on exactly one line.
        """
        file = self.path / name
        text, count = re.subn(pattern, replacement, file.read_text(), flags=re.MULTILINE)
        assert count == 1, f"{pattern!r} matches {count} times in {name}; a test edits exactly one line"
        file.write_text(text)
        self.commit(subject)

    def traffic(self, blue: int, *, active: str | None = None) -> None:
        """Commit a new traffic line."""
        owner = active or ("blue" if blue else "green")
        line = f"  colorway:traffic: {{blue: {blue}, green: {100 - blue}, active: {owner}}}"
        if line in self.stack_file.read_text():
            return
        self.edit(self.place.file, r"^  colorway:traffic: .*$", line, subject=f"Send {100 - blue} % to green")

    def versions(self, *, blue: str | None, green: str | None) -> None:
        """Commit a new versions line."""
        said = {color: f'"{version}"' if version else "null" for color, version in (("blue", blue), ("green", green))}
        line = f"  colorway:versions: {{blue: {said['blue']}, green: {said['green']}}}"
        if line in self.stack_file.read_text():
            return
        self.edit(self.place.file, r"^  colorway:versions: .*$", line, subject="Change the versions")

    def environment(self) -> dict[str, str]:
        """Return what the command line is run with: this clone's code, this interpreter."""
        # Where the plugins are is the machine's; whose stack and which backend is the clone's own.
        kept = {
            key: value
            for key, value in os.environ.items()
            if key == "PULUMI_HOME" or not key.startswith(("PULUMI_", "PYTEST_"))
        }
        return {**kept, "PYTHONPATH": str(self.path), "COLUMNS": "120", **dict(self.variables)}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command of the command line and do not wait."""
        return subprocess.Popen(
            [sys.executable, "-m", "colorway", *arguments],
            cwd=self.path,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, code: int = 0) -> Ran:
        """Run a command of the command line.

        Raises:
            AssertionError: it ended with another code; the message is its output.
        """
        process = self.start(*arguments)
        try:
            output, _ = process.communicate(timeout=UP_LIMIT)
        except BaseException:
            # It is a process group of its own, so nobody else ends it.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        assert process.returncode == code, f"colorway {' '.join(arguments)} ended with {process.returncode}:\n{output}"
        assert "Traceback" not in output, f"a user must never see a traceback:\n{output}"
        return Ran(code=process.returncode, output=output)

    def up(self, *more: str, code: int = 0) -> Ran:
        """Run `colorway up` on the stack that is worked on."""
        return self.run("up", self.stack, *more, code=code)

    def settled(self) -> None:
        """Assert that another `up` changes nothing."""
        ran = self.up()
        assert ran.changed == {}, f"nothing is left to do:\n{ran.output}"

    def down(self, *more: str) -> Ran:
        """Remove that stack with its data."""
        return self.run("down", self.stack, "--data", "--yes", *more)


def as_user_of(clone: Clone, pulumi_cli: Path, *arguments: str, said: str) -> None:
    """Run the Pulumi CLI in a checkout, on its own state."""
    environment = {
        **os.environ,
        "PULUMI_BACKEND_URL": (clone.path / STATE_FOLDER).as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": PUBLISHED_PASSPHRASE,
    }
    ran = subprocess.run(
        [str(pulumi_cli), *arguments, "--stack", clone.stack],
        input=said, cwd=clone.path, env=environment, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
