"""What two labs that begin at once on a new machine both need is made once, and neither stumbles over the other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from colorway.errors import ColorwayError
from colorway.lab import tree as module
from colorway.lab.tree import Tree
from tests.support.specs import ROOT


@pytest.fixture(autouse=True)
def _folder_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(module, "ensure_image", lambda **_: None)
    monkeypatch.setattr(module, "_asked", lambda *_: "container")


def test_two_labs_that_begin_at_once_have_one_root_made_for_both(monkeypatch):
    unpacked, said, waits = [], [], Event()

    def unpack(_container, folder):
        assert waits.wait(timeout=60), "the other one was let in"
        unpacked.append(folder)
        (folder / "etc").mkdir()

    def second(what, *_count, **_more):
        said.append(what)
        if what.startswith("Waiting"):
            waits.set()

    monkeypatch.setattr(module, "_unpack", unpack)
    with ThreadPoolExecutor() as both:
        for made in [both.submit(Tree(root=ROOT).make, second) for _ in range(2)]:
            made.result(timeout=60)

    assert len(unpacked) == 1, "once is enough for both"
    assert "Waiting for another colorway that makes the root of a lab's hosts" in said
    assert (Tree(root=ROOT).folder / "etc").is_dir()


def test_what_a_kill_left_half_made_is_made_anew(monkeypatch):
    folder = Tree(root=ROOT).folder
    half = folder.with_suffix(".new")
    (half / "half").mkdir(parents=True)
    monkeypatch.setattr(module, "_unpack", lambda _container, folder: (folder / "etc").mkdir())

    Tree(root=ROOT).make(lambda *_, **__: None)

    assert [one.name for one in folder.iterdir()] == ["etc"]
    assert not half.exists()


def test_a_cache_that_cannot_be_written_to_is_one_sentence(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ColorwayError, match=r"/file/colorway/lab-trees cannot be written to: .*; set XDG_CACHE_HOME"):
        Tree(root=ROOT).make(lambda *_, **__: None)
