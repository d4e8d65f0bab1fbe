"""Calls a provider as the engine does, but in this process: properties in, properties out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import grpc
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import provider_pb2, status_pb2

from offline_plugins.engine_log import EngineLog, Severity
from offline_plugins.provider import OfflineProvider

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
KINDS = {number: name.lower().replace("_", "-") for name, number in provider_pb2.PropertyDiff.Kind.items()}


def secret(value: Any) -> Any:
    return {SIGNATURE: SECRET, "value": value}


def shown(properties: struct_pb2.Struct) -> Any:
    """Properties as JSON, whole numbers as such."""

    def tidy(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: tidy(item) for name, item in value.items()}
        if isinstance(value, list):
            return [tidy(item) for item in value]
        return int(value) if isinstance(value, float) and value.is_integer() else value

    return tidy(json_format.MessageToDict(properties))


def packed(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    json_format.ParseDict(dict(properties), struct)
    return struct


class Failed(Exception):
    """The call was aborted."""

    def __init__(self, text: str, *, left: provider_pb2.ErrorResourceInitFailed | None) -> None:
        super().__init__(text)
        self.text = text
        self.left = left


class Context:
    """The context of one call; an abort becomes `Failed`."""

    def __init__(self) -> None:
        self._metadata: Sequence[tuple[str, bytes]] = ()

    def set_trailing_metadata(self, metadata: Sequence[tuple[str, bytes]]) -> None:
        self._metadata = metadata

    def abort(self, _: grpc.StatusCode, details: str) -> NoReturn:
        left = None
        for name, value in self._metadata:
            assert name == "grpc-status-details-bin", "the only metadata that the engine reads"
            status = status_pb2.Status.FromString(value)
            left = provider_pb2.ErrorResourceInitFailed()
            assert status.details[0].Unpack(left), "the engine looks for this type"
        raise Failed(details, left=left)


class KeptLog(EngineLog):
    """A log that keeps its lines."""

    def __init__(self) -> None:
        super().__init__(None)
        self.lines: list[tuple[Severity, str, bool]] = []

    def write(self, message: str, *, urn: str, severity: Severity, passing: bool = False) -> None:
        assert urn, "every line belongs to a resource"
        self.lines.append((severity, message, passing))


@dataclass
class Difference:
    """The answer to Diff."""

    some: bool
    replaces: list[str]
    first_delete: bool
    diffs: list[str]
    detailed: dict[str, str] = field(default_factory=dict)


@dataclass
class Servicer:
    """The calls of the engine for one resource type at a time."""

    provider: OfflineProvider

    @staticmethod
    def urn(token: str, name: str) -> str:
        return f"urn:pulumi:docker::contract::{token}::{name}"

    def check(
        self,
        token: str,
        name: str,
        news: Mapping[str, Any],
        *,
        olds: Mapping[str, Any] | None = None,
        seed: bytes = b"seed",
    ) -> tuple[Any, dict[str, str]]:
        request = provider_pb2.CheckRequest(urn=self.urn(token, name), news=packed(news), randomSeed=seed)
        if olds is not None:
            request.olds.CopyFrom(packed(olds))
        answer = self.provider.Check(request, Context())
        return shown(answer.inputs), {failure.property: failure.reason for failure in answer.failures}

    def checked(self, token: str, name: str, news: Mapping[str, Any], **more: Any) -> Any:
        inputs, failures = self.check(token, name, news, **more)
        assert failures == {}, "these inputs are meant to be accepted"
        return inputs

    def diff(
        self,
        token: str,
        name: str,
        *,
        state: Mapping[str, Any],
        news: Mapping[str, Any],
        old_inputs: Mapping[str, Any],
        ignoring: Sequence[str] = (),
    ) -> Difference:
        request = provider_pb2.DiffRequest(
            id="id",
            urn=self.urn(token, name),
            olds=packed(state),
            news=packed(news),
            old_inputs=packed(old_inputs),
            ignoreChanges=ignoring,
        )
        answer = self.provider.Diff(request, Context())
        return Difference(
            some=answer.changes == provider_pb2.DiffResponse.DIFF_SOME,
            replaces=list(answer.replaces),
            first_delete=answer.deleteBeforeReplace,
            diffs=list(answer.diffs),
            detailed={path: KINDS[diff.kind] for path, diff in answer.detailedDiff.items()},
        )

    def create(self, token: str, name: str, inputs: Mapping[str, Any], *, preview: bool = False) -> tuple[str, Any]:
        request = provider_pb2.CreateRequest(
            urn=self.urn(token, name),
            properties=packed(inputs),
            preview=preview,
        )
        answer = self.provider.Create(request, Context())
        return answer.id, shown(answer.properties)

    def update(
        self,
        token: str,
        name: str,
        resource_id: str,
        *,
        state: Mapping[str, Any],
        news: Mapping[str, Any],
        preview: bool = False,
    ) -> Any:
        request = provider_pb2.UpdateRequest(
            id=resource_id,
            urn=self.urn(token, name),
            olds=packed(state),
            news=packed(news),
            preview=preview,
        )
        return shown(self.provider.Update(request, Context()).properties)

    def read(
        self,
        token: str,
        name: str,
        resource_id: str,
        *,
        state: Mapping[str, Any],
        inputs: Mapping[str, Any],
    ) -> tuple[str, Any, Any]:
        request = provider_pb2.ReadRequest(
            id=resource_id,
            urn=self.urn(token, name),
            properties=packed(state),
            inputs=packed(inputs),
        )
        answer = self.provider.Read(request, Context())
        return answer.id, shown(answer.properties), shown(answer.inputs)

    def delete(self, token: str, name: str, resource_id: str, state: Mapping[str, Any]) -> None:
        request = provider_pb2.DeleteRequest(id=resource_id, urn=self.urn(token, name), properties=packed(state))
        self.provider.Delete(request, Context())
