"""The line of a stack file that keeps what commands move: one line changes, and is the only one that does."""

from __future__ import annotations

import subprocess

import pytest

from colorway.config.documents import parse_document
from colorway.data.store_line import prepared, with_kept
from colorway.errors import ColorwayError
from colorway.release.plan.trailers import Note
from colorway.release.ports.git import Git

FILE = "# ours\nconfig:\n  colorway:platform: demo  # words\n  colorway:hosts:\n    - {name: db1}\n"
LINE = '  "colorway:stores": { orders: {primary: db1}, postgres: {} }  # moved by commands\n'
DB2 = {"primary": "db2"}
BEGAN = {
    "generation": 2,
    "begins-from": {"generation": 1, "backup": "20261128-020000F", "to": "2026-11-28 14:00:00+00"},
}
NOTE = Note(subject="Let db2 be the primary of orders", body=("Because.",))


def settings(text):
    return parse_document(text, name="")[0].section("config").data


def test_a_file_without_the_line_gets_it():
    after = with_kept(FILE, "orders", DB2, name="Pulumi.lab.yaml")
    assert settings(after)["colorway:stores"] == {"orders": {"primary": "db2"}}
    assert [line for line in after.splitlines() if line not in FILE.splitlines()] == [
        "  colorway:stores: {orders: {primary: db2}}"
    ]


def test_what_else_is_on_the_line_stays():
    after = with_kept(FILE + LINE, "orders", DB2, name="Pulumi.lab.yaml")
    assert settings(after)["colorway:stores"] == {"orders": {"primary": "db2"}, "postgres": {}}
    assert after.startswith(FILE), "no other line changes"
    assert after.endswith("  # moved by commands\n")
    assert with_kept(after, "orders", DB2, name="Pulumi.lab.yaml") == after


def test_a_generation_is_written_so_that_each_text_is_read_back_as_one():
    after = with_kept(FILE + LINE, "postgres", BEGAN, name="Pulumi.lab.yaml")
    assert settings(after)["colorway:stores"] == {"orders": {"primary": "db1"}, "postgres": BEGAN}
    assert with_kept(after, "orders", {"primary": "on"}, name="Pulumi.lab.yaml").count('primary: "on"') == 1


def test_what_is_on_several_lines_is_refused_with_the_line_to_write():
    block = "  colorway:stores:\n    orders:\n      primary: db1\n"
    with pytest.raises(ColorwayError, match=r"write it below config: colorway:stores: \{orders: \{primary: db2\}\}"):
        with_kept(FILE + block, "orders", DB2, name="Pulumi.lab.yaml")


def test_the_edit_is_committed_alone_and_once(tmp_path):
    def git(*words):
        return subprocess.run(["git", "-C", str(tmp_path), *words], check=True, capture_output=True, text=True).stdout

    file = tmp_path / "Pulumi.lab.yaml"
    git("init", "--quiet")
    file.write_text(FILE)
    git("add", ".")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "Begin")
    commit = prepared(Git(tmp_path), file.name, store="orders", kept=DB2, message=NOTE)
    assert file.read_text() == FILE, "nothing is written before the member leads"
    commit()
    assert git("log", "--format=%s").splitlines() == ["Let db2 be the primary of orders", "Begin"]
    assert git("status", "--porcelain") == ""
    prepared(Git(tmp_path), file.name, store="orders", kept=DB2, message=NOTE)()
    assert len(git("log", "--format=%s").splitlines()) == 2, "the file says it already"
    file.write_text(FILE)
    with pytest.raises(ColorwayError, match="has edits that are not committed"):
        prepared(Git(tmp_path), file.name, store="orders", kept={"primary": "db1"}, message=NOTE)
