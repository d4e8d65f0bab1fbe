"""The properties of `docker:index/service:Service`: defaults and meanings of the official provider."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from offline_plugins.docker.documents import duration
from offline_plugins.docker.fields import (
    Fields,
    block,
    block_set,
    blocks,
    flag,
    labels,
    named,
    not_negative,
    one_of,
    ratio,
    text,
    text_map,
    text_set,
    texts,
    whole,
)
from offline_plugins.values import Value

_READABLE_BY_ALL: Final = 0o444


def _file(kind: str) -> Fields:
    """A secret or config that appears as a file."""
    return {
        f"{kind}Id": text(required=True),
        f"{kind}Name": text(),
        "fileName": text(required=True),
        "fileUid": text(default="0"),
        "fileGid": text(default="0"),
        "fileMode": whole(default=_READABLE_BY_ALL, problem=not_negative),
    }


def _rollout(*failure_actions: str) -> Fields:
    """How tasks are exchanged, forwards or backwards."""
    return {
        "parallelism": whole(default=1, problem=not_negative),
        "delay": text(default="0s", problem=duration),
        "failureAction": text(default="pause", problem=one_of(*failure_actions)),
        "monitor": text(default="5s", problem=duration),
        "maxFailureRatio": text(default="0.0", problem=ratio),
        "order": text(default="stop-first", problem=one_of("stop-first", "start-first")),
    }


_AMOUNTS: Final[Fields] = {"nanoCpus": whole(), "memoryBytes": whole()}

_MOUNT: Final[Fields] = {
    "target": text(required=True),
    "source": text(),
    "type": text(required=True, problem=one_of("bind", "volume", "tmpfs")),
    "readOnly": flag(),
    "bindOptions": block({"propagation": text(default="rprivate")}, refused=True),
    "volumeOptions": block(
        {
            "noCopy": flag(refused=True),
            "labels": labels(fixed=True),
            "driverName": text(),
            "driverOptions": text_map(),
        },
    ),
    "tmpfsOptions": block({"sizeBytes": whole(), "mode": whole()}),
}

_HEALTHCHECK: Final[Fields] = {
    "tests": texts(source="test"),
    "interval": text(default="0s", problem=duration),
    "timeout": text(default="0s", problem=duration),
    "startPeriod": text(default="0s", problem=duration),
    "retries": whole(default=0, problem=not_negative),
}

_CONTAINER: Final[Fields] = {
    "image": text(required=True),
    "labels": labels(fixed=True),
    "commands": texts(source="command"),
    "args": texts(),
    "hostname": text(),
    "env": text_map(),
    "dir": text(),
    "user": text(),
    "groups": texts(refused=True),
    "privileges": block({}, refused=True),
    "readOnly": flag(),
    "mounts": block_set(_MOUNT),
    "stopSignal": text(),
    "stopGracePeriod": text(computed=True, problem=duration),
    "healthcheck": block(_HEALTHCHECK, computed=True),
    "hosts": block_set(
        {"ip": text(required=True, replaces=True), "host": text(required=True, replaces=True)},
        replaces=True,
    ),
    "dnsConfig": block(
        {
            "nameservers": texts(required=True),
            "searches": texts(source="search", refused=True),
            "options": texts(refused=True),
        },
        computed=True,
    ),
    "secrets": block_set(_file("secret")),
    "configs": block_set(_file("config")),
    "isolation": text(default="default", problem=one_of("default")),
    "sysctl": text_map(replaces=True),
    "capAdds": texts(source="cap_add"),
    "capDrops": texts(source="cap_drop"),
    "init": flag(computed=True),
}

_TASK: Final[Fields] = {
    "containerSpec": block(_CONTAINER, required=True),
    "resources": block(
        {
            "limits": block(_AMOUNTS),
            "reservation": block({**_AMOUNTS, "genericResources": block({}, refused=True)}),
        },
        computed=True,
    ),
    "restartPolicy": block(
        {
            "condition": text(problem=one_of("none", "on-failure", "any")),
            "delay": text(problem=duration),
            "maxAttempts": whole(problem=not_negative),
            "window": text(problem=duration),
        },
        computed=True,
    ),
    "placement": block(
        {
            "constraints": text_set(),
            "prefs": text_set(),
            "maxReplicas": whole(problem=not_negative),
            "platforms": block_set({"architecture": text(), "os": text()}, refused=True),
        },
        computed=True,
    ),
    "forceUpdate": whole(computed=True, refused=True),
    "runtime": text(computed=True, refused=True),
    "networksAdvanceds": block_set(
        {
            "name": text(replaces=True),
            "id": text(replaces=True),
            "aliases": text_set(replaces=True),
            "driverOpts": text_set(replaces=True, refused=True),
        },
        source="networks_advanced",
    ),
    "logDriver": block({"name": text(required=True), "options": text_map()}),
}

_PORT: Final[Fields] = {
    "name": text(),
    "protocol": text(default="tcp", problem=one_of("tcp", "udp", "sctp")),
    "targetPort": whole(required=True),
    "publishedPort": whole(computed=True),
    "publishMode": text(default="ingress", problem=one_of("host", "ingress")),
}

SERVICE: Final[Fields] = named(
    {
        "auth": block({}, replaces=True, refused=True),
        "name": text(required=True, replaces=True),
        "labels": labels(fixed=False, computed=True),
        "taskSpec": block(_TASK, required=True),
        "mode": block(
            {
                "replicated": block(
                    {"replicas": whole(default=1, problem=not_negative)},
                    computed=True,
                ),
                "global": flag(default=False),
            },
            computed=True,
            replaces=True,
        ),
        "updateConfig": block(_rollout("pause", "continue", "rollback")),
        "rollbackConfig": block(_rollout("pause", "continue")),
        "endpointSpec": block(
            {"mode": text(computed=True, problem=one_of("vip", "dnsrr")), "ports": blocks(_PORT)},
            computed=True,
        ),
        "convergeConfig": block(
            {
                "delay": text(default="7s", problem=duration),
                "timeout": text(default="3m", problem=duration),
            },
        ),
    },
)


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
    fields=named(
        {
            "name": _NAME,
            "data": text(replaces=True, refused=True),
            "dataRaw": text(required=True, replaces=True),
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
