"""The offline cloudflare provider: the engine's calls, answered by the API."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2
from typing_extensions import override

from offline_plugins.cloudflare.api import PUBLIC_URL, Api, GoneError
from offline_plugins.cloudflare.resource_types import TYPES, ResourceType, from_api, rule_problem, snake, to_api
from offline_plugins.engine_log import EngineLog
from offline_plugins.provider import OfflineProvider
from offline_plugins.values import UNKNOWN, Properties, Secret, Value, contains_unknown, decode, encode, revealed
from offline_plugins.waiting import PluginError

_SETTINGS: Final = frozenset({"apiToken", "baseUrl", "version"})


class CloudflareProvider(OfflineProvider):
    """Things of zones.

    Args:
        log: the log of the engine.
    """

    def __init__(self, log: EngineLog) -> None:
        super().__init__(package="pulumi-cloudflare", types=TYPES, log=log)
        self._api = Api(url="", token="", patience=self._patience)

    @override
    def Configure(
        self,
        request: provider_pb2.ConfigureRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.ConfigureResponse:
        given = decode(request.args)

        def setting(name: str, variable: str, default: str) -> str:
            value = revealed(given.get(name))
            return value if isinstance(value, str) and value else os.environ.get(variable, default)

        self._api = Api(
            url=setting("baseUrl", "CLOUDFLARE_BASE_URL", PUBLIC_URL).rstrip("/"),
            token=setting("apiToken", "CLOUDFLARE_API_TOKEN", ""),
            patience=self._patience,
        )
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    @override
    def _setting_problem(self, name: str, value: Value) -> str | None:
        if name in _SETTINGS or name.startswith("__"):
            return None
        return f"{name}: the offline cloudflare plugin has no such setting; it has {', '.join(sorted(_SETTINGS))}"

    @override
    def Check(
        self,
        request: provider_pb2.CheckRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.CheckResponse:
        def answer() -> provider_pb2.CheckResponse:
            given: Properties = {name: value for name, value in decode(request.news).items() if value is not None}
            problems = _problems(TYPES[self._served(request.urn)], given)
            failures = [provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in problems.items()]
            return provider_pb2.CheckResponse(inputs=encode(given), failures=failures)

        return self._answered(context, answer)

    @override
    def Diff(
        self,
        request: provider_pb2.DiffRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.DiffResponse:
        def answer() -> provider_pb2.DiffResponse:
            kind = TYPES[self._served(request.urn)]
            state, news = decode(request.olds), decode(request.news)
            # What the state says was true at the last look, so that what somebody changed is changed back.
            changed = sorted(
                name
                for name in kind.fields
                if name not in request.ignoreChanges and _differs(state.get(name), news.get(name))
            )
            some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
            replaces = [name for name in changed if kind.fields[name].replaces]
            return provider_pb2.DiffResponse(changes=some if changed else none, replaces=replaces, diffs=changed)

        return self._answered(context, answer)

    @override
    def Create(
        self,
        request: provider_pb2.CreateRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.CreateResponse:
        def answer() -> provider_pb2.CreateResponse:
            kind, inputs = TYPES[self._served(request.urn)], decode(request.properties)
            if request.preview:
                return provider_pb2.CreateResponse(id="", properties=encode(_planned(kind, inputs)))
            plain = _plain(inputs)
            own = _own_id(kind, plain)
            path = kind.path(plain, identifier=own if kind.names_itself == "settingId" else None)
            found = self._api.ask(kind.create, path, _body(kind, plain))
            identifier = own or str(found["id"])
            return provider_pb2.CreateResponse(id=identifier, properties=encode(_state(kind, inputs, found)))

        return self._answered(context, answer)

    @override
    def Update(
        self,
        request: provider_pb2.UpdateRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.UpdateResponse:
        def answer() -> provider_pb2.UpdateResponse:
            kind, olds, inputs = TYPES[self._served(request.urn)], decode(request.olds), decode(request.news)
            inputs.update({name: olds[name] for name in request.ignoreChanges if name in olds})
            if request.preview:
                return provider_pb2.UpdateResponse(properties=encode(_planned(kind, inputs)))
            plain = _plain(inputs)
            found = self._api.ask(kind.update, _path_of(kind, plain, request.id), _body(kind, plain))
            return provider_pb2.UpdateResponse(properties=encode(_state(kind, inputs, found)))

        return self._answered(context, answer)

    @override
    def Read(
        self,
        request: provider_pb2.ReadRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.ReadResponse:
        def answer() -> provider_pb2.ReadResponse:
            kind, known, identifier = TYPES[self._served(request.urn)], decode(request.properties), request.id
            inputs = decode(request.inputs)
            if not known:
                # An import: the id is that of the zone and that of the thing.
                zone, slash, identifier = request.id.partition("/")
                if not slash or not kind.has_id:
                    raise PluginError(f"invalid ID: expected urlencoded segments <zone_id>/<id>, got {request.id}")
                known = inputs = {"zoneId": zone}
            try:
                found = self._api.ask("GET", _path_of(kind, _plain(known), identifier))
            except GoneError:
                return provider_pb2.ReadResponse()
            wanted = dict.fromkeys(kind.fields) if len(known) == 1 else inputs or known
            state = _state(kind, {**wanted, "zoneId": known["zoneId"]}, found, as_found=True)
            read = {name: value for name, value in state.items() if name in kind.fields}
            return provider_pb2.ReadResponse(id=identifier, properties=encode(state), inputs=encode(read))

        return self._answered(context, answer)

    @override
    def Delete(
        self,
        request: provider_pb2.DeleteRequest,
        context: grpc.ServicerContext,
    ) -> empty_pb2.Empty:
        def answer() -> empty_pb2.Empty:
            kind, known = TYPES[self._served(request.urn)], decode(request.properties)
            if not kind.stays:
                self._api.ask("DELETE", _path_of(kind, _plain(known), request.id))
            return empty_pb2.Empty()

        return self._answered(context, answer)


def _problems(kind: ResourceType, given: Properties) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in given.items():
        plain = revealed(value)
        if name not in kind.fields:
            found[name] = f"{name}: the offline cloudflare plugin takes no such field; leave it out"
        elif plain is not UNKNOWN and not _is_one_of(plain, kind.fields[name].kinds):
            found[name] = f"{name}: must be {' or '.join(one.__name__ for one in kind.fields[name].kinds)}"
    for name, field in kind.fields.items():
        if field.required and name not in given:
            found[name] = f"{name}: is missing"
    rules = revealed(given.get("rules"))
    for problem in map(rule_problem, rules if isinstance(rules, list) else ()):
        if problem:
            found.setdefault("rules", problem)
    if given.get("proxied") is True and given.get("ttl") not in {1, UNKNOWN}:
        found.setdefault("ttl", "ttl must be set to 1 when `proxied` is true")
    return found


def _is_one_of(value: Value, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _plain(properties: Properties) -> Properties:
    return {name: revealed(value) for name, value in properties.items()}


def _own_id(kind: ResourceType, plain: Properties) -> str | None:
    return None if kind.names_itself is None else str(plain[kind.names_itself])


def _path_of(kind: ResourceType, plain: Properties, identifier: str) -> str:
    return kind.path(plain, identifier=None if kind.names_itself == "zoneId" else identifier)


def _body(kind: ResourceType, plain: Properties) -> dict[str, Any]:
    return {
        snake(name): plain[name] if field.is_verbatim else to_api(plain[name])
        for name, field in kind.fields.items()
        if field.is_sent and plain.get(name) is not None
    }


def _planned(kind: ResourceType, inputs: Properties) -> Properties:
    return {**inputs, **dict.fromkeys(kind.computed, UNKNOWN)}


def _state(kind: ResourceType, inputs: Properties, found: Mapping[str, Any], *, as_found: bool = False) -> Properties:
    """The state: the fields that the program gave, and what the API decides.

    Args:
        kind: what it is.
        inputs: the fields that the program gave.
        found: what the API answered.
        as_found: whether the API's values count for the program's fields, too, as at a refresh.
    """
    state: Properties = dict(inputs)
    if as_found:
        for name, field in kind.fields.items():
            if name in inputs and field.is_sent and not field.is_secret and snake(name) in found:
                value = found[snake(name)] if field.is_verbatim else from_api(found[snake(name)])
                told = inputs[name]
                state[name] = Secret(value) if isinstance(told, Secret) else value
    for name in kind.computed:
        if snake(name) in found:
            state[name] = from_api(found[snake(name)])
    return {name: value for name, value in state.items() if value is not None}


def _differs(old: Value, new: Value) -> bool:
    """Whether the state is not what the program wants; what the API adds inside is its own business."""
    old, new = revealed(old), revealed(new)
    if contains_unknown(new):
        return True
    if isinstance(old, dict) and isinstance(new, dict):
        return any(_differs(old.get(name), value) for name, value in new.items() if value is not None)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) != len(new) or any(_differs(one, other) for one, other in zip(old, new, strict=True))
    return old != new
