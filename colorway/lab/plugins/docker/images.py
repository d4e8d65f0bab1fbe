"""Image names: a tag where none is given, a digest where a registry knows one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from colorway.lab.plugins.docker.daemon import Daemon, DaemonError
from colorway.lab.plugins.docker.documents import Document, Json, part, parts, text


def tagged(image: str) -> str:
    """The image by its short name, with `:latest` where neither tag nor digest is given."""
    short = image.removeprefix("docker.io/").removeprefix("library/")
    name = short.rpartition("/")[2]
    return short if "@" in short or ":" in name else f"{short}:latest"


def pinned(spec: Document, daemon: Daemon) -> Document:
    """The specification with the digest and the platforms that a registry gives for its image.

    The official provider asks at creation, and only then; an image that no registry knows stays as it is.
    """
    task = part(spec, "TaskTemplate")
    container = part(task, "ContainerSpec")
    image = tagged(text(container.get("Image")))
    try:
        answer = daemon.call("GET", f"/distribution/{image}/json")
    except DaemonError:
        answer = None
    found = answer if isinstance(answer, Mapping) else {}
    digest = text(part(found, "Descriptor").get("digest") or part(found, "Descriptor").get("Digest"))
    if digest and "@" not in image:
        image = f"{image}@{digest}"
    platforms: Sequence[Json] = [_platform(item) for item in parts(found, "Platforms")]
    placement = part(task, "Placement")
    return {
        **spec,
        "TaskTemplate": {
            **task,
            "ContainerSpec": {**container, "Image": image},
            "Placement": {**placement, "Platforms": platforms} if platforms else placement,
        },
    }


def retagged(spec: Document) -> Document:
    """The specification with a tagged image, for an update."""
    task = part(spec, "TaskTemplate")
    container = part(task, "ContainerSpec")
    image = tagged(text(container.get("Image")))
    return {**spec, "TaskTemplate": {**task, "ContainerSpec": {**container, "Image": image}}}


def _platform(platform: Document) -> Document:
    architecture = text(platform.get("architecture"))
    # Nodes report a variant such as armv7l, which would never match.
    return {"Architecture": "" if architecture == "arm" else architecture, "OS": text(platform.get("os"))}
