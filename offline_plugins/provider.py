"""What both offline providers answer alike."""

from __future__ import annotations

import importlib.metadata
import json
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NoReturn, TypeVar

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2
from typing_extensions import override

from colorway.errors import ColorwayError
from offline_plugins.engine_log import EngineLog
from offline_plugins.values import Properties, Value, decode, encode
from offline_plugins.waiting import Patience


def abort_with_state(
    context: grpc.ServicerContext,
    *,
    resource_id: str,
    outputs: Properties,
    reason: str,
) -> NoReturn:
    """Fail an update so that the engine keeps the outputs together with the reason.

    The resource stays in state with an initialization error, and the next update runs it again.
    """
    left = provider_pb2.ErrorResourceInitFailed(
        id=resource_id,
        properties=encode(outputs),
        reasons=[reason],
    )
    detail = any_pb2.Any()
    detail.Pack(left)
    code = grpc.StatusCode.UNKNOWN
    status = status_pb2.Status(code=code.value[0], message=reason, details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, reason)


Answer = TypeVar("Answer")
_INTERNAL: Final = "__"


class OfflineProvider(provider_pb2_grpc.ResourceProviderServicer):
    """The calls that do not depend on the resources.

    Args:
        package: the package of the SDK, such as `pulumi-docker`; its version is reported as ours.
        types: the resource types that are served.
        log: where lines for the update's log go.
    """

    def __init__(self, *, package: str, types: Iterable[str], log: EngineLog) -> None:
        self._version = importlib.metadata.version(package)
        self._name = package.removeprefix("pulumi-")
        self._types = frozenset(types)
        self._log = log
        self._patience = Patience()

    @override
    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self._version)

    @override
    def GetSchema(
        self,
        request: provider_pb2.GetSchemaRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.GetSchemaResponse:
        schema = {
            "name": self._name,
            "version": self._version,
            "resources": {token: {} for token in sorted(self._types)},
        }
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema))

    @override
    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        self._patience.end()
        return empty_pb2.Empty()

    @override
    def CheckConfig(
        self,
        request: provider_pb2.CheckRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.CheckResponse:
        given = decode(request.news)
        failures = [
            provider_pb2.CheckFailure(property=name, reason=reason)
            for name, value in given.items()
            if (reason := self._setting_problem(name, value))
        ]
        return provider_pb2.CheckResponse(inputs=encode(given), failures=failures)

    @override
    def DiffConfig(
        self,
        request: provider_pb2.DiffRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.DiffResponse:
        olds, news = decode(request.old_inputs or request.olds), decode(request.news)
        changed = sorted(
            name for name in {*olds, *news} if not name.startswith(_INTERNAL) and olds.get(name) != news.get(name)
        )
        some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
        update = provider_pb2.PropertyDiff(kind=provider_pb2.PropertyDiff.UPDATE, inputDiff=True)
        return provider_pb2.DiffResponse(
            changes=some if changed else none,
            diffs=changed,
            detailedDiff=dict.fromkeys(changed, update),
            hasDetailedDiff=True,
        )

    def _setting_problem(self, name: str, value: Value) -> str | None:
        """What is wrong with one setting of the provider; None where it is accepted."""
        raise NotImplementedError

    def _served(self, urn: str) -> str:
        """The type of a resource, refused where it is not ours."""
        token = urn.split("::")[2].rpartition("$")[2]
        if token not in self._types:
            known = ", ".join(sorted(self._types))
            raise ColorwayError(f"the offline {self._name} plugin has no {token}; it has {known}")
        return token

    def _answered(self, context: grpc.ServicerContext, work: Callable[[], Answer]) -> Answer:
        """The answer of some work, or its failure as one sentence."""
        try:
            return work()
        except ColorwayError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the engine must get a sentence
            # Neither the message nor the frames' values are shown: they may hold a secret.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            self._abort_unexpected(context, f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}")

    def _abort_unexpected(self, context: grpc.ServicerContext, what: str) -> NoReturn:
        context.abort(
            grpc.StatusCode.INTERNAL,
            f"the offline {self._name} plugin failed unexpectedly: {what}; please report it",
        )


def logical_name(urn: str) -> str:
    """The name that the program gave a resource."""
    return urn.split("::", maxsplit=3)[3]


def without_internals(properties: Properties) -> Properties:
    """The properties of the resource itself, without those that start with two underscores, at any depth."""

    def cleaned(value: Value) -> Value:
        if isinstance(value, dict):
            return without_internals(value)
        return [cleaned(element) for element in value] if isinstance(value, list) else value

    return {name: cleaned(value) for name, value in properties.items() if not name.startswith(_INTERNAL)}
