"""What tokens may do: permission groups under the API's own names, and which request needs which."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import NAMESPACE_DNS, uuid5

from tests.support.cloudflare.answers import REFUSED_TOKEN, Asked, RefusedError


class Right(StrEnum):
    """A permission group of one zone; writing includes reading."""

    ZONE_READ = "Zone Read"
    DNS_READ = "DNS Read"
    DNS_WRITE = "DNS Write"
    SETTINGS_READ = "Zone Settings Read"
    SETTINGS_WRITE = "Zone Settings Write"
    CACHE_RULES_READ = "Cache Settings Read"
    CACHE_RULES_WRITE = "Cache Settings Write"
    REDIRECTS_READ = "Dynamic URL Redirects Read"
    REDIRECTS_WRITE = "Dynamic URL Redirects Write"
    CERTIFICATES_READ = "SSL and Certificates Read"
    CERTIFICATES_WRITE = "SSL and Certificates Write"
    PURGE = "Cache Purge"

    @property
    def identifier(self) -> str:
        """The group's id."""
        return uuid5(NAMESPACE_DNS, self.value).hex


_OF_PHASE = {"http_request_cache_settings": "Cache Settings", "http_request_dynamic_redirect": "Dynamic URL Redirects"}
_OF_PLACE = {
    "dns_records": "DNS",
    "settings": "Zone Settings",
    "origin_tls_client_auth": "SSL and Certificates",
}


@dataclass(frozen=True, kw_only=True)
class Token:
    """One token."""

    identifier: str
    rights: frozenset[Right]
    zones: frozenset[str] | None = None
    """Ids of the zones that it is for; None = all."""
    status: str = "active"
    """What is said of it where somebody asks: active, disabled or expired."""


def token_of(headers: Mapping[str, str], tokens: Mapping[str, Token]) -> Token:
    """Return who asks."""
    said = headers.get("authorization", "")
    if not re.fullmatch(r"Bearer [A-Za-z0-9_-]{4,}", said):
        raise RefusedError(400, 6003, "Invalid request headers")
    token = tokens.get(said.removeprefix("Bearer "))
    if token is None:
        raise RefusedError(401, 1000, REFUSED_TOKEN)
    return token


def require(token: Token, zone: str, asked: Asked, *, phase: str | None) -> None:
    """Refuse what a token may not do in a zone.

    Args:
        token: who asks.
        zone: the zone's id.
        asked: what is asked.
        phase: the phase of the ruleset that is meant; None where it is no ruleset, or all of them.
    """
    place = (asked.path.split("/") + [""] * 4)[3]
    if not place:
        if not may_see(token, zone):
            raise RefusedError(403, 9109, "Unauthorized to access requested resource")
        return
    for right in needed(place, phase, writes=asked.method != "GET"):
        if token.zones is None or zone in token.zones:
            granted = {right, right.replace(" Read", " Write")}
            if granted & token.rights:
                return
    raise RefusedError(403, 10000, "Authentication error")


def may_see(token: Token, zone: str) -> bool:
    """Return whether a token may know that a zone is there."""
    return Right.ZONE_READ in token.rights and (token.zones is None or zone in token.zones)


def needed(place: str, phase: str | None, *, writes: bool) -> list[str]:
    """Return the rights of which one is enough."""
    verb = "Write" if writes else "Read"
    if place == "purge_cache":
        return [Right.PURGE]
    if place == "rulesets":
        return (
            [f"{_OF_PHASE[phase]} {verb}"] if phase in _OF_PHASE else [f"{name} {verb}" for name in _OF_PHASE.values()]
        )
    return [f"{_OF_PLACE[place]} {verb}"] if place in _OF_PLACE else []
