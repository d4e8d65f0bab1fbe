"""The images that a lab's hosts begin with: layers of this machine's engine, which all of them read and none unpacks.

A host's engine keeps what it knows of an image in small files, and the image's files in one folder for each layer. The
small files are put on the host's disk when that is made; each folder is a link to the one copy that all hosts see. What
cannot be had this way is brought to the host's engine once that runs.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from colorway.errors import ColorwayError
from colorway.lab.host import LabHost
from colorway.lab.namespaces import run
from colorway.machine.daemon import docker
from colorway.machine.turns import in_turn

DRIVER = "overlay2"
"""Docker's storage driver whose folders are understood here."""
SEEN = "/.layers"
"""Where a host sees the layers."""
_ENGINE = "{{.Driver}} {{json .SecurityOptions}} {{.DockerRootDir}}"
_FILES = ("link", "lower", "committed")
"""What the driver keeps of a layer beside its files."""


@dataclass(frozen=True, kw_only=True)
class Layers:
    """The layers that the hosts of this machine's labs have in common."""

    folder: Path
    """Has a folder of each layer, called by what it and all below it are."""

    @cached_property
    def engine(self) -> Path | None:
        """Where this machine's engine keeps images; none where it is another machine's, or keeps them otherwise."""
        answer = docker("info", "--format", _ENGINE)
        driver, _, rest = answer.stdout.strip().partition(" ")
        options, _, root = rest.partition("] ")
        # Of one without root, or with other users, files belong to others than a host's engine expects.
        usual = not any(one in options for one in ("rootless", "userns"))
        place = Path(root)
        return place if root and driver == DRIVER and usual and (place / "image" / DRIVER).is_dir() else None

    @cached_property
    def ids(self) -> dict[str, str]:
        """The images of this machine's engine: what each is called, by its reference."""
        answer = docker("image", "ls", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}")
        return dict(line.split() for line in answer.stdout.splitlines())

    def lay(self, images: Collection[str], into: Path) -> list[str]:
        """Write what an engine knows of images, and return those that it will have: what cannot be had is left out.

        Args:
            images: References.
            into: What will be its folder.

        Raises:
            ColorwayError: it cannot be written, or an image goes away meanwhile.
        """
        engine = self.engine
        if engine is None:
            return []
        try:
            with in_turn(self.folder, what="lays out a lab's images"):
                found = [one for one in sorted(images) if one in self.ids and self._image(engine, self.ids[one], into)]
        except OSError as error:
            raise ColorwayError(f"the images of a lab's host cannot be put on its disk: {error}") from None
        names: dict[str, dict[str, str]] = {}
        for one in found:
            names.setdefault(one.rpartition(":")[0], {})[one] = self.ids[one]
        if found:
            into.chmod(0o710)
            (into / "image" / DRIVER / "repositories.json").write_text(json.dumps({"Repositories": names}))
        return found

    def forget(self) -> None:
        """Remove the layers that this machine's engine has no more: no host may be there that could read them."""
        if not self.folder.exists() or self.engine is None:
            return
        known = self.engine / "image" / DRIVER / "layerdb" / "sha256"
        with in_turn(self.folder, what="lays out a lab's images"):
            for place in self.folder.iterdir():
                if place.is_dir() and not (known / place.name).exists():
                    shutil.rmtree(place)

    def _image(self, engine: Path, id_: str, into: Path) -> bool:
        """Write what an engine knows of one image; return whether this machine's has all of it."""
        kept = Path("image") / DRIVER
        file = kept / "imagedb" / "content" / Path(*id_.split(":"))
        try:
            chain = list(chain_ids(json.loads((engine / file).read_bytes())["rootfs"]["diff_ids"]))
            there = [engine / kept / "layerdb" / "sha256" / one for one in chain]
            folders = [engine / DRIVER / (one / "cache-id").read_text() for one in there]
        except (OSError, ValueError, KeyError):
            return False
        for one, about, folder in zip(chain, there, folders, strict=True):
            self._share(folder / "diff", one)
            to = into / kept / "layerdb" / "sha256" / one
            if not to.exists():
                self._layer(one, folder, into / DRIVER)
                shutil.copytree(about, to)
        (into / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(engine / file, into / file)
        return True

    @staticmethod
    def _layer(name: str, folder: Path, into: Path) -> None:
        to = into / folder.name
        (to / "work").mkdir(parents=True)
        for file in _FILES:
            if (folder / file).exists():
                shutil.copy(folder / file, to / file)
        (to / "diff").symlink_to(f"{SEEN}/{name}")
        (into / "l").mkdir(exist_ok=True)
        (into / "l" / (folder / "link").read_text()).symlink_to(f"../{folder.name}/diff")

    def _share(self, files: Path, name: str) -> None:
        """Copy a layer's files to where all hosts see them, unless they are there."""
        place = self.folder / name
        if place.exists():
            return
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="new-") as new:
            # Python's own copy knows no device files, which stand for what a layer takes away.
            run(["cp", "--archive", str(files), f"{new}/files"], what="the lab's layers")
            (Path(new) / "files").rename(place)


def bring(images: Collection[str], host: LabHost) -> None:
    """Send images of this machine's engine to a host's, which runs.

    Raises:
        ColorwayError: an image or an engine is missing.
    """
    with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as saved:
        entering = host.namespaces.entering(["docker", "load", "--quiet"])
        loaded = subprocess.run(entering, stdin=saved.stdout, capture_output=True, text=True, check=False)
    if saved.returncode or loaded.returncode:
        what = ", ".join(images)
        raise ColorwayError(f"{host.spec.name}: {what} cannot be brought there: {loaded.stderr.strip()}")


def chain_ids(diff_ids: Iterable[str]) -> Iterator[str]:
    """Return what each layer of an image is called in an engine: by what it and all below it are.

    The formula is that of https://github.com/opencontainers/image-spec/blob/main/config.md#layer-chainid.

    Args:
        diff_ids: Digests of the layers, the lowest first: `sha256:…`.
    """
    chain = ""
    for one in diff_ids:
        chain = f"sha256:{hashlib.sha256(f'{chain} {one}'.encode()).hexdigest()}" if chain else one
        yield chain.removeprefix("sha256:")
