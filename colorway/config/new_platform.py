"""The smallest platform for an application: one web service from a Dockerfile or an image, and nothing beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from colorway.config import begun
from colorway.config.begun import Begun
from colorway.errors import ColorwayError
from colorway.spec.names import MAIN_DOMAIN
from colorway.spec.task.process import STOCK_CAPABILITIES

DOMAIN = "localhost.localdomain"
SERVICE = "web"


def new_platform(root: Path, name: str, *, build: str | None, image: str | None, port: int | None) -> Begun:
    """Return the files of a platform with one service.

    Args:
        root: The project's folder.
        name: Name of the platform, of its stack, and of the folder below images/.
        build: Folder with the application's Dockerfile, as seen from where the command runs.
        image: Image instead of it.
        port: Port that the application listens on; none = the one that the Dockerfile exposes.

    Raises:
        ColorwayError: it is not said what to run or where that listens, or a name is none.
    """
    begun.check_names(name, name)
    folder, copied, texts = f"images/{name}", {}, {}
    if build is not None and image is not None:
        raise ColorwayError("--build and --image are both said; a platform begins from one of them")
    if image is not None:
        if not image or set(image) & set(" \t\n"):
            raise ColorwayError("--image must be an image as `docker pull` takes it, for example nginx:1.27")
        texts[f"{folder}/Dockerfile"] = f"FROM {image}\n"
        dockerfile = ""
    else:
        source = root / folder if build is None else Path(build)
        dockerfile = _dockerfile(source, is_said=build is not None)
        if source.resolve() != (root / folder).resolve():
            copied[folder] = str(source)
    listens = port or begun.exposed(dockerfile)
    if listens is None:
        where = "the image is not asked" if image is not None else "its Dockerfile does not EXPOSE one port"
        raise ColorwayError(f"nothing says where the application listens ({where}); add for example --port 8000")
    return Begun(
        platform=name,
        stack=name,
        platform_text=_platform(name, port=listens, capabilities=STOCK_CAPABILITIES),
        stack_text=begun.stack_text(
            platform=name, domains={MAIN_DOMAIN: DOMAIN}, number=begun.free_place(root), by=f"colorway new {name}"
        ),
        texts=texts,
        folders=copied,
    )


def _dockerfile(folder: Path, *, is_said: bool) -> str:
    try:
        return (folder / "Dockerfile").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        pass
    if is_said:
        raise ColorwayError(f"{folder} has no Dockerfile that can be read; name a folder with one")
    raise ColorwayError("it is not said what to run; add --build FOLDER, which has a Dockerfile, or --image IMAGE")


def _platform(name: str, *, port: int, capabilities: Sequence[str]) -> str:
    return f"""\
# yaml-language-server: $schema=../schema/platform.schema.json
# {name}, from images/{name}. `colorway new` wrote it; docs/your-own-platform.md goes on from here.
images: local

secrets:
  preview-token: {{description: whoever knows it can choose a color by the header X-Colorway-Preview}}

services:
  {SERVICE}:
    build: {name}
    port: {port}
    routes: [{{path: /}}]
    # Better is a path that answers 200 while the process is well, asked by the image's own curl: {{path: /healthz}}
    health: {{none: nobody has said yet how to ask it}}
    limits: {{cpus: 1, memory: 512Mi}}
    # As Docker starts a container by itself. Take away what the program does not need.
    read-only: false
    capabilities: [{", ".join(capabilities)}]

edge: {{build: nginx}}

monitoring: {{build: prometheus, mtail-build: mtail}}
"""
