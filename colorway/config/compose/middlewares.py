"""What Traefik's middlewares become in a route: rates, networks, sizes of bodies, headers of answers."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from colorway.config.compose.said import Remarks, Said

_KEY = re.compile(r"traefik\.http\.middlewares\.(?P<name>[^.]+)\.(?P<what>.+)", re.IGNORECASE)
_RAW = re.compile(r"traefik\.(tcp|udp)\..*", re.IGNORECASE)
_HEADER = re.compile(r"headers\.customresponseheaders\.(.+)", re.IGNORECASE)
_OWN = ("stripprefix.", "redirectscheme.", "compress")
"""Beginnings of what is carried elsewhere, or done by the load balancers anyway."""
_PERIOD = re.compile(r"(\d+)(ms|s|m|h)?")
_SECONDS = {"ms": 0.001, "s": 1, None: 1, "m": 60, "h": 3600}
_CURES = {
    "basicauth": "add `basic-auth: NAME` to the route, and a secret of that name with a line name:password a user; "
    "of a hash nobody knows the password",
    "forwardauth": "let the service ask itself, or put one that does in front of it",
    "inflightreq": "write limit for the route: how often one client may ask",
}
_KIB = 1024
_CURE = "look for a key of the route or of edge that does it, or let the program do it"


def of_labels(labels: Mapping[str, Said], *, path: str, remarks: Remarks) -> dict[str, dict[str, Any]]:
    """Return what each middleware that the labels define becomes, by its name; remarks say what none becomes.

    Args:
        labels: The labels of a service, their names in small letters.
        path: Where the service is said.
        remarks: What is not carried.
    """
    said: dict[str, dict[str, str]] = {}
    for label, one in labels.items():
        match = _KEY.fullmatch(label)
        if match is None and _RAW.fullmatch(label) is None:
            continue
        what = match["what"] if match else ""
        if match and what.startswith(_OWN):
            continue
        if match and (what in _READ or _HEADER.fullmatch(what)):
            said.setdefault(match["name"], {})[what] = one.text or ""
        else:
            cure = _CURES.get(what.partition(".")[0], _CURE)
            remarks.add(one.place, f"{path}.labels.{label}", "is not carried into the route", cure)
    found = {name: dict(_keys(values)) for name, values in said.items()}
    for name, values in said.items():
        if not found[name]:
            label, one = next((key, labels[key]) for key in labels if f".{name}.{next(iter(values))}" in key)
            remarks.add(one.place, f"{path}.labels.{label}", "says nothing that a route can have", _CURE)
    return found


def together(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a route has of several middlewares; of one key the first says it."""
    found: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            found[key] = {**value, **found.get(key, {})} if key == "headers" else found.get(key, value)
    return found


_READ = (
    "ratelimit.average",
    "ratelimit.burst",
    "ratelimit.period",
    "ipallowlist.sourcerange",
    "ipwhitelist.sourcerange",
    "buffering.maxrequestbodybytes",
)


def _keys(values: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    if rate := _rate(values.get("ratelimit.average", ""), values.get("ratelimit.period", "1s")):
        burst = values.get("ratelimit.burst", "1")
        yield "limit", {"rate": rate} | ({"burst": int(burst)} if burst.isdigit() and int(burst) > 1 else {})
    ranges = values.get("ipallowlist.sourcerange") or values.get("ipwhitelist.sourcerange") or ""
    if networks := [_network(one.strip()) for one in ranges.split(",") if one.strip()]:
        yield "allow", networks
    largest = values.get("buffering.maxrequestbodybytes", "")
    if largest.isdigit() and int(largest) >= _KIB:
        yield "body", f"{int(largest) // _KIB}Ki"
    headers = {match[1]: value for key, value in values.items() if (match := _HEADER.fullmatch(key)) and value}
    if headers:
        yield "headers", {"-".join(part.capitalize() for part in name.split("-")): one for name, one in headers.items()}


def _rate(average: str, period: str) -> str | None:
    match = _PERIOD.fullmatch(period)
    if not average.isdigit() or not int(average) or match is None or not int(match[1]):
        return None
    per_second = int(average) / (int(match[1]) * _SECONDS[match[2]])
    return f"{round(per_second)}r/s" if per_second >= 1 else f"{max(1, round(per_second * 60))}r/m"


def _network(text: str) -> str:
    """Return a network as a route has it: an address alone is one of its own."""
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return text
