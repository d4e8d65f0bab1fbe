"""Who is to reach a service from outside: by Traefik's labels, nginx-proxy's variables, or published ports."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from colorway.config.compose import middlewares
from colorway.config.compose.rules import Let, UnreadableRuleError, let_in, let_in_before
from colorway.config.compose.said import Place, Remarks, Said
from colorway.config.compose.variables import unset, without_unset
from colorway.spec.edge import RouteSpec
from colorway.spec.fields import Domain, Label
from colorway.spec.names import MAIN_DOMAIN

_ROUTER = re.compile(r"traefik\.http\.routers\.([^.]+)\.(rule|middlewares)", re.IGNORECASE)
_STRIP = re.compile(r"traefik\.http\.middlewares\.([^.]+)\.stripprefix\.prefixes", re.IGNORECASE)
_PORT = re.compile(r"traefik\.(http\.services\.[^.]+\.loadbalancer\.server\.)?port", re.IGNORECASE)
_SHORT_SECOND = re.compile(r"(com?|org|net|ac|gov|edu)\.[a-z]{2}")
"""Ends such as co.uk, below which names are sold."""
_DOMAIN: TypeAdapter[str] = TypeAdapter(Domain)
_LABEL: TypeAdapter[str] = TypeAdapter(Label)


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A route before it is known which domains the stack has."""

    let: Let
    place: Place
    path: str
    """Where it is said."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further keys of the route."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What a service says of its way in."""

    routes: Sequence[Wish] = ()
    port: int | None = None
    is_off: bool = False
    """Whether it says that nobody comes in by the proxy."""


def labels_of(service: Said) -> dict[str, Said]:
    """Return a service's labels: for containers, and over them for Swarm."""
    return {**service.entries_at("labels"), **service.entries_at("deploy", "labels")}


@dataclass(frozen=True, kw_only=True)
class Routes:
    """Reads what services say of their routes."""

    remarks: Remarks

    def of_labels(self, service: Said, *, path: str) -> Wishes:
        """Return what Traefik's labels say; empty where a service has none."""
        labels = {name.lower(): said for name, said in labels_of(service).items()}
        if (off := labels.get("traefik.enable")) is not None and off.text == "false":
            return Wishes(is_off=True)
        strips = {match[1]: one.text for name, one in labels.items() if (match := _STRIP.fullmatch(name))}
        keys = middlewares.of_labels(labels, path=path, remarks=self.remarks)
        port: int | None = None
        routes: list[Wish] = []
        for name, said in labels.items():
            here, text = f"{path}.labels.{name}", said.text or ""
            if _PORT.fullmatch(name):
                port = int(text) if re.fullmatch(r"\d{1,5}", text) else port
            elif name.endswith("frontend.rule") or ((match := _ROUTER.fullmatch(name)) and match[2] == "rule"):
                used = labels.get(name.removesuffix(".rule") + ".middlewares")
                names = [one.strip().partition("@")[0] for one in (used.text or "").split(",")] if used else []
                prefixes = [prefix for one in names for prefix in (strips.get(one) or "").split(",") if prefix]
                more = middlewares.together(keys.get(one, {}) for one in names)
                wishes = self._wishes(said, here, prefixes=prefixes, is_first=name.endswith("frontend.rule"))
                routes += [replace(wish, more=more) for wish in wishes]
        return Wishes(routes=routes, port=port)

    def of_variables(self, plain: Mapping[str, Said], *, path: str) -> Wishes:
        """Return what nginx-proxy reads in a service's environment."""
        hosts = plain.get("VIRTUAL_HOST")
        if hosts is None:
            return Wishes()
        below = without_unset((plain["VIRTUAL_PATH"].text if "VIRTUAL_PATH" in plain else None) or "/")
        port = plain["VIRTUAL_PORT"].text if "VIRTUAL_PORT" in plain else None
        here = f"{path}.environment.VIRTUAL_HOST"
        lets = [Let(host=one.strip().lower(), path=below) for one in (hosts.text or "").split(",") if one.strip()]
        return Wishes(
            routes=[Wish(let=one, place=hosts.place, path=here) for one in lets],
            port=int(port) if port and port.isdigit() else None,
        )

    def _wishes(self, said: Said, path: str, *, prefixes: Sequence[str], is_first: bool) -> Sequence[Wish]:
        text = said.text or ""
        try:
            lets = let_in_before(text) if is_first else let_in(text)
        except UnreadableRuleError:
            cure = "write routes for what it means: {host, path}"
            self.remarks.add(said.place, path, "asks for more than names and paths, or cannot be read", cure)
            return []
        stripped = [
            Let(host=one.host, path=one.path, is_stripped=one.is_stripped or one.path in prefixes) for one in lets
        ]
        return [Wish(let=one, place=said.place, path=path) for one in stripped]


@dataclass(kw_only=True)
class Domains:
    """The domains of the stack, found in the names that its routes have."""

    remarks: Remarks
    by_name: dict[str, str] = field(default_factory=dict)
    taken: dict[tuple[str, str | None, str], str] = field(default_factory=dict)
    """Whose each place is already."""

    def route(self, wish: Wish, *, service: str) -> dict[str, Any] | None:
        """Return a wish as a route of the platform file; None where it cannot be one."""
        let, name = wish.let, without_unset(wish.let.host or "").strip(".")
        domain, host = MAIN_DOMAIN, None
        if let.host and unset(let.host):
            cure = "give its variables values, or write host of the route"
            self.remarks.add(
                wish.place, wish.path, "has a name that is not known here, so the route is for all names", cure
            )
        elif name:
            found = self._split(name)
            if found is None:
                cure = "write the route for each of its names"
                self.remarks.add(wish.place, wish.path, "has a name that no route can have", cure)
                return None
            domain, host = found
        said: dict[str, Any] = {"path": let.path.rstrip("/") if let.path.count("/") > 1 else let.path}
        try:
            RouteSpec.model_validate(said)
        except ValidationError:
            self.remarks.add(wish.place, wish.path, "has a path that no route can have", "write one without patterns")
            return None
        for key, value in wish.more.items():
            try:
                RouteSpec.model_validate({**said, key: value})
            except ValidationError:
                cure = f"write {key} of the route as it should be"
                self.remarks.add(wish.place, wish.path, f"has a middleware whose {key} no route can have", cure)
            else:
                said[key] = value
        said |= {"domain": domain} if domain != MAIN_DOMAIN else {}
        said |= {"host": host} if host else {}
        if let.is_stripped and said["path"] != "/":
            said["strip"] = True
        place = (domain, host, str(said["path"]))
        if self.taken.setdefault(place, service) != service:
            other = self.taken[place]
            self.remarks.add(
                wish.place, wish.path, f"is a place that {other} has", "give one of them another path or host"
            )
            return None
        return said

    def main(self) -> dict[str, str]:
        """Return all domains, the main one first."""
        return self.by_name or {MAIN_DOMAIN: "localhost.localdomain"}

    def _split(self, name: str) -> tuple[str, str | None] | None:
        """Return the domain that a name is below, by its name in the stack, and the rest of it."""
        labels = name.split(".")
        own = 3 if _SHORT_SECOND.fullmatch(".".join(labels[-2:])) else 2
        base, rest = ".".join(labels[-own:]), labels[:-own]
        if len(rest) > 1:
            base, rest = ".".join(labels[1:]), labels[:1]
        host = rest[0] if rest else None
        try:
            _DOMAIN.validate_python(base)
            if host is not None:
                _LABEL.validate_python(host)
        except ValidationError:
            return None
        known = {domain: key for key, domain in self.by_name.items()}
        if base not in known:
            known[base] = self._key(base)
            self.by_name[known[base]] = base
        return known[base], host

    def _key(self, domain: str) -> str:
        if not self.by_name:
            return MAIN_DOMAIN
        wanted = re.sub(r"[^a-z0-9]+", "-", domain.partition(".")[0]).strip("-")
        wanted = wanted if wanted[:1].isalpha() else f"d-{wanted}"
        tried = (wanted, *(f"{wanted}-{number}" for number in range(2, 100)))
        return next(one for one in tried if one not in self.by_name)
