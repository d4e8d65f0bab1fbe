"""Every command line of README is known, and something shows that it works."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.readme import (
    HERE,
    PRINTED,
    README,
    SHOWN,
    Terminal,
    blocks,
    clean_environment,
    commands,
    inline,
    items,
    plain,
)

ROOT = Path(__file__).parents[1]
TEXT = README.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", sorted({plain(one) for one in commands(TEXT)}))
def test_every_command_of_the_readme_is_shown_to_work(command):
    assert command in SHOWN, f"README has `{command}`: say in tests/support/readme.py what shows that it works"


def test_nothing_is_shown_that_the_readme_does_not_say():
    said = {plain(one) for one in commands(TEXT)}
    assert set(SHOWN) - said == set(), "a command that went from README goes from the table"


@pytest.mark.parametrize("where", sorted({one for one in SHOWN.values() if not one.startswith("by hand: ")}))
def test_what_shows_a_command_exists(where):
    path, _, name = where.partition("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    if name:
        defined = {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)}
        assert name in defined, f"{path} has no {name}"
    elif where != HERE:
        called = [command for command, shown in SHOWN.items() if shown == where]
        assert all(command in text for command in called), f"{path} calls {called}"


def test_commands_are_found_in_blocks_and_in_sentences():
    text = "```sh\nmake up   # all\n\n# nothing\ncolorway status a\n```\nRun `make down`, not `up` or `rm`.\n"
    assert blocks(text) == ["make up", "colorway status a"]
    assert inline(text) == ["make down", "up", "rm"]
    assert commands(text) == ["make up", "colorway status a", "make down"]


def test_items_of_a_section_are_found():
    text = "\n## One\n\n1. Run `a`.\n2. Then\n   `b`, `c`.\n\n## Two\n\n1. `d`\n"
    assert [(item.number, item.code) for item in items(text, section="One")] == [(1, ["a"]), (2, ["b", "c"])]


def test_commands_that_the_program_prints_are_found():
    said = "next: .venv/bin/colorway status a   colorway preview a   make down\n`colorway up a` tries again"
    assert PRINTED.findall(said) == [".venv/bin/colorway status a", "colorway preview a"]


def test_a_terminal_keeps_what_was_typed_and_sees_what_fails(tmp_path):
    terminal = Terminal(Clone(path=tmp_path))
    terminal.type("export SAID=hello", limit=30)
    assert terminal.type("echo $SAID; cat", limit=30).strip() == "hello", "one session; nobody answers questions"
    assert terminal.type("false", limit=30, code=1).strip() == ""
    with pytest.raises(AssertionError, match="`false` ended with 1"):
        terminal.type("false", limit=30)
    with pytest.raises(AssertionError, match="did not end within 1 s"):
        terminal.type("sleep 60", limit=1)


def test_there_is_no_pulumi_on_a_clean_path(tmp_path, monkeypatch):
    (tmp_path / "pulumi").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin")
    assert clean_environment()["PATH"] == "/usr/bin"
