"""Routes as nginx reads them: the locations of a color, and the tables that they ask."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass

from colorway.spec import names
from colorway.spec.edge import ANYBODY, AnyRoute, CorsSpec, Keeps, LimitKey, LimitSpec, RedirectSpec, RouteSpec
from colorway.spec.fields import whole_seconds
from colorway.spec.platform_spec import RETRY_WITHIN, PlatformSpec
from colorway.spec.services import ServiceSpec
from colorway.spec.traffic import Color

SHARED = "shared"
"""Ends the name of a shared service's upstream, as a color's ends others."""
ALONE = ".alone"
"""Ends the name of an upstream that has no backup beside one that has; no service's name has a dot."""
GRPC = ".grpc"
"""Ends the name of an upstream whose kept connections speak HTTP/2: those of the other kind must not be among them."""
RAW = "$request_uri"
"""What targets get, and where redirects to another name lead: the path as it was sent."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A map of nginx: what a variable is, depending on another one."""

    variable: str
    """Without its $."""
    lines: tuple[tuple[str, str], ...]
    """Value of the other one, and its own."""


@dataclass(frozen=True, kw_only=True)
class Zone:
    """Where nginx keeps who has asked how often."""

    name: str
    """It says key and rate, because nginx takes no reload in which a zone of one name has another key."""
    key: str
    """Variable whose values are counted apart."""
    rate: str
    """Requests that one load balancer lets through, in nginx's form."""
    retry_after: int
    """Seconds after which one more request is let through."""


@dataclass(frozen=True, kw_only=True)
class Location:
    """What a color answers at one place."""

    matches: tuple[str, ...]
    """The paths below the color's own, as nginx writes them: `= /api` and `/api/`."""
    bare: str
    """A folder's path without its last slash, where that is no other place; else nothing."""
    route: AnyRoute
    path: str
    """The path that its service gets, or where a redirect leads to, as nginx writes it."""
    table: Table | None
    """What makes that of the path that was asked for."""
    service: str
    upstream: str = ""
    again: str = ""
    """Upstream that a request is begun again at."""
    beside: Location | None = None
    """The same place of the other color, where a file is looked for that this one does not have."""
    silence: int = 0
    """Seconds that the service may be silent."""
    retry_within: int = 0
    zone: Zone | None = None
    origin: Table | None = None
    """The sites that may read the answers."""
    headers: tuple[tuple[str, str], ...] = ()
    """What the answers get besides the headers of the edge."""
    kept_headers: tuple[tuple[str, str], ...] | None = None
    """Those of the edge that they get, too, where they do not get them all."""

    @property
    def is_redirect(self) -> bool:
        """Whether it sends elsewhere."""
        return isinstance(self.route, RedirectSpec)

    @property
    def is_root(self) -> bool:
        """Whether it takes what nothing else takes."""
        return not self.route.trunk and not self.route.exact

    @property
    def login(self) -> str:
        """The secret that lets in, where not everybody may."""
        return (self.route.basic_auth or "") if isinstance(self.route, RouteSpec) else ""

    @property
    def kept(self) -> int:
        """Seconds for which a file may be kept; 0 where nothing is said."""
        age = self.route.cache if isinstance(self.route, RouteSpec) else None
        return whole_seconds(age) if age else 0


def login_variable(secret: str) -> str:
    """Return the variable of nginx that is set for whom a secret lets in, without its $."""
    return f"colorway_login_{secret.replace('-', '_')}"


def login_file(secret: str) -> str:
    """Return the file among a load balancer's secrets that says whom a secret lets in."""
    return f"login-{secret}.conf"


def locations(spec: PlatformSpec, color: Color, *, domain: str, host: str | None) -> list[Location]:
    """Return what a color answers under a name, in the order of the paths."""
    if color not in spec.colors_on:
        return []
    here = [
        (route, name, service)
        for name, service in spec.answering(color).items()
        for route in service.routes
        if (route.domain, route.host) == (domain, host)
    ]
    exact = {route.path for route, _, _ in here if route.exact}
    found = [
        _redirect(spec, route, service=name, exact=exact)
        if isinstance(route, RedirectSpec)
        else _answer(spec, color, route=route, name=name, service=service, exact=exact)
        for route, name, service in here
    ]
    return sorted(found, key=lambda one: (one.route.path, not one.route.exact))


def may_stand_in(spec: PlatformSpec, color: Color, *, route: RouteSpec, service: str) -> bool:
    """Return whether the other color may answer for this one: both have users, and the same service there."""
    if not spec.settings.traffic.is_split:
        return False
    there = spec.colored(color.other).get(service)
    return there is not None and any(_is_alike(one, route) for one in there.answers)


def upstream(spec: PlatformSpec, color: Color, *, route: RouteSpec, name: str, service: ServiceSpec) -> str:
    """Return the name of the tasks that answer a route in a color."""
    kind = GRPC if route.grpc else ""
    if service.is_shared:
        return f"{name}{kind}_{SHARED}"
    same = [may_stand_in(spec, color, route=one, service=name) for one in service.answers if one.grpc == route.grpc]
    is_alone = any(same) and not may_stand_in(spec, color, route=route, service=name)
    return f"{name}{kind}{ALONE if is_alone else ''}_{color}"


def _is_alike(one: RouteSpec, other: RouteSpec) -> bool:
    """Return whether tasks that answer one of them can answer the other."""
    return (one.place, one.grpc, one.strip) == (other.place, other.grpc, other.strip)


def _redirect(spec: PlatformSpec, route: RedirectSpec, *, service: str, exact: set[str]) -> Location:
    table = None
    if route.keeps is Keeps.PATH:
        full = names.stack_name(route.redirect, spec.settings.domains)
        path = f"https://{full}$is_request_port$request_port{RAW}"
    elif route.keeps is Keeps.NOTHING:
        path = f"{route.redirect}$is_args$args"
    else:
        # Browsers read a backslash as a slash.
        table = _path_table(route.trunk, onto=route.redirect, otherwise=route.redirect, slash=r"[/\x5C]")
        path = f"${table.variable}"
    own = () if route.trunk in exact or not route.trunk else (f"= {route.trunk}",)
    matches = (f"= {route.path}",) if route.exact else (*own, f"{route.trunk}/")
    return Location(matches=matches, bare="", route=route, path=path, table=table, service=service)


def _answer(  # noqa: PLR0913 - the route of a service in a color
    spec: PlatformSpec, color: Color, *, route: RouteSpec, name: str, service: ServiceSpec, exact: set[str]
) -> Location:
    table = _path_table(route.trunk, onto="/", otherwise="") if route.strip else None
    ours = upstream(spec, color, route=route, name=name, service=service)
    stands_in = may_stand_in(spec, color, route=route, service=name)
    is_folder = route.path.endswith("/")
    has_own = bool(route.trunk) and not route.exact and route.trunk not in exact
    if route.exact:
        matches: tuple[str, ...] = (f"= {route.path}",)
    else:
        matches = (*((f"= {route.trunk}",) if has_own and not is_folder else ()), f"{route.trunk}/")
    replaced = {header.lower() for header in route.headers}
    edge = spec.platform.edge.headers
    return Location(
        matches=matches,
        bare=route.trunk if has_own and is_folder else "",
        route=route,
        path=f"${table.variable}" if table else RAW,
        table=table,
        service=name,
        upstream=ours,
        again=f"{ours.removesuffix(f'_{color}')}_{color.other}" if stands_in else ours,
        beside=_beside(spec, color, route=route) if not service.is_shared else None,
        silence=whole_seconds(route.silence(service.longest_request)),
        retry_within=whole_seconds(min(service.longest_request, RETRY_WITHIN)),
        zone=_zone(route, route.limit, number=len(spec.load_balancers)) if route.limit else None,
        origin=_origins(spec, route.cors) if route.cors else None,
        headers=tuple(sorted(route.headers.items())),
        kept_headers=tuple(sorted((header, text) for header, text in edge.items() if header.lower() not in replaced))
        if replaced.intersection(map(str.lower, edge))
        else None,
    )


def _beside(spec: PlatformSpec, color: Color, *, route: RouteSpec) -> Location | None:
    """Return the same place of the other color, if that runs and files are kept there, whoever has users."""
    if route.cache is None or color.other not in spec.colors_on:
        return None
    for name, service in spec.colored(color.other).items():
        for there in service.answers:
            if there.place == route.place and there.cache is not None:
                table = _path_table(there.trunk, onto="/", otherwise="") if there.strip else None
                return Location(
                    matches=(),
                    bare="",
                    route=there,
                    path=f"${table.variable}" if table else RAW,
                    table=table,
                    service=name,
                    upstream=upstream(spec, color.other, route=there, name=name, service=service),
                    silence=whole_seconds(there.silence(service.longest_request)),
                    retry_within=whole_seconds(min(service.longest_request, RETRY_WITHIN)),
                )
    return None


def _path_table(trunk: str, *, onto: str, otherwise: str, slash: str = "/") -> Table:
    """Return the table that puts a path onto another beginning, of the path as it was sent.

    What is encoded stays so, and slashes after the beginning are one, or a redirect would lead to the host of
    `//host`. A beginning that was sent in another spelling is not found.

    Args:
        trunk: The beginning, without its last slash.
        onto: The other one.
        otherwise: What a path becomes that does not begin so.
        slash: Pattern of what counts as a slash after it.
    """
    beginning = "/+".join(re.escape(segment) for segment in trunk.split("/"))
    stem = onto.rstrip("/")
    lines = (
        (rf"~^{beginning}/{slash}*(?<colorway_rest>.*)$", f"{stem}/$colorway_rest"),
        (rf"~^{beginning}(?<colorway_rest>\?.*)?$", f"{onto}$colorway_rest"),
        ("default", otherwise),
    )
    # Of a color that strips a beginning, and one that leads from there to the root, each has a table of its own.
    return Table(variable=_variable("path", trunk, onto, *filter(None, [otherwise])), lines=lines)


def _zone(route: RouteSpec, limit: LimitSpec, *, number: int) -> Zone:
    """Return who has asked how often, of one of so many load balancers."""
    a_minute = limit.per_minute // number
    rate = f"{a_minute // 60}r/s" if a_minute % 60 == 0 else f"{a_minute}r/m"
    name = f"{limit.key}.{rate}.{route.domain}.{route.host or ''}{route.path}{'=' if route.exact else ''}"
    key = "$colorway_token" if limit.key is LimitKey.TOKEN else "$colorway_client"
    return Zone(name=name, key=key, rate=rate, retry_after=math.ceil(60 / a_minute))


def _origins(spec: PlatformSpec, cors: CorsSpec) -> Table:
    """Return what the answers say of the site that asks."""
    if cors.is_for_all:
        return Table(variable=_variable("origin", ANYBODY), lines=(("", ""), ("default", ANYBODY)))
    suffix = spec.platform.edge.https_suffix
    found = [
        one if "://" in one else f"https://{names.stack_name(one, spec.settings.domains)}{suffix}"
        for one in cors.origins
    ]
    lines = tuple((one, one) for one in dict.fromkeys(found))
    return Table(variable=_variable("origin", *found), lines=(*lines, ("default", "")))


def _variable(kind: str, *said: str) -> str:
    return f"colorway_{kind}_{hashlib.sha256(' '.join(said).encode()).hexdigest()[:8]}"
