"""The shell scripts as they travel."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from colorway.render.templates import TEMPLATES, entry, fill_in, script

SCRIPTS = sorted((TEMPLATES / "scripts").glob("*.sh"))
ENTRIES = sorted((TEMPLATES / "entry").glob("*.sh"))


def travelling(path: Path) -> str:
    return entry(path.stem) if path.parent.name == "entry" else script(path.stem)


def names(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", SCRIPTS + ENTRIES, ids=names)
def test_only_comment_lines_and_empty_lines_stay_at_home(path):
    kept = travelling(path).splitlines()
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.strip().startswith("#"):
            assert kept.pop(0) == line, "the script that runs is the one that is read"
    assert kept == [], "nothing is added"


@pytest.mark.parametrize("path", SCRIPTS + ENTRIES, ids=names)
def test_a_better_comment_changes_no_resource(path):
    assert "\n#" not in f"\n{travelling(path)}", (
        "a comment would be part of the command, and a new command runs on every host"
    )


@pytest.mark.parametrize("path", SCRIPTS + ENTRIES, ids=names)
def test_no_text_for_another_program_looks_like_a_comment(path):
    inside = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        begins = re.search(r"<<(\w+)$", line)
        assert not (inside and line.lstrip().startswith("#")), f"{line} would not reach the program that reads it"
        inside = begins[1] if begins else "" if line == inside else inside


def test_the_text_before_the_first_generation_has_a_name():
    assert "'colorway generation none'" in entry("nginx"), "apply says what serves again when it fails"


@pytest.mark.parametrize("path", SCRIPTS + ENTRIES, ids=names)
def test_the_shell_understands_the_script(path):
    checked = subprocess.run(["/bin/sh", "-n"], input=travelling(path), text=True, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("path", SCRIPTS, ids=names)
def test_a_script_says_in_one_line_what_it_did(path):
    last = [line for line in script(path.stem).splitlines() if line][-1]
    assert last.startswith(("echo ", "docker service logs")), "that line is what the log of an update shows"


def test_a_missing_value_is_an_error_and_no_empty_text():
    with pytest.raises(Exception, match="'load_balancers' is undefined"):
        fill_in("prometheus.yml.j2", scrape_interval="5s")
