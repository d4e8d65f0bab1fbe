"""What must hold between a stack's services and the rest of its files: hosts, ports, volumes, networks, files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from colorway.config.documents import Document
from colorway.spec import names
from colorway.spec.base import Mistake, hint
from colorway.spec.hosts import Role
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.services import ServiceSpec
from colorway.spec.task.mounts import LARGEST_CONFIG, NfsSpec
from colorway.spec.task.process import Protocol

LARGEST_PAGE = 2**16
"""Bytes of a page of maintenance: each generation of the load balancers' text has it."""
_PATHS = ("ca", "maintenance-page")
"""Keys whose values are files of the project."""


def config_files(root: Path, documents: Iterable[Document]) -> dict[str, bytes]:
    """Return the content of the files that services, edge and repositories name, as far as they are there."""
    named = {source for document in documents for source in _sources(document.data)}
    inside = (source for source in named if not source.startswith("/") and ".." not in source.split("/"))
    found = {}
    for source in sorted(inside):
        with contextlib.suppress(OSError, ValueError):  # what is no file is said of the key that names it
            found[source] = (root / source).read_bytes()
    return found


def _sources(data: object) -> Iterator[str]:
    """Yield what stands under `config-files` and `_PATHS`, at any depth: nothing is known to be well formed yet."""
    for key, below in data.items() if isinstance(data, Mapping) else ():
        if key in _PATHS and isinstance(below, str):
            yield below
        if key != "config-files":
            yield from _sources(below)
            continue
        for entry in below if isinstance(below, list) else ():
            source = entry.get("source") if isinstance(entry, Mapping) else None
            if isinstance(source, str):
                yield source


def service_mistakes(
    services: Mapping[str, ServiceSpec], spec: PlatformSpec, *, files: Mapping[str, bytes]
) -> list[Mistake]:
    """Return what the services of one version say that does not fit the stack.

    Args:
        services: The services.
        spec: The stack.
        files: Content of the files that the services name, as far as the project has them.
    """
    found = [*_port_clashes(services, spec), *_volume_clashes(services, spec)]
    for name, service in services.items():
        below = [*_lost_hosts(service, spec), *_own_networks(service, spec), *_bad_files(service, files)]
        found += [(("services", name, *path), message) for path, message in below]
    return found


def _lost_hosts(service: ServiceSpec, spec: PlatformSpec) -> Iterator[Mistake]:
    known = [host.name for host in spec.hosts(Role.WEB)]
    for index, host in enumerate(service.placement.hosts):
        if host not in known:
            message = f"is no host of this stack with the role web; {hint(host, known)}"
            yield ("placement", "hosts", str(index)), message
    for index, volume in enumerate(service.volumes):
        places = spec.places(service)
        if volume.nfs is None and len(places) > 1:
            cure = "name one of them under placement.hosts, or give the volume nfs"
            message = f"is kept on one host, and the service may run on {len(places)}; {cure}"
            yield ("volumes", str(index)), message


def _own_networks(service: ServiceSpec, spec: PlatformSpec) -> Iterator[Mistake]:
    own = {network.name for network in spec.inventory().networks}
    for index, network in enumerate(service.networks):
        if network in own:
            yield ("networks", str(index)), "is this stack's own; services join those by what they are, so leave it out"


def _bad_files(service: ServiceSpec, files: Mapping[str, bytes]) -> Iterator[Mistake]:
    for index, file in enumerate(service.config_files):
        for message in _bad_file(files.get(file.source)):
            yield ("config-files", str(index), "source"), message


def _bad_file(content: bytes | None) -> Iterator[str]:
    if content is None:
        yield "names a file that the project does not have; write its path below the project's folder"
    elif len(content) > LARGEST_CONFIG:
        yield f"names a file of {len(content)} bytes; Swarm takes {LARGEST_CONFIG} at most, so use a volume"
    elif not content:
        yield "names an empty file, which Swarm does not take; write something into it, or leave it out"
    elif not _is_text(content):
        yield "names a file that is not UTF-8 text; save it as UTF-8, or put it into the image"


def file_mistakes(spec: PlatformSpec, *, files: Mapping[str, bytes]) -> list[Mistake]:
    """Return what edge and backups say that the project does not have, or that two clusters would share."""
    page = spec.platform.edge.maintenance_page
    found: list[Mistake] = [] if page is None else [*_bad_page(files.get(page))]
    found += [
        (("backups", name, "ca"), message)
        for name, place in spec.platform.backups.items()
        if place.ca is not None
        for message in _bad_file(files.get(place.ca))
    ]
    for name, store in spec.replicated_databases.items():
        if store.backup is None or store.source is None or store.source.repository is None:
            continue
        ours, theirs = (spec.platform.backups[one] for one in (store.backup.repository, store.source.repository))
        own = f"{ours.path}/{spec.stack}"
        if (ours.endpoint, ours.bucket) == (theirs.endpoint, theirs.bucket) and store.source.path == own:
            cure = f"and theirs is only read; give `backups.{store.backup.repository}` another path"
            found.append((("data-stores", name, "from", "path"), f"is where this stack's own backups go, {cure}"))
    return found


def issuer_file_mistakes(spec: PlatformSpec, *, files: Mapping[str, bytes]) -> list[Mistake]:
    """Return what is wrong with the root of a stack's own authority."""
    ca = spec.settings.tls.ca
    if ca is None:
        return []
    found: list[Mistake] = [(("tls", "ca"), message) for message in _bad_file(files.get(ca))]
    if not found and b"-----BEGIN CERTIFICATE-----" not in files[ca]:
        found = [(("tls", "ca"), "names a file without a certificate; write the authority's root into it, as PEM")]
    return found


def _bad_page(content: bytes | None) -> Iterator[Mistake]:
    path = ("edge", "maintenance-page")
    if content is not None and len(content) > LARGEST_PAGE:
        yield path, f"names a file of {len(content)} bytes; it goes into nginx's text, so have {LARGEST_PAGE} at most"
    elif content == b"":
        yield path, "names an empty file; write what visitors read, or leave it out for a page of ours"
    else:
        yield from ((path, message) for message in _bad_file(content))


def _is_text(content: bytes) -> bool:
    try:
        return "\0" not in content.decode()
    except UnicodeDecodeError:
        return False


def _port_clashes(services: Mapping[str, ServiceSpec], spec: PlatformSpec) -> Iterator[Mistake]:
    edge = spec.platform.edge
    owners: dict[tuple[int, Protocol], str] = {
        (edge.http_port, Protocol.TCP): "edge.http-port",
        (edge.https_port, Protocol.TCP): "edge.https-port",
        (spec.platform.monitoring.port, Protocol.TCP): "monitoring.port",
    }
    for name, service in services.items():
        for index, one in enumerate(service.published):
            first = owners.setdefault((one.port, one.protocol), f"services.{name}")
            if first != f"services.{name}":
                path = ("services", name, "published", str(index), "port")
                yield path, f"is taken by {first}; on one host only one can have it, so choose another"


def _volume_clashes(services: Mapping[str, ServiceSpec], spec: PlatformSpec) -> Iterator[Mistake]:
    """Yield the volumes that another thing has under the same name, or that two services describe unlike."""
    stores = {
        names.volume(spec.stack, name): f"the volume of data-stores.{name}" for name in spec.platform.data_stores
    } | {names.volume(spec.stack, names.PROMETHEUS): "the volume of Prometheus"}
    first: dict[str, tuple[tuple[bool | None, NfsSpec | None], str]] = {}
    for name, service in services.items():
        for index, volume in enumerate(service.volumes):
            path = ("services", name, "volumes", str(index))
            shared = service.is_shared or volume.shared
            taken = stores.get(names.service_volume(spec.stack, volume.name, None)) if shared else None
            if taken:
                yield (*path, "name"), f"is {taken}; choose another name"
            known, owner = first.setdefault(volume.name, ((shared, volume.nfs), ".".join(path)))
            if known != (shared, volume.nfs):
                yield path, f"says other things of its data than {owner}; `shared` and `nfs` must be the same in both"
