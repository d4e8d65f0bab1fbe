"""A state file that a killed engine left cut short comes back from its last whole copy."""

from __future__ import annotations

import json

import pytest

from colorway.engine.checkpoint import restore_checkpoint

WHOLE = json.dumps({"version": 3, "checkpoint": {"latest": {}}})
OLDER = json.dumps({"version": 3, "checkpoint": {"latest": None}})


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / ".pulumi" / "stacks" / "colorway"
    made.mkdir(parents=True)
    return made


def restore(tmp_path):
    return restore_checkpoint(backend=tmp_path.as_uri(), project="colorway", stack="local")


@pytest.mark.parametrize("left", [b"", WHOLE[:20].encode(), None], ids=["empty", "cut short", "gone"])
def test_the_copy_that_the_engine_made_comes_back(tmp_path, folder, left):
    if left is not None:
        (folder / "local.json").write_bytes(left)
    (folder / "local.json.bak").write_text(WHOLE)
    assert "killed while it wrote the state" in restore(tmp_path)
    assert (folder / "local.json").read_text() == WHOLE, "without it every later command fails, or starts from nothing"


def test_the_newest_finished_run_serves_where_the_copy_is_cut_short_too(tmp_path, folder):
    history = tmp_path / ".pulumi" / "history" / "colorway" / "local"
    history.mkdir(parents=True)
    (history / "local-1.checkpoint.json").write_text(OLDER)
    (folder / "local.json").write_bytes(b"")
    (folder / "local.json.bak").write_bytes(b"")
    assert restore(tmp_path)
    assert (folder / "local.json").read_text() == OLDER


def test_a_whole_state_is_left_alone(tmp_path, folder):
    (folder / "local.json").write_text(WHOLE)
    (folder / "local.json.bak").write_text(OLDER)
    assert restore(tmp_path) is None
    assert (folder / "local.json").read_text() == WHOLE


def test_a_stack_that_never_was_is_not_invented(tmp_path, folder):
    assert restore(tmp_path) is None
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("backend", ["https://api.example.com", "s3://bucket", ""])
def test_other_backends_are_not_touched(backend):
    assert restore_checkpoint(backend=backend, project="colorway", stack="local") is None
