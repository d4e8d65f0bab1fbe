"""README's first hour, typed in as it stands into a clean clone on a machine without Pulumi on PATH."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.demo import left_behind
from tests.support.leftovers import remove
from tests.support.places import LOCAL
from tests.support.readme import (
    COMMAND,
    HERE,
    PRINTED,
    README,
    SHOWN,
    Item,
    Terminal,
    blocks,
    items,
    lend_packages,
    plain,
)

pytestmark = pytest.mark.area("engine")

LIMIT = 600
"""Seconds that a command may take on a busy machine before the test gives up."""


@pytest.fixture
def clone(swarm: None, pulumi_cli: Path, tmp_path: Path) -> Iterator[Clone]:
    """A clean clone, whose stack `local` is the only one of that name on this machine."""
    if left_behind(LOCAL.name):
        if not os.environ.get("CI"):
            pytest.skip("the stack local is up on this machine, and README would take it over; colorway down local")
        remove(LOCAL)
    made = Clone.make(tmp_path / "clone")
    lend_packages(made)
    made.git("config", "user.name", "test")
    made.git("config", "user.email", "test@example.com")
    yield made
    if left_behind(LOCAL.name):
        made.down()


@pytest.fixture
def terminal(clone: Clone) -> Iterator[Terminal]:
    opened = Terminal(clone)
    yield opened
    opened.close()


def edit(clone: Clone, code: str) -> bool:
    """Change the line of the stack file that a piece of code is about, and say whether it is about one."""
    text = clone.stack_file.read_text()
    if code.startswith("{blue: "):
        key, value = "colorway:traffic:", code
    elif found := re.fullmatch(r"(colorway:\w+:) (\{.*\})", code):
        key, value = found.groups()
    else:
        return False
    changed, count = re.subn(rf"^  {key} .*$", f"  {key} {value}", text, flags=re.MULTILINE)
    assert count == 1, f"README changes the line {key}, which is there once"
    clone.stack_file.write_text(changed)
    return True


def follow(item: Item, *, clone: Clone, terminal: Terminal) -> None:
    """Do what an item says, in its order."""
    is_mistake = "mistake" in item.text
    for code in item.code:
        if edit(clone, code):
            if is_mistake:
                said = terminal.type(".venv/bin/colorway up local", limit=LIMIT, code=1)
                assert re.search(r"Pulumi\.local\.yaml.*\n?.*traffic", said), f"file and key of the mistake:\n{said}"
                clone.git("checkout", "--quiet", clone.place.file)
            elif re.search(r"\bcommit", item.text):
                terminal.type("git commit --quiet --all --message 'As README says'", limit=LIMIT)
        elif code == "up":
            terminal.type(".venv/bin/colorway up local", limit=LIMIT)
        elif code.startswith("git revert "):
            terminal.type(code.replace("revert", "revert --no-edit"), limit=LIMIT)
        elif COMMAND.match(code):
            terminal.type(code, limit=LIMIT)


@pytest.mark.timeout(3000)
def test_the_first_hour_works_as_printed(clone: Clone, terminal: Terminal):
    text = README.read_text(encoding="utf-8")
    first, *hour = items(text, section="The first hour")
    follow(first, clone=clone, terminal=terminal)
    assert clone.git("status", "--porcelain") == "", "`make up` on a clean clone changes no file"
    told = sorted(set(PRINTED.findall(terminal.printed)))
    assert told, "whoever has a platform is told what to type next"
    for command in told:
        terminal.type(command, limit=LIMIT)
    for command in blocks(text):
        if SHOWN[plain(command)] == HERE and not command.startswith("make "):
            terminal.type(command, limit=LIMIT)
    for item in hour:
        # The kill has tests of its own, at every moment.
        if "kill -9" not in item.code:
            follow(item, clone=clone, terminal=terminal)
    said = terminal.type(".venv/bin/colorway status local", limit=LIMIT)
    assert "traffic: green 100 %" in said or "green 100 %" in said, f"green has everything at the end:\n{said}"
    assert "blue 1.0.0" not in said, "and blue is off"
    for command in re.findall(r'`(eval "[^`]*")`', text):
        terminal.type(f'{command}; test -n "$PULUMI_BACKEND_URL"', limit=LIMIT)
    terminal.type("make down DATA=1", limit=LIMIT)
    assert left_behind(LOCAL.name) == [], "`make down` removes everything that `make up` made"
