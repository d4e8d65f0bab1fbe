"""Redirects that Cloudflare answers itself: which these are, for what requests, and what it says then.

Load balancers answer the same ones, too: under names that are not proxied, and where Cloudflare asks them. So it may
leave to them whatever has to be read as nginx reads it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colorway.spec import names
from colorway.spec.edge.routes import AnyRoute, Keeps, RedirectSpec
from colorway.spec.edge.zones import LONGEST_EXPRESSION, ZoneSpec, quoted

if TYPE_CHECKING:
    from colorway.spec.platform_spec import PlatformSpec

PORT = 443
"""Where Cloudflare answers redirects: of another port the answer would have to say it, and HTTP goes to HTTPS first."""
_URI = "raw.http.request.uri"
"""Path and query as they were sent, which is what nginx keeps, too."""
_PATH = f"{_URI}.path"
_NOT_PLAIN = ("%", "\\", "//", "/.")
"""What nginx decodes or takes out before it looks where a path belongs, and what browsers read as a slash. Below `/.`
are also the challenges of certificates, and the link that leads past maintenance."""
_CLOUDFLARES_OWN = "/cdn-cgi/"
"""What Cloudflare answers itself under each name that it proxies; no load balancer hears of it."""


@dataclass(frozen=True, kw_only=True)
class RedirectRule:
    """One rule of a zone: requests, and where they are sent."""

    ref: str
    """Name that stays the same whatever changes in it."""
    description: str
    expression: str
    """Which requests, in Cloudflare's language."""
    value: str | None = None
    """Where to; the query is kept. None = what the next one says."""
    target: str | None = None
    """Where to, in Cloudflare's language, with the query."""


def redirect_rules(spec: PlatformSpec, zone: ZoneSpec) -> tuple[RedirectRule, ...]:
    """Return the rules of a zone for the redirects under its names, in the order of these.

    What one version alone redirects is left to the load balancers while another one runs, too: they know a request's
    color. So is a redirect that is closed for maintenance by itself, and everything where the zone may not have as
    many rules: a part of them would be another one each time that a route is added.
    """
    if not zone.is_set:
        return ()
    of_zone = {name for name, other in spec.settings.zones.items() if other.id == zone.id}
    closed = {spec.open_places.get(one) for one in spec.settings.maintenance}
    found = [
        rule
        for route in sorted(_everywhere(spec), key=lambda one: (one.domain, one.host or "", one.path, not one.exact))
        if route.domain in of_zone and (route.domain, route.host, route.path) not in closed
        if not any(one in route.path for one in _NOT_PLAIN)
        for rule in _rules(spec, route)
    ]
    return tuple(found) if len(found) <= zone.redirect_rules else ()


def _everywhere(spec: PlatformSpec) -> set[RedirectSpec]:
    """Return the redirects that all colors that run have."""
    each = [{one for one in routes if isinstance(one, RedirectSpec)} for routes in _routes(spec)]
    return set[RedirectSpec].intersection(*each)


def _routes(spec: PlatformSpec) -> Iterator[tuple[AnyRoute, ...]]:
    for color in spec.colors_on:
        yield tuple(route for service in spec.answering(color).values() for route in service.routes)


def _rules(spec: PlatformSpec, route: RedirectSpec) -> Iterator[RedirectRule]:
    """Yield the rules of a redirect that are not longer than Cloudflare takes."""
    host = names.host_name(spec.settings.domains[route.domain], route.host)
    inside = sorted(_inside(spec, route))
    but = [f"not {_takes(path, exact=exact)}" for path, exact in inside]
    full = f"https://{names.stack_name(route.redirect, spec.settings.domains)}" if route.keeps is Keeps.PATH else ""
    below = f"starts_with({_PATH}, {quoted(f'{route.trunk}/')})"

    def rule(where: str, conditions: Iterable[str], **answer: str) -> RedirectRule:
        return RedirectRule(
            ref=f"{spec.stack}-{hashlib.sha256(f'{host}{where}'.encode()).hexdigest()[:12]}",
            description=f"{host}{where} leads to {full or route.redirect}",
            expression=" and ".join(
                [
                    f"http.host eq {quoted(host)}",
                    f"cf.edge.server_port eq {PORT}",
                    *conditions,
                    *(f"not {_PATH} contains {quoted(one)}" for one in _NOT_PLAIN),
                ]
            ),
            **answer,
        )

    found: list[RedirectRule] = []
    if full:
        conditions = (
            [_takes(route.path if route.exact else route.trunk, exact=route.exact)]
            if route.trunk or route.exact
            else [f"not starts_with({_PATH}, {quoted(_CLOUDFLARES_OWN)})"]
        )
        where = f"{route.path} alone" if route.exact else route.path
        found.append(rule(where, [*conditions, *but], target=f"concat({quoted(full)}, {_URI})"))
    elif route.keeps is Keeps.NOTHING:
        found.append(rule(f"{route.path} alone", [_takes(route.path, exact=True)], value=route.redirect))
    else:
        if (route.trunk, True) not in inside:
            found.append(rule(f"{route.trunk} alone", [_takes(route.trunk, exact=True)], value=route.redirect))
        # Cut before a slash, so that something is left of every path.
        rest = f"substring({_URI}, {len(route.trunk)})"
        target = f"concat({quoted(route.stem)}, {rest})" if route.stem else rest
        found.append(rule(f"{route.trunk}/", [below, *but], target=target))
    yield from (one for one in found if max(len(one.expression), len(one.target or "")) <= LONGEST_EXPRESSION)


def _inside(spec: PlatformSpec, route: RedirectSpec) -> set[tuple[str, bool]]:
    """Return the places below a redirect that are other routes', of any color that runs: their paths, and if exact."""
    if route.exact:
        return set()
    return {
        (other.path if other.exact else other.trunk, other.exact)
        for routes in _routes(spec)
        for other in routes
        if (other.domain, other.host) == (route.domain, route.host)
        and other.place != route.place
        and route.takes(other.path)
    }


def _takes(path: str, *, exact: bool) -> str:
    """Return the condition of the requests for a path, or for that and what is below it."""
    alone = f"{_PATH} eq {quoted(path)}"
    return alone if exact else f"({alone} or starts_with({_PATH}, {quoted(f'{path}/')}))"
