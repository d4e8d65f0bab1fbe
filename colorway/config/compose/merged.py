"""Several Compose files as one, as Compose merges them.

What a service extends is below it, and what a file includes is beside it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from colorway.config.compose.said import Place, Said, said_by
from colorway.config.compose.variables import Variables, values_of, without_unset
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
RESET, OVERRIDE = "!reset", "!override"
"""Compose's tags: what earlier files say there is gone; it is replaced, and not merged."""
_ELSEWHERE = re.compile(r"[a-z0-9+]+://|git@|oci:")
_NO_VARIABLES = "/dev/null"
"""What people write as `env_file` where they want none."""


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
            here = self.model(name, Place(name), ())
            total = here if total is None else _over(total, here, "")
        self.variables.refuse_missing()
        total = _settled(total) if total is not None else None
        if total is None or not total.entries_at("services"):
            file = total.place.file if total is not None else "compose.yaml"
            message = "has no services; write them under `services:`, each with an image or a build"
            raise ConfigError([Problem(file=file, message=message)])
        self.variables.settle(total)
        return total

    def model(self, name: str, place: Place, chain: tuple[str, ...], folder: str | None = None) -> Said:
        """Return a file with what its services extend, and what it includes beside it.

        Args:
            name: The file's path.
            place: Who names it.
            chain: The files that include it, each the next one.
            folder: From where its paths are seen; none = from its own folder.

        Raises:
            ConfigError: a file is none of Compose's, includes itself, or says what one that it includes says, too.
        """
        if name in chain:
            way = " → ".join((*chain[chain.index(name) :], name))
            raise ConfigError([_problem(place, "include", f"includes itself: {way}; take one of these out")])
        whole = self._file(name, place, folder=folder, what="includes")
        services = {key: self._extended(key, one, whole, ()) for key, one in whole.entries_at("services").items()}
        found = {**whole.entries, "services": Said(value=services, place=whole.place)}
        here = replace(whole, value={key: one for key, one in found.items() if key != "include"})
        for one in whole.items_at("include"):
            here = _beside(here, self._included(one, (*chain, name)))
        return here

    def _included(self, said: Said, chain: tuple[str, ...]) -> Said:
        """Return what one entry of `include` brings: a file, or several laid over each other."""
        paths = [without_unset(one.text or "") for one in (said.items_at("path") if said.entries else [said])]
        if not paths or "" in paths:
            message = "names no file; write its path, for example include: [database/compose.yaml]"
            raise ConfigError([_problem(said.place, "include", message)])
        if any(_ELSEWHERE.match(one) for one in paths):
            message = "names what is not on this machine; fetch it, and name the file"
            raise ConfigError([_problem(said.place, "include", message)])
        folder = said.text_at("project_directory")
        names = [said.place.beside(one) for one in paths]
        # Paths of all of them are seen from one folder: the first one's, where nothing else is said.
        seen = said.place.beside(folder) if folder is not None else posixpath.dirname(names[0])
        known: dict[str, str] = {}
        for one in said.items_at("env_file"):
            known |= self._values(one)
        inside = replace(self, variables=replace(self.variables, values={**known, **self.variables.values}))
        total = inside.model(names[0], said.place, chain, seen)
        for name in names[1:]:
            total = _over(total, inside.model(name, said.place, chain, seen), "")
        return _settled(total)

    def _values(self, said: Said) -> dict[str, str]:
        """Return what a file of variables sets for an included file; `--env-file` wins."""
        name = without_unset(said.text or "")
        if name == _NO_VARIABLES:
            return {}
        text = self.read(said.place.beside(name))
        if text is None:
            message = f"names the variables of {name}, which cannot be read; name a file that is there"
            raise ConfigError([_problem(said.place, "include.env_file", message)])
        return values_of(text)

    def _file(self, name: str, place: Place, *, folder: str | None = None, what: str) -> Said:
        text = self.read(name)
        if text is None:
            raise ConfigError([Problem(file=place.file, line=place.line, message=_unreadable(name, place, what))])
        document, problems = parse_document(text, name=name, tags=frozenset({RESET, OVERRIDE}))
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
            if not isinstance(service, Mapping) and document.tags.get(("services", key)) != RESET:
                message = "must be a mapping with an image or a build, for example image: nginx:1.27"
                raise ConfigError([document.problem(("services", key), message)])
        whole = self.variables.filled(said_by(document, folder=folder))
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
        below = (
            file if path is None else self._file(extends.place.beside(path), extends.place, what="extends a service of")
        )
        services = below.entries_at("services")
        if other not in services:
            message = f"names no service of {below.place.file}; {hint(other, services)}"
            raise ConfigError([_problem(extends.place, f"services.{name}.extends", message)])
        base = self._extended(other, services[other], below, (*chain, here))
        kept = {key: one for key, one in base.entries.items() if key != "extends"}
        merged = _over(replace(base, value=kept), service, "")
        return replace(merged, value={key: one for key, one in merged.entries.items() if key != "extends"})


def _unreadable(name: str, place: Place, what: str) -> str:
    if name == place.file:
        return "cannot be read; name a file that is there"
    return f"{what} {name}, which cannot be read; name a file that is there"


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


def _beside(here: Said, included: Said) -> Said:
    """Return a file with what it includes.

    Raises:
        ConfigError: both say the same name, and other things of it; Compose merges nothing here.
    """
    total = dict(here.entries)
    problems = []
    for section in SECTIONS:
        own, found = here.entries_at(section), included.entries_at(section)
        for name in own.keys() & found.keys():
            if _plain(own[name]) != _plain(found[name]):
                message = (
                    f"is in {found[name].place.file}, too, which is included; leave it out there, or give this command "
                    "a file of its own with what differs, after this one"
                )
                problems.append(_problem(own[name].place, f"{section}.{name}", message))
        if found:
            total[section] = Said(value={**found, **own}, place=here.place)
    if problems:
        raise ConfigError(sorted(problems, key=lambda one: one.line or 0))
    return replace(here, value=total)


def _plain(said: Said) -> object:
    """Return what is said without where; nothing and an empty mapping are the same."""
    if isinstance(said.value, Mapping):
        return {key: _plain(one) for key, one in said.value.items()} or None
    return [_plain(one) for one in said.value] if isinstance(said.value, list) else said.value


def _settled(said: Said) -> Said:
    """Return what is left once everything is merged: nothing of what is reset."""
    value = said.value
    if isinstance(value, Mapping):
        value = {key: _settled(one) for key, one in value.items() if one.tag != RESET}
    elif isinstance(value, list):
        value = [_settled(one) for one in value if one.tag != RESET]
    return replace(said, value=value, tag=None)


def _over(base: Said, later: Said, key: str) -> Said:
    # What is reset stays as such until all files are read: an earlier one may be below it.
    if later.tag in {RESET, OVERRIDE}:
        return later
    if later.value is None:
        return base
    if base.tag == RESET:
        return later
    if isinstance(base.value, Mapping) and isinstance(later.value, Mapping):
        together: dict[str, Any] = dict(base.value)
        for name, one in later.value.items():
            together[name] = _over(together[name], one, name) if name in together else one
        return replace(later, value=together)
    if isinstance(base.value, list) and isinstance(later.value, list) and key not in _WHOLE:
        known = [one.value for one in base.value]
        return replace(later, value=[*base.value, *(one for one in later.value if one.value not in known)])
    return later
