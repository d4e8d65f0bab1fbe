"""The resource types, each with its fields and its place in the API, and what a rule may say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from offline_plugins.values import Properties, Value, contains_unknown

_TEXT: Final = (str,)
_NUMBER: Final = (int, float)
_FLAG: Final = (bool,)
_ANY: Final = (str, int, float, bool, dict, list)
_CAPITAL: Final = re.compile(r"[A-Z]")
_WORD: Final = re.compile(r"_([a-z0-9])")


@dataclass(frozen=True, kw_only=True)
class Field:
    """A property that a program may give."""

    kinds: tuple[type, ...]
    required: bool = False
    replaces: bool = False
    """Whether another value makes another resource."""
    is_verbatim: bool = False
    """Whether what is inside goes to the API as the program says it, keys and all."""
    is_sent: bool = True
    """Whether it is in the body of requests; else it is in their path."""
    is_secret: bool = False
    """Whether the API never answers it."""


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """A kind of thing in a zone."""

    fields: Mapping[str, Field]
    place: str
    """Its collection below `zones/ZONE/`, or, where it has no id of its own, the thing itself."""
    names_itself: str | None = None
    """The field that is its id; None = the API gives it one."""
    create: str = "POST"
    update: str = "PUT"
    stays: bool = False
    """Whether a delete leaves it as it is, because a zone has it always."""
    computed: tuple[str, ...] = field(default=())
    """What the API alone decides, as far as it is kept in the state."""

    @property
    def has_id(self) -> bool:
        """Whether the API gives it an id."""
        return self.names_itself is None

    def path(self, properties: Properties, *, identifier: str | None) -> str:
        """Return its path: of the collection without an id, of the thing with one."""
        base = f"zones/{properties.get('zoneId')}/{self.place}"
        return f"{base}/{identifier}" if identifier else base


_ZONE: Final = Field(kinds=_TEXT, required=True, replaces=True, is_sent=False)

TYPES: Final[Mapping[str, ResourceType]] = MappingProxyType(
    {
        "cloudflare:index/dnsRecord:DnsRecord": ResourceType(
            fields={
                "zoneId": _ZONE,
                "name": Field(kinds=_TEXT, required=True),
                "type": Field(kinds=_TEXT, required=True),
                "ttl": Field(kinds=_NUMBER, required=True),
                "content": Field(kinds=_TEXT),
                "proxied": Field(kinds=_FLAG),
                "comment": Field(kinds=_TEXT),
            },
            place="dns_records",
            computed=("createdOn", "modifiedOn", "proxiable"),
        ),
        "cloudflare:index/zoneSetting:ZoneSetting": ResourceType(
            fields={
                "zoneId": _ZONE,
                "settingId": Field(kinds=_TEXT, required=True, replaces=True, is_sent=False),
                "value": Field(kinds=_ANY, required=True, is_verbatim=True),
            },
            place="settings",
            names_itself="settingId",
            create="PATCH",
            update="PATCH",
            stays=True,
            computed=("editable",),
        ),
        "cloudflare:index/ruleset:Ruleset": ResourceType(
            fields={
                "zoneId": _ZONE,
                "kind": Field(kinds=_TEXT, required=True, replaces=True),
                "name": Field(kinds=_TEXT, required=True),
                "phase": Field(kinds=_TEXT, required=True, replaces=True),
                "description": Field(kinds=_TEXT),
                "rules": Field(kinds=(list,)),
            },
            place="rulesets",
            computed=("lastUpdated", "version"),
        ),
        "cloudflare:index/authenticatedOriginPullsCertificate:AuthenticatedOriginPullsCertificate": ResourceType(
            fields={
                "zoneId": _ZONE,
                "certificate": Field(kinds=_TEXT, required=True, replaces=True),
                "privateKey": Field(kinds=_TEXT, required=True, replaces=True, is_secret=True),
            },
            place="origin_tls_client_auth",
            computed=("expiresOn", "issuer", "signature", "status", "uploadedOn"),
        ),
        "cloudflare:index/authenticatedOriginPullsSettings:AuthenticatedOriginPullsSettings": ResourceType(
            fields={"zoneId": _ZONE, "enabled": Field(kinds=_FLAG, required=True)},
            place="origin_tls_client_auth/settings",
            names_itself="zoneId",
            create="PUT",
            stays=True,
        ),
    },
)
"""What our components make; the official provider has some hundred more."""


_RULE: Final = frozenset({"ref", "description", "expression", "action", "actionParameters", "enabled"})
_PARAMETERS: Final = MappingProxyType({"set_cache_settings": {"cache", "edgeTtl"}, "redirect": {"fromValue"}})
"""The actions of our rules, each with its parameters."""
_FROM_VALUE: Final = frozenset({"targetUrl", "statusCode", "preserveQueryString"})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


def rule_problem(rule: Value) -> str | None:
    """Return what is wrong with a rule of a ruleset; None where nothing is, as far as it is known."""
    if not isinstance(rule, dict) or contains_unknown(rule):
        return None
    if strange := set(rule) - _RULE:
        return f"the offline cloudflare plugin takes no {', '.join(sorted(strange))} in a rule; leave it out"
    if not rule.get("ref"):
        return "a rule has no ref, so that it would be a new one at every change"
    action, parameters = str(rule.get("action")), rule.get("actionParameters")
    if action not in _PARAMETERS:
        return f"the offline cloudflare plugin knows no action {action}"
    said: Properties = parameters if isinstance(parameters, dict) else {}
    if strange := set(said) - _PARAMETERS[action]:
        return f"the offline cloudflare plugin takes no {', '.join(sorted(strange))} for {action}; leave it out"
    return _redirect_problem(said.get("fromValue")) if action == "redirect" else None


def _redirect_problem(said: Value) -> str | None:
    if not isinstance(said, dict) or not isinstance(said.get("targetUrl"), dict):
        return "fromValue.targetUrl: is missing"
    if strange := set(said) - _FROM_VALUE:
        return f"the offline cloudflare plugin takes no {', '.join(sorted(strange))} in fromValue; leave it out"
    if said.get("statusCode", 301) not in _REDIRECTS:
        return "fromValue.statusCode: must be one of 301, 302, 303, 307, 308"
    return None


def to_api(value: Value) -> Value:
    """Return a value with the API's names of keys, instead of the SDK's."""
    if isinstance(value, dict):
        return {snake(key): to_api(item) for key, item in value.items() if item is not None}
    return [to_api(item) for item in value] if isinstance(value, list) else value


def from_api(value: object) -> Value:
    """Return what the API answered with the SDK's names of keys."""
    if isinstance(value, dict):
        return {_camel(key): from_api(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_api(item) for item in value]
    return value if isinstance(value, str | int | float | bool) else None


def snake(name: str) -> str:
    """Return the API's name of a field: `zone_id` for `zoneId`."""
    return _CAPITAL.sub(lambda found: f"_{found[0].lower()}", name)


def _camel(name: str) -> str:
    return _WORD.sub(lambda found: found[1].upper(), name)
