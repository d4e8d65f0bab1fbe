"""Scalar types, each written once and reused by every model."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

_DURATION = re.compile(r"(?=\d)(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?")
_MEMORY = re.compile(r"(\d+)(Ki|Mi|Gi)")
_MEMORY_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")
_PINNED = re.compile(r"[a-z0-9][\w./:-]*@sha256:[0-9a-f]{64}")
_DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_ENV_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
_SECRET_WORDS = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIAL", re.IGNORECASE)
LABEL_LIMIT = 63
"""Longest DNS label, RFC 1035 §2.3.4; Swarm uses service names as DNS labels."""


def parse_duration(value: object) -> timedelta:
    """Read a duration in Go's notation, such as `500ms`, `30s` or `1m30s`.

    Raises:
        ValueError: the value is anything else; a bare number has no unit.
    """
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise ValueError("is no duration; write a number with its unit, for example 30s, 1m30s or 500ms")
    try:
        hours, minutes, seconds, millis = (int(part or 0) for part in match.groups())
        return timedelta(hours=hours, minutes=minutes, seconds=seconds, milliseconds=millis)
    except (OverflowError, ValueError):
        raise ValueError("is too long for a duration; write for example 1h") from None


def go_duration(value: timedelta) -> str:
    """Return the short Go form (`90s` becomes `1m30s`, `60s` becomes `1m`): the docker plugin reads back exactly that."""
    millis = round(value / timedelta(milliseconds=1))
    if millis < 1000:  # noqa: PLR2004 - a second
        return f"{millis}ms" if millis else "0s"
    minutes, millis = divmod(millis, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{millis / 1000:g}s"
    if hours:
        text = f"{hours}h{minutes}m{seconds}"
    else:
        text = f"{minutes}m{seconds}" if minutes else seconds
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


def _parse_memory(value: object) -> int:
    match = _MEMORY.fullmatch(value) if isinstance(value, str) else None
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if not match:
        raise ValueError("is no amount of memory; write for example 256Mi or 2Gi")
    return int(match[1]) * _MEMORY_UNITS[match[2]]


def _parse_version(value: object) -> str:
    if isinstance(value, int | float):
        raise ValueError('is a number to YAML and loses its zeros; quote it: "1.10"')  # noqa: TRY004 - pydantic wants ValueError
    if not isinstance(value, str) or not _VERSION.fullmatch(value):
        raise ValueError('is no version; write the name of a release manifest in quotes, for example "1.9.0"')
    return value


def _matcher(pattern: re.Pattern[str], cure: str) -> AfterValidator:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(cure)
        return value

    return AfterValidator(check)


def _check_env_name(value: str) -> str:
    if not _ENV_NAME.fullmatch(value):
        raise ValueError("is no variable name; use capitals, digits and _, for example LOG_LEVEL")
    if _SECRET_WORDS.search(value) and not value.endswith("_FILE"):
        raise ValueError(
            f"looks like a secret, and every `docker inspect` would show it; list it under `secrets` "
            f"and hand the program {value}_FILE"
        )
    return value


def _text_of_scalar(value: Any) -> Any:  # noqa: ANN401 - whatever YAML made of it
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(go_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$", "examples": ["30s"]}),
]
"""Length of time; Go notation in YAML."""
PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
"""Length of time above zero."""
Memory = Annotated[
    int,
    BeforeValidator(_parse_memory),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(Ki|Mi|Gi)$", "examples": ["256Mi"]}),
]
"""Bytes; written with Ki, Mi or Gi."""
Cpus = Annotated[float, Field(gt=0, le=512)]
"""Processor cores; fractions allowed."""
Version = Annotated[str, BeforeValidator(_parse_version), WithJsonSchema({"type": "string", "examples": ["1.9.0"]})]
"""Name of a release manifest."""
Label = Annotated[
    str,
    Field(max_length=40),
    _matcher(_LABEL, "must be a DNS label: small letters, digits and -, beginning with a letter, for example web"),
]
"""DNS label; at most 40 characters, so that `<stack>-<service>-<color>` fits into 63."""
PinnedImage = Annotated[
    str,
    _matcher(
        _PINNED,
        "is not pinned; a tag can move between two hosts, so write repository:tag@sha256:<64 hex digits>",
    ),
]
"""Image reference with its digest."""
Domain = Annotated[str, _matcher(_DOMAIN, "is no domain name, for example example.com")]
"""Fully qualified domain name without the trailing dot."""
Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
"""TCP port."""
Replicas = Annotated[int, Field(ge=1, le=100, strict=True)]
"""Number of tasks of a service that is on."""
Percent = Annotated[int, Field(ge=0, le=100, strict=True)]
"""Whole percent."""
Ratio = Annotated[float, Field(ge=0, le=1)]
"""Share between 0 and 1."""
UrlPath = Annotated[
    str, _matcher(re.compile(r"/[\w\-./~]*"), "must be a path that begins with /, for example /healthz")
]
"""Path of a URL, without query; nothing that nginx would read as syntax."""
EnvName = Annotated[str, AfterValidator(_check_env_name)]
"""Name of an environment variable that holds no secret."""
EnvValue = Annotated[str, BeforeValidator(_text_of_scalar)]
"""Value of an environment variable."""
