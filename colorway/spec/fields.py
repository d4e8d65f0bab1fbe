"""Scalar types, each written once and reused by every model."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

LONGEST = timedelta(days=3650)
"""Longer is a slip of the finger; Docker counts nanoseconds in 64 bits, which overflow after 292 years."""
_DURATION = re.compile(r"(?=\d)(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)(?:\.(\d{1,3}))?s)?(?:(\d+)ms)?", re.ASCII)


def parse_duration(value: object) -> timedelta:
    """Read a duration in Go's notation, such as `500ms`, `1.5s`, `30s` or `1m30s`.

    Raises:
        ValueError: the value is anything else; a bare number has no unit.
    """
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise ValueError("is no duration; write a number with its unit, for example 30s, 1m30s or 500ms")
    hours, minutes, seconds, fraction, millis = match.groups()
    try:
        total = timedelta(
            hours=int(hours or 0),
            minutes=int(minutes or 0),
            seconds=int(seconds or 0),
            milliseconds=int(millis or 0) + int((fraction or "").ljust(3, "0")),
        )
    except (OverflowError, ValueError):
        total = timedelta.max
    if total > LONGEST:
        raise ValueError("is longer than ten years; write for example 1h")
    return total


def go_duration(value: timedelta) -> str:
    """Return the short Go form, `1m30s` for `90s` and `1m` for `60s`: the docker plugin reads back exactly that."""
    millis = round(value / timedelta(milliseconds=1))
    if millis < 1000:  # noqa: PLR2004 - a second
        return f"{millis}ms" if millis else "0s"
    minutes, millis = divmod(millis, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{millis / 1000:g}s"
    text = f"{minutes}m{seconds}" if minutes or hours else seconds
    text = f"{hours}h{text}" if hours else text
    for zero in ("m0s", "h0m"):
        text = text[:-2] if text.endswith(zero) else text
    return text


def whole_seconds(value: timedelta) -> int:
    """Return a duration in seconds, rounded up."""
    return math.ceil(value.total_seconds())


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ValueError("must be longer than nothing, for example 30s")
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(go_duration, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(\d+h)?(\d+m)?(\d+(\.\d{1,3})?s)?(\d+ms)?$",
            "minLength": 2,
            "examples": ["30s"],
        }
    ),
]
"""Length of time; Go notation in YAML."""
PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
"""Length of time above zero."""


__all__ = [
    "LABEL_LIMIT",
    "NAME_LIMIT",
    "Address",
    "AddressV6",
    "AnyNetwork",
    "CommandLine",
    "Cpus",
    "Domain",
    "Duration",
    "Label",
    "Memory",
    "MemoryLimit",
    "Network",
    "Percent",
    "PinnedImage",
    "Port",
    "PositiveDuration",
    "Ratio",
    "Replicas",
    "Shape",
    "UrlPath",
    "Version",
    "go_duration",
    "memory_text",
    "parse_duration",
    "whole_seconds",
]

LABEL_LIMIT = 63
"""Longest DNS label, RFC 1035 §2.3.4; Swarm uses service names as DNS labels."""
NAME_LIMIT = 253
"""Longest name in DNS, RFC 1035 §2.3.4."""
SMALLEST_MEMORY = 6 * 2**20
"""Docker refuses a lower limit."""
SMALLEST_PLAUSIBLE = 2**20
"""A smaller bare number was not meant to be bytes."""
LARGEST_MEMORY = 2**50
"""A petabyte; Docker counts bytes in 64 bits."""
ADDRESS_V6_CURE = "is no IPv6 address; write it without brackets and prefix, for example 2001:db8::11"
ADDRESS_CURE = "must be an IPv4 address, for example 10.0.0.11"
NETWORK_CURE = "must be a network with its prefix and no host bits, for example 10.90.0.0/16"
ANY_NETWORK_CURE = "must be a network with its prefix and no host bits, for example 198.51.100.0/24 or 2001:db8::/32"
_MEMORY = re.compile(r"(\d{1,12})(Ki|Mi|Gi)", re.ASCII)
_MEMORY_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")


@dataclass(frozen=True)
class Shape:
    """What a text must look like, and the sentence for one that does not."""

    pattern: str
    """Regular expression for the whole text, understood by Python and by JSON schema."""
    cure: str
    """What would be right."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        """Check after pydantic's own checks."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Say the pattern in the JSON schema."""
        return {**handler(schema), "pattern": f"^{self.pattern}$"}

    def _check(self, value: str) -> str:
        if not re.fullmatch(self.pattern, value, re.ASCII):
            raise ValueError(self.cure)
        return value


def _parse_memory(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= SMALLEST_PLAUSIBLE:
        amount = value
    else:
        match = _MEMORY.fullmatch(value) if isinstance(value, str) else None
        if not match:
            raise ValueError("is no amount of memory; write for example 256Mi or 2Gi")
        amount = int(match[1]) * _MEMORY_UNITS[match[2]]
    if amount > LARGEST_MEMORY:
        raise ValueError("is more memory than any host has; write for example 256Mi or 2Gi")
    return amount


def memory_text(value: int) -> str:
    """Return an amount of memory as it is written in a file, in the largest unit that keeps it whole."""
    for unit in ("Gi", "Mi"):
        if value % _MEMORY_UNITS[unit] == 0:
            return f"{value // _MEMORY_UNITS[unit]}{unit}"
    return f"{math.ceil(value / _MEMORY_UNITS['Ki'])}Ki"


def _check_limit(value: int) -> int:
    if value < SMALLEST_MEMORY:
        raise ValueError("is less than the 6Mi that Docker asks for; write for example 256Mi")
    return value


def _parse_version(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError('is a number to YAML and loses its zeros; quote it: "1.10"')  # noqa: TRY004 - pydantic wants ValueError
    if not isinstance(value, str) or not _VERSION.fullmatch(value):
        raise ValueError('is no version; write the name of a release manifest in quotes, for example "1.9.0"')
    return value


def _text_only(cure: str) -> BeforeValidator:
    def check(value: object) -> object:
        # Python would read the number 10 as the address 0.0.0.10.
        if not isinstance(value, str | IPv4Address | IPv4Network | IPv6Address):
            raise ValueError(cure)  # noqa: TRY004 - pydantic wants ValueError
        return value

    return BeforeValidator(check)


def _parse_any_network(value: object) -> object:
    if isinstance(value, str):
        try:
            return ip_network(value)
        except ValueError:
            raise ValueError(ANY_NETWORK_CURE) from None
    if not isinstance(value, IPv4Network | IPv6Network):
        raise ValueError(ANY_NETWORK_CURE)  # noqa: TRY004 - pydantic wants ValueError
    return value


def _check_words(value: tuple[str, ...]) -> tuple[str, ...]:
    if value and not value[0]:
        raise ValueError("begins with an empty text, which is no program; write the program, or leave the key out")
    if any("\0" in word for word in value):
        raise ValueError("has a NUL character, which no program can be given; leave it out")
    return value


CommandLine = Annotated[tuple[str, ...], AfterValidator(_check_words)]
"""Program and arguments, each a text of its own; no shell reads them."""
Memory = Annotated[
    int,
    BeforeValidator(_parse_memory),
    PlainSerializer(memory_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(Ki|Mi|Gi)$", "examples": ["256Mi"]}),
]
"""Bytes; written with Ki, Mi or Gi."""
MemoryLimit = Annotated[Memory, AfterValidator(_check_limit)]
"""Bytes that a task may use."""
Cpus = Annotated[float, Field(ge=0.01, le=512, strict=True)]
"""Processor cores; fractions allowed."""
Version = Annotated[
    str,
    BeforeValidator(_parse_version),
    WithJsonSchema({"type": "string", "pattern": f"^{_VERSION.pattern}$", "examples": ["1.9.0"]}),
]
"""Name of a release manifest."""
Label = Annotated[
    str,
    Field(max_length=40),
    Shape(
        r"[a-z]([a-z0-9-]*[a-z0-9])?",
        "must be a DNS label: small letters, digits and -, beginning with a letter, for example web",
    ),
]
"""DNS label; at most 40 characters, so that `<stack>-<service>-<color>` fits into 63."""
PinnedImage = Annotated[
    str,
    Shape(
        r"[a-z0-9][A-Za-z0-9_./:-]*@sha256:[0-9a-f]{64}",
        "is not pinned; a tag can move between two hosts, so write repository:tag@sha256:<64 hex digits>",
    ),
]
"""Image reference with its digest."""
Domain = Annotated[
    str,
    Shape(
        rf"(?=.{{1,{NAME_LIMIT}}}$)([a-z0-9]([a-z0-9-]{{0,61}}[a-z0-9])?\.)+[a-z]{{2,63}}",
        "is no domain name; write small letters, without https:// and without a dot at the end, "
        "for example example.com",
    ),
]
"""Fully qualified domain name without the trailing dot."""
Address = Annotated[IPv4Address, _text_only(ADDRESS_CURE)]
"""IPv4 address."""
AddressV6 = Annotated[IPv6Address, _text_only(ADDRESS_V6_CURE)]
"""IPv6 address."""
Network = Annotated[IPv4Network, _text_only(NETWORK_CURE)]
"""IPv4 network without host bits."""
AnyNetwork = Annotated[
    IPv4Network | IPv6Network,
    BeforeValidator(_parse_any_network),
    WithJsonSchema({"type": "string", "examples": ["2001:db8::/32"]}),
]
"""IPv4 or IPv6 network without host bits."""
Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
"""TCP port."""
Replicas = Annotated[int, Field(ge=1, le=100, strict=True)]
"""Number of tasks of a service that is on."""
Percent = Annotated[int, Field(ge=0, le=100, strict=True)]
"""Whole percent."""
Ratio = Annotated[float, Field(ge=0, le=1, strict=True)]
"""Share between 0 and 1."""
UrlPath = Annotated[
    str,
    Shape(
        r"/[A-Za-z0-9_./~-]*",
        "must be a path that begins with / and has only letters, digits and - . _ ~ /, for example /healthz",
    ),
]
"""Path of a URL, without query; nothing that nginx would read as syntax."""
