"""A state file says what the CLI says, and one that a killed engine left cut short comes back from its last copy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from colorway.engine.state import is_absent, read_checkpoint, read_deployment, restore_checkpoint

WHOLE = json.dumps({"version": 3, "checkpoint": {"latest": {"resources": [{"urn": "urn:pulumi:local::colorway::x"}]}}})
EMPTY = json.dumps({"version": 3, "checkpoint": {"latest": {}}})
DATA = Path(__file__).parent / "data"
"""`checkpoint.json` as 3.259 wrote it, and what its `stack export --show-secrets` printed of it: `export.json`."""
SECRET = "4dabf18193072939515e22adb298388d"
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


@pytest.mark.parametrize("left", [b"", b'{"user.cache_control"'], ids=["empty", "cut short"])
def test_attributes_that_are_cut_short_go_and_the_state_stays(tmp_path, folder, left):
    (folder / "local.json").write_text(WHOLE)
    (folder / "local.json.attrs").write_bytes(left)
    assert "killed while it wrote the state" in restore(tmp_path)
    assert not (folder / "local.json.attrs").exists(), "with them the CLI ends with EOF, without it reads the state"
    assert (folder / "local.json").read_text() == WHOLE
    assert restore(tmp_path) is None


def test_whole_attributes_stay(tmp_path, folder):
    (folder / "local.json").write_text(WHOLE)
    (folder / "local.json.attrs").write_text('{"user.cache_control":""}')
    assert restore(tmp_path) is None
    assert (folder / "local.json.attrs").exists()


def test_a_stack_that_was_removed_stays_removed(tmp_path, folder):
    (folder / "local.json.bak").write_text(EMPTY)
    assert restore(tmp_path) is None, "`down` leaves the last copy; the next `up` was not killed"
    assert not (folder / "local.json").exists()


def test_a_stack_that_never_was_is_not_invented(tmp_path, folder):
    assert restore(tmp_path) is None
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("backend", ["https://api.example.com", "s3://bucket", ""])
def test_other_backends_are_not_touched(backend):
    assert restore_checkpoint(backend=backend, project="colorway", stack="local") is None


def read(tmp_path, backend=None):
    return read_checkpoint(backend=backend or tmp_path.as_uri(), project="colorway", stack="local")


def masked(value):
    """The value without what differs between secrets that are encrypted and secrets that are not."""
    if isinstance(value, dict):
        return "secret" if SECRET in value else {key: masked(inner) for key, inner in value.items()}
    return [masked(inner) for inner in value] if isinstance(value, list) else value


def test_the_file_says_what_the_cli_exports(tmp_path, folder):
    written = (DATA / "checkpoint.json").read_text()
    exported = json.loads((DATA / "export.json").read_text())["deployment"]
    (folder / "local.json").write_text(written)
    deployment = read(tmp_path)
    assert "ciphertext" in written
    assert "plaintext" in str(exported), "the recording has secrets, or it proves nothing"
    assert masked(deployment) == masked(exported)
    here, there = read_deployment(deployment), read_deployment(exported)
    assert here.outputs is not None
    assert here.outputs == there.outputs
    assert (here.pending, here.is_empty) == (there.pending, there.is_empty)
    assert len(here.pending) == 1, "an interrupted operation must be seen"
    assert here.swarm_objects == there.swarm_objects
    assert len(here.swarm_objects) == 2
    assert here.urns == there.urns
    assert here.applied_generations == there.applied_generations
    assert [text.splitlines()[1] for text in here.applied_generations.values()] == ["server <a & b>;"]


@pytest.mark.parametrize("written", [EMPTY, OLDER], ids=["no resources", "no deployment"])
def test_an_empty_stack_is_there_and_empty(tmp_path, folder, written):
    (folder / "local.json").write_text(written)
    assert read(tmp_path) == {}, "None would mean that nobody knows"


@pytest.mark.parametrize(
    "content",
    [None, b"", WHOLE[:20].encode(), b"\x1f\x8b", b"[]", b'{"version": 3}', WHOLE.replace("3", "2", 1).encode()],
    ids=["missing", "empty", "being written", "compressed", "no mapping", "no checkpoint", "of another version"],
)
def test_what_is_no_whole_state_file_is_left_to_the_cli(tmp_path, folder, content):
    if content is not None:
        (folder / "local.json").write_bytes(content)
    assert read(tmp_path) is None, "only the CLI knows whether there is such a stack"


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_compressed_file_beside_it_may_be_the_newer_one(tmp_path, folder, suffix):
    (folder / "local.json").write_text(WHOLE)
    (folder / f"local.json{suffix}").write_bytes(b"")
    assert read(tmp_path) is None, "the CLI compares their times"


@pytest.mark.parametrize("backend", ["https://api.example.com", "s3://bucket"])
def test_only_files_are_read(tmp_path, folder, backend):
    (folder / "local.json").write_text(WHOLE)
    assert read(tmp_path, backend) is None


def test_a_file_that_is_cut_short_is_read_from_its_last_whole_copy_and_stays_as_it_is(tmp_path, folder):
    (folder / "local.json").write_bytes(WHOLE[:20].encode())
    (folder / "local.json.bak").write_text(WHOLE)
    assert read(tmp_path) is not None, "status must say something at 3 a.m."
    assert (folder / "local.json").read_bytes() == WHOLE[:20].encode(), "only whoever holds the lock may mend it"


def at(time):
    return json.dumps(
        {"version": 3, "checkpoint": {"latest": {"manifest": {"time": time}, "resources": [{"urn": time}]}}}
    )


@pytest.mark.parametrize("newer", ["bak", "history"])
def test_the_newest_whole_copy_counts(tmp_path, folder, newer):
    history = folder.parents[1] / "history/colorway/local"
    history.mkdir(parents=True)
    early, late = "2026-11-27T03:00:00Z", "2026-11-27T03:00:01.5Z"
    (folder / "local.json").write_bytes(b"{")
    (folder / "local.json.bak").write_text(at(late if newer == "bak" else early))
    (history / "local-1.checkpoint.json").write_text(at(early if newer == "bak" else late))
    assert read(tmp_path)["resources"] == [{"urn": late}], "a run that was killed goes on, one that finished is whole"


@pytest.mark.parametrize("left", ["local.json", "local.json.bak", "local.json.gz", "../local.json"])
def test_a_stack_of_which_anything_is_left_is_not_surely_absent(tmp_path, folder, left):
    stack = {"backend": tmp_path.as_uri(), "project": "colorway", "stack": "local"}
    (folder / "local2.json").touch()
    assert is_absent(**stack)
    (folder / left).touch()
    assert not is_absent(**stack), "the CLI knows what it is"


def test_no_other_backend_is_known_to_have_no_stack():
    assert not is_absent(backend="s3://bucket", project="colorway", stack="local")
