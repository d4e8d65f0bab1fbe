"""The four resource types of the offline docker provider."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from colorway.lab.plugins.docker.fields import (
    Fields,
    block_set,
    flag,
    labels,
    named,
    text,
    text_map,
)
from colorway.lab.plugins.docker.service_fields import SERVICE
from colorway.lab.plugins.values import Value


def _base64(value: Value) -> str | None:
    try:
        base64.b64decode(value if isinstance(value, str) else "*", validate=True)
    except (binascii.Error, ValueError):
        return "must be base64"
    return None


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """One kind of resource and its properties."""

    token: str
    fields: Fields
    schema_version: int
    """The version that the official provider writes into state; 0 is not written."""
    importable: bool = True
    exactly_one_of: tuple[str, ...] = ()


_NAME: Final = text(required=True, replaces=True)
_ADDRESS_RANGE: Final[Fields] = {
    "subnet": text(replaces=True),
    "ipRange": text(replaces=True, refused=True),
    "gateway": text(replaces=True),
    "auxAddress": text_map(replaces=True, refused=True),
}

NETWORK: Final = ResourceType(
    token="docker:index/network:Network",  # noqa: S106 - a type name
    schema_version=1,
    fields=named(
        {
            "name": _NAME,
            "labels": labels(fixed=True, replaces=True),
            "driver": text(replaces=True, computed=True),
            "options": text_map(replaces=True, computed=True),
            "internal": flag(replaces=True, computed=True),
            "attachable": flag(replaces=True),
            "ingress": flag(replaces=True, refused=True),
            "ipv6": flag(replaces=True, refused=True),
            "ipamDriver": text(replaces=True, default="default"),
            "ipamOptions": text_map(replaces=True, refused=True),
            "ipamConfigs": block_set(_ADDRESS_RANGE, source="ipam_config", replaces=True, computed=True),
            "scope": text(computed=True, refused=True),
        },
    ),
)
SECRET: Final = ResourceType(
    token="docker:index/secret:Secret",  # noqa: S106 - a type name
    schema_version=1,
    # What the daemon keeps of a secret cannot be read back, so there is nothing to import.
    importable=False,
    fields=named(
        {
            "name": _NAME,
            "data": text(required=True, replaces=True, secret=True, problem=_base64),
            "labels": labels(fixed=True, replaces=True),
        },
    ),
)
CONFIG: Final = ResourceType(
    token="docker:index/serviceConfig:ServiceConfig",  # noqa: S106 - a type name
    schema_version=0,
    exactly_one_of=("data", "dataRaw"),
    fields=named(
        {
            "name": _NAME,
            "data": text(replaces=True, problem=_base64),
            "dataRaw": text(replaces=True),
            "labels": labels(fixed=True, replaces=True),
        },
    ),
)
SERVICE_TYPE: Final = ResourceType(
    token="docker:index/service:Service",  # noqa: S106 - a type name
    schema_version=2,
    fields=SERVICE,
)
RESOURCE_TYPES: Final = MappingProxyType(
    {kind.token: kind for kind in (NETWORK, SECRET, CONFIG, SERVICE_TYPE)},
)
