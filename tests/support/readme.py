"""README's command lines, how each of them is shown to work, and a terminal to type them into."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.clone import ROOT, Clone

README = ROOT / "README.md"
HERE = "tests/e2e/test_readme.py"
"""Typed in as printed, in a clean clone, by that module."""
HEART = "tests/e2e/test_lab_heart.py::test_seven_bare_hosts_a_release_a_rollback_and_a_load_balancer_lost"
LAB = "tests/e2e/test_host_operations.py::test_a_host_rests_and_is_restarted_and_nobody_notices"
SHOWN: Mapping[str, str] = {
    "make up": HERE,
    "make down": HERE,
    "make down DATA=1": HERE,
    "colorway status local": HERE,
    "colorway preview local": HERE,
    "colorway up local": HERE,
    "colorway history --stack local": HERE,
    "colorway release 2.0.0 --stack local --dry-run": HERE,
    "colorway version new 2.1.0 --from 2.0.0 --platform demo": HERE,
    "colorway run local api -- python3 --version": HERE,
    "colorway new shop --build ../shop": (
        "tests/e2e/test_own_platform.py::test_the_guide_from_a_dockerfile_to_a_release_and_back"
    ),
    "colorway import compose compose.yaml --platform shop": (
        "tests/program/test_compose_files.py::test_the_program_previews_what_becomes_of_it"
    ),
    "colorway pin VERSION --stack STACK": (
        "tests/e2e/test_registries.py::test_tags_are_pinned_with_the_login_of_a_stack"
    ),
    'eval "$(colorway env local)"': HERE,
    "colorway release": "tests/e2e/test_release.py::test_a_release_reaches_everybody_survives_a_kill_and_finishes",
    "colorway release --stack local": (
        "tests/e2e/test_release.py::test_a_release_reaches_everybody_survives_a_kill_and_finishes"
    ),
    "colorway release 2.0.0 --stack local": (
        "tests/e2e/test_release.py::test_a_release_reaches_everybody_survives_a_kill_and_finishes"
    ),
    "colorway finish --stack local": (
        "tests/e2e/test_release.py::test_a_release_reaches_everybody_survives_a_kill_and_finishes"
    ),
    "colorway rollback": "tests/e2e/test_release.py::test_a_rollback_from_every_stage_and_after_100_loses_nothing",
    "colorway rollback --stack local": (
        "tests/e2e/test_release.py::test_a_rollback_from_every_stage_and_after_100_loses_nothing"
    ),
    "colorway maintenance on STACK": (
        "tests/e2e/test_maintenance.py::test_only_what_is_closed_is_stopped_and_nothing_is_lost"
    ),
    "pulumi config set --secret secrets:NAME": (
        "tests/e2e/test_release.py::test_a_release_reaches_everybody_survives_a_kill_and_finishes"
    ),
    "pulumi config set --secret secrets:notify-url-ops": (
        "tests/e2e/test_release.py::test_a_release_reaches_everybody_survives_a_kill_and_finishes"
    ),
    "pulumi preview --stack local": "by hand: needs the official language host, which no package registry carries",
    "colorway lab up": LAB,
    "colorway hosts check lab": LAB,
    "colorway up lab": LAB,
    "colorway lab status": LAB,
    "colorway lab exec lb1 -- ip address": LAB,
    "colorway lab up --like production": "tests/e2e/test_lab.py::test_the_hosts_of_another_stack_are_rehearsed",
    "colorway lab fault cut lb2": HEART,
    "colorway lab fault cut lb2 --undo": HEART,
    "colorway lab down": LAB,
    "make test": ".ci/run",
    "make e2e": ".ci/run",
    "make e2e-full AREA=release": "tests/test_tiers.py::test_a_target_runs_its_tier_and_area",
    "make soak": "tests/e2e/test_release_cycles.py::test_releases_and_rollbacks_in_a_row_lose_nothing_and_do_not_grow",
    "make bench": "by hand: it takes long, and its figures are looked at by the person who commits them",
}
"""Each command of README, without the folder of `colorway`, and what shows that it works."""
COMMAND = re.compile(r"(make|colorway|\.venv/bin/colorway|pulumi|eval) ")
PRINTED = re.compile(r"[\w./-]*\bcolorway (?:(?:status|preview) \w+|history --stack \w+)")
"""What our own output tells people to type, as far as it changes nothing."""


def plain(command: str) -> str:
    """Return a command as `SHOWN` has it."""
    return command.replace(".venv/bin/colorway", "colorway")


def blocks(text: str) -> list[str]:
    """Return the command lines of the ```sh blocks, without their comments."""
    found = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [line.split("  #")[0].split(" # ")[0].strip() for block in found for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def inline(text: str) -> list[str]:
    """Return the code within sentences."""
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", outside)


def commands(text: str) -> list[str]:
    """Return every command line of a text."""
    return [*blocks(text), *(code for code in inline(text) if COMMAND.match(f"{code} ") and " " in code)]


@dataclass(frozen=True, kw_only=True)
class Item:
    """One numbered item of a section."""

    number: int
    text: str

    @property
    def code(self) -> list[str]:
        """What it says to type or to write, in its order."""
        return inline(self.text)


def items(text: str, *, section: str) -> list[Item]:
    """Return the numbered items of a section."""
    _, _, rest = text.partition(f"\n## {section}\n")
    body = rest.partition("\n## ")[0]
    found = re.findall(r"^(\d+)\. (.*(?:\n {2,}.*)*)", body, re.MULTILINE)
    return [Item(number=int(number), text=said) for number, said in found]


def clean_environment() -> dict[str, str]:
    """Return what a person has who never heard of Pulumi: none of its variables, and no such program on PATH."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "PYTEST_", "COLORWAY_"))}
    folders = [folder for folder in kept["PATH"].split(os.pathsep) if not (Path(folder) / "pulumi").exists()]
    ours = Path(sys.prefix) / "bin"
    return {**kept, "PATH": os.pathsep.join(folder for folder in folders if Path(folder) != ours), "COLUMNS": "120"}


def lend_packages(clone: Clone) -> None:
    """Give a clone this checkout's Python packages; .ci/run has installed those in a clone of its own."""
    venv = clone.path / ".venv"
    venv.mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (venv / name).symlink_to(Path(sys.prefix) / name)
    (venv / ".stamp").touch()


class Terminal:
    """One shell in a clone that lives for a whole session, as a person's does."""

    def __init__(self, clone: Clone) -> None:
        # The editable install finds the checkout; in the clone it is the clone.
        environment = {**clean_environment(), "PYTHONPATH": str(clone.path)}
        self._mark = secrets.token_hex(8)
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=clone.path,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.printed = ""
        """Everything so far."""

    def type(self, command: str, *, limit: float, code: int | None = 0) -> str:
        """Type a command, wait until it has ended, and return what it printed.

        Raises:
            AssertionError: it ended with another code (None takes any), or not in time.
        """
        assert self._shell.stdin is not None, "stdin is a pipe"
        self._shell.stdin.write(f"{{ {command}\n}} </dev/null\n_ended=$?; echo; echo {self._mark} $_ended\n")
        self._shell.stdin.flush()
        watchdog = threading.Timer(limit, self.close)
        # A test that is ended here must not wait for it.
        watchdog.daemon = True
        watchdog.start()
        lines = list(self._until_mark())
        watchdog.cancel()
        output = "".join(lines[:-1])
        self.printed += output
        assert lines and self._mark in lines[-1], f"`{command}` did not end within {limit:g} s:\n{output}"  # noqa: PT018
        ended = int(lines[-1].split()[1])
        assert code is None or ended == code, f"`{command}` ended with {ended}:\n{output}"
        assert "Traceback" not in output, f"a user must never see a traceback:\n{output}"
        return output

    def close(self) -> None:
        """End the shell and whatever runs in it."""
        if self._shell.poll() is None:
            os.killpg(self._shell.pid, signal.SIGKILL)
            self._shell.wait()

    def _until_mark(self) -> Iterator[str]:
        assert self._shell.stdout is not None, "stdout is a pipe"
        for line in self._shell.stdout:
            yield line
            if line.startswith(self._mark):
                return
