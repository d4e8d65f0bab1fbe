"""The images that a lab's hosts begin with: what is written for a host's engine, of an engine's folder as it is."""

from __future__ import annotations

import hashlib
import json
import subprocess

import pytest

from colorway.errors import ColorwayError
from colorway.lab import layers
from colorway.lab.layers import DRIVER, SEEN, Layers, chain_ids
from colorway.render.templates import TEMPLATES

BASE, TOP, OTHER = (f"sha256:{letter * 64}" for letter in "abc")
DEMO, OLD = "colorway/demo:1", "colorway/demo:0"


class Engine:
    """A folder as an engine has it, and what the engine says."""

    def __init__(self, root):
        self.root, self.images, self.driver, self.options = root, {}, DRIVER, '["name=seccomp,profile=default"]'
        (root / "image" / DRIVER).mkdir(parents=True)

    def has(self, reference, *diff_ids):
        id_ = "sha256:" + reference.encode().hex().ljust(64, "0")
        content = self.root / "image" / DRIVER / "imagedb" / "content" / "sha256"
        content.mkdir(parents=True, exist_ok=True)
        (content / id_[7:]).write_text(json.dumps({"rootfs": {"diff_ids": diff_ids}}))
        below = []
        for number, chain in enumerate(chain_ids(diff_ids)):
            about = self.root / "image" / DRIVER / "layerdb" / "sha256" / chain
            folder = self.root / DRIVER / f"cache-{chain[:8]}"
            if not about.exists():
                about.mkdir(parents=True)
                (about / "cache-id").write_text(folder.name)
                (folder / "diff" / "bin").mkdir(parents=True)
                (folder / "diff" / "bin" / f"tool{number}").write_text(chain)
                (folder / "link").write_text(f"L{chain[:8]}")
                (folder / "committed").touch()
                if below:
                    (folder / "lower").write_text(":".join(below))
            below.insert(0, f"l/L{chain[:8]}")
        self.images[reference] = id_

    def forgets(self, *diff_ids):
        for chain in chain_ids(diff_ids):
            for file in (about := self.root / "image" / DRIVER / "layerdb" / "sha256" / chain).iterdir():
                file.unlink()
            about.rmdir()

    def docker(self, *arguments):
        said = f"{self.driver} {self.options} {self.root}"
        if arguments[0] == "image":
            said = "\n".join(f"{one} {id_}" for one, id_ in self.images.items())
        return subprocess.CompletedProcess(arguments, 0, stdout=f"{said}\n", stderr="")


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """Return this machine's engine, with an image of two layers."""
    made = Engine(tmp_path / "engine")
    made.has(DEMO, BASE, TOP)
    monkeypatch.setattr(layers, "docker", made.docker)
    return made


@pytest.fixture
def shared(tmp_path):
    """Return the layers that hosts have in common."""
    return Layers(folder=tmp_path / "layers")


def test_a_layer_is_called_by_what_it_is_and_all_below_it():
    second = hashlib.sha256(f"{BASE} {TOP}".encode()).hexdigest()
    third = hashlib.sha256(f"sha256:{second} {OTHER}".encode()).hexdigest()
    assert list(chain_ids([BASE, TOP, OTHER])) == ["a" * 64, second, third]


def test_a_host_gets_what_its_engine_knows_of_its_images_and_links_to_their_files(engine, shared, tmp_path):
    engine.has("colorway/nginx:1", BASE, OTHER)
    disk = tmp_path / "disk"
    assert shared.lay([DEMO], disk) == [DEMO]
    kept = disk / "image" / DRIVER
    repositories = json.loads((kept / "repositories.json").read_text())
    assert repositories == {"Repositories": {"colorway/demo": {DEMO: engine.images[DEMO]}}}, "and no other image"
    base, top = chain_ids([BASE, TOP])
    assert sorted(one.name for one in (kept / "layerdb" / "sha256").iterdir()) == sorted([base, top])
    folder = disk / DRIVER / f"cache-{top[:8]}"
    assert str((folder / "diff").readlink()) == f"{SEEN}/{top}"
    assert (folder / "lower").read_text() == f"l/L{base[:8]}"
    assert (disk / DRIVER / "l" / f"L{top[:8]}").resolve(strict=False) == (folder / "diff").resolve(strict=False)
    assert (shared.folder / top / "bin" / "tool1").read_text() == top, "its files are there once"


def test_a_host_sees_the_layers_where_the_links_lead():
    script = (TEMPLATES / "lab" / "init.sh").read_text()
    assert f'mount --bind "$layers" "$root{SEEN}"' in script
    assert f'mount -o remount,bind,ro "$root{SEEN}"' in script, "one host must not change what all see"


def test_a_second_host_copies_no_files(engine, shared, tmp_path):
    shared.lay([DEMO], tmp_path / "first")
    base, _ = chain_ids([BASE, TOP])
    (shared.folder / base / "bin" / "tool0").write_text("the one that all see")
    assert shared.lay([DEMO], tmp_path / "second") == [DEMO]
    assert (shared.folder / base / "bin" / "tool0").read_text() == "the one that all see"


def test_what_the_engine_lacks_in_part_is_left_to_be_brought(engine, shared, tmp_path):
    engine.has(OLD, OTHER)
    engine.forgets(OTHER)
    disk = tmp_path / "disk"
    assert shared.lay([OLD, DEMO, "colorway/none:1"], disk) == [DEMO]
    assert shared.lay([OLD], tmp_path / "another") == []
    assert not (tmp_path / "another").exists(), "an engine that begins with nothing is as any other"


def test_an_image_that_cannot_be_written_is_said(engine, shared, tmp_path):
    (tmp_path / "disk").touch()
    with pytest.raises(ColorwayError, match=r"the images of a lab's host cannot be put on its disk: .*disk"):
        shared.lay([DEMO], tmp_path / "disk")


@pytest.mark.parametrize(
    ("what", "value"),
    [("driver", "overlayfs"), ("driver", "vfs"), ("options", '["name=userns"]'), ("options", '["name=rootless"]')],
)
def test_of_an_engine_that_keeps_images_otherwise_nothing_is_taken(engine, shared, tmp_path, what, value):
    setattr(engine, what, value)
    assert shared.lay([DEMO], tmp_path / "disk") == []


def test_of_an_engine_of_another_machine_nothing_is_taken(engine, shared, tmp_path):
    engine.root = tmp_path / "not-here"
    assert shared.lay([DEMO], tmp_path / "disk") == []


def test_layers_that_no_image_has_any_more_are_forgotten_and_so_is_half_a_copy(engine, shared, tmp_path):
    engine.has(OLD, BASE, OTHER)
    shared.lay([DEMO, OLD], tmp_path / "disk")
    (shared.folder / "new-cut-off" / "files").mkdir(parents=True)
    _, other = chain_ids([BASE, OTHER])
    base, top = chain_ids([BASE, TOP])
    for file in (about := engine.root / "image" / DRIVER / "layerdb" / "sha256" / other).iterdir():
        file.unlink()
    about.rmdir()
    shared.forget()
    assert sorted(one.name for one in shared.folder.iterdir() if one.is_dir()) == sorted([base, top])
