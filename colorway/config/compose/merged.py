"""Several Compose files as one, as Compose merges them; what a service extends is below it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from colorway.config.compose.said import Place, Said, said_by
from colorway.config.compose.variables import Variables
from colorway.config.documents import Problem, parse_document
from colorway.config.stack_files import ConfigError
from colorway.spec.base import hint

Read = Callable[[str], str | None]
"""Returns the text of a file by its path as seen from where the command runs; None where there is none."""

SECTIONS = ("services", "volumes", "secrets", "configs", "networks")
_VERSION = re.compile(r"[23](\.\d{1,2})?")
_PAIRS: Mapping[str, str] = {
    **dict.fromkeys(("environment", "labels", "sysctls", "annotations"), "="),
    "extra_hosts": ":=",
}
"""Keys of a service that may be lists of pairs, each with what may stand between the two."""
_NAMES = ("depends_on", "networks")
"""Keys of a service that may be lists of names."""
_WHOLE = ("command", "entrypoint", "test")
"""Lists that a later file says anew, and does not lengthen."""


@dataclass(frozen=True, kw_only=True)
class ComposeFiles:
    """Compose files, read one after the other."""

    read: Read
    variables: Variables

    def merged(self, names: Iterable[str]) -> Said:
        """Return what several files say together, the later ones over the earlier.

        Raises:
            ConfigError: a file is none of Compose's; all mistakes of the first one that has any.
        """
        total: Said | None = None
        for name in names:
            whole = self._file(name, Place(name))
            services = {key: self._extended(key, one, whole, ()) for key, one in whole.entries_at("services").items()}
            here = replace(whole, value={**whole.entries, "services": Said(value=services, place=whole.place)})
            total = here if total is None else _over(total, here, "")
        self.variables.refuse_missing()
        if total is None or not total.entries_at("services"):
            file = total.place.file if total is not None else "compose.yaml"
            message = "has no services; write them under `services:`, each with an image or a build"
            raise ConfigError([Problem(file=file, message=message)])
        return total

    def _file(self, name: str, place: Place) -> Said:
        text = self.read(name)
        if text is None:
            raise ConfigError([Problem(file=place.file, line=place.line, message=_unreadable(name, place))])
        document, problems = parse_document(text, name=name)
        if problems:
            raise ConfigError(problems)
        version = document.value("version")
        if version is not None and not _VERSION.fullmatch(str(version)):
            message = "is no version of Compose's files that is known here, which are 2.x and 3.x; leave the line out"
            raise ConfigError([document.problem(("version",), message)])
        for key in SECTIONS:
            if document.value(key) is not None and not isinstance(document.value(key), Mapping):
                raise ConfigError([document.problem((key,), "must be a mapping: names, each with what it is")])
        for key, service in document.section("services").data.items():
            if not isinstance(service, Mapping):
                message = "must be a mapping with an image or a build, for example image: nginx:1.27"
                raise ConfigError([document.problem(("services", key), message)])
        whole = self.variables.filled(said_by(document))
        services = {key: _canonical(one) for key, one in whole.entries_at("services").items()}
        return replace(whole, value={**whole.entries, "services": Said(value=services, place=whole.place)})

    def _extended(self, name: str, service: Said, file: Said, chain: tuple[tuple[str, str], ...]) -> Said:
        """Return a service over the one that it extends, and that over the next."""
        here = (file.place.file, name)
        extends = service.at("extends")
        if here in chain:
            way = " → ".join(one for _, one in (*chain[chain.index(here) :], here))
            message = f"extends itself: {way}; take one of these `extends` out"
            raise ConfigError([_problem(service.place, f"services.{name}.extends", message)])
        if extends is None:
            return service
        other = extends.text or extends.text_at("service") or ""
        path = extends.text_at("file")
        below = file if path is None else self._file(extends.place.beside(path), extends.place)
        services = below.entries_at("services")
        if other not in services:
            message = f"names no service of {below.place.file}; {hint(other, services)}"
            raise ConfigError([_problem(extends.place, f"services.{name}.extends", message)])
        base = self._extended(other, services[other], below, (*chain, here))
        kept = {key: one for key, one in base.entries.items() if key != "extends"}
        merged = _over(replace(base, value=kept), service, "")
        return replace(merged, value={key: one for key, one in merged.entries.items() if key != "extends"})


def _unreadable(name: str, place: Place) -> str:
    if name == place.file:
        return "cannot be read; name a file that is there"
    return f"extends a service of {name}, which cannot be read; name a file that is there"


def _problem(place: Place, path: str, message: str) -> Problem:
    return Problem(file=place.file, line=place.line, path=path, message=message)


def _canonical(service: Said) -> Said:
    """Return a service with its short forms written out, as far as merging needs it."""
    found: dict[str, Said] = {}
    for key, said in service.entries.items():
        if key in _PAIRS:
            found[key] = _pairs(said, _PAIRS[key])
        elif key in _NAMES and isinstance(said.value, list):
            found[key] = replace(said, value={str(one.text): replace(one, value=None) for one in said.items})
        elif key == "build" and said.text is not None:
            found[key] = replace(said, value={"context": said})
        elif key == "deploy" and "labels" in said.entries:
            found[key] = replace(said, value={**said.entries, "labels": _pairs(said.entries["labels"], "=")})
        else:
            found[key] = said
    return replace(service, value=found)


def _pairs(said: Said, between: str) -> Said:
    if not isinstance(said.value, list):
        return said
    found: dict[str, Said] = {}
    for one in said.items:
        text = one.text or ""
        cut = min((text.find(sign) for sign in between if sign in text), default=-1)
        name, value = (text, None) if cut < 0 else (text[:cut], text[cut + 1 :])
        found[name.strip()] = replace(one, value=value)
    return replace(said, value=found)


def _over(base: Said, later: Said, key: str) -> Said:
    if later.value is None:
        return base
    if isinstance(base.value, Mapping) and isinstance(later.value, Mapping):
        together: dict[str, Any] = dict(base.value)
        for name, one in later.value.items():
            together[name] = _over(together[name], one, name) if name in together else one
        return replace(later, value=together)
    if isinstance(base.value, list) and isinstance(later.value, list) and key not in _WHOLE:
        known = [one.value for one in base.value]
        return replace(later, value=[*base.value, *(one for one in later.value if one.value not in known)])
    return later
