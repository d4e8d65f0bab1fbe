"""The offline docker provider: the engine's calls, answered with plans and with the daemon."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2
from typing_extensions import override

from offline_plugins.docker.checking import Naming, check
from offline_plugins.docker.daemon import (
    HOST_HINT,
    Daemon,
    HttpDaemon,
    Manager,
    registry_logins,
    ssh_options,
    usable_host,
)
from offline_plugins.docker.documents import Document
from offline_plugins.docker.operations import OPERATIONS, Operations, UpdateFailedError
from offline_plugins.engine_log import EngineLog, Severity
from offline_plugins.faults import DeleteFaults
from offline_plugins.provider import OfflineProvider, abort_with_state, logical_name
from offline_plugins.values import (
    UNKNOWN,
    Changes,
    Properties,
    Value,
    contains_unknown,
    decode,
    encode,
    revealed,
    top_of,
)
from offline_plugins.waiting import PluginError

_DEFAULT_HOST: Final = "unix:///var/run/docker.sock"
_LOGINS_PROBLEM: Final = "registryAuth: must be a list of logins, each with address, username and password, all texts"


class DockerProvider(OfflineProvider):
    """Networks, secrets, configs and services of one swarm.

    Args:
        log: the log of the engine.
        daemon: the daemon to use instead of the configured one; for tests.
    """

    def __init__(self, log: EngineLog, *, daemon: Daemon | None = None) -> None:
        super().__init__(package="pulumi-docker", types=OPERATIONS, log=log)
        self._given = daemon
        self._daemon = daemon
        self._faults = DeleteFaults({})
        self._logins: dict[str, Document] = {}

    @override
    def Configure(
        self,
        request: provider_pb2.ConfigureRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.ConfigureResponse:
        settings = decode(request.args)
        host = settings.get("host", os.environ.get("DOCKER_HOST") or _DEFAULT_HOST)

        def configure() -> None:
            self._faults = DeleteFaults.of_environment()
            logins = registry_logins(revealed(settings.get("registryAuth")))
            if logins is None:
                raise PluginError(_LOGINS_PROBLEM)
            self._logins = logins
            if self._given is not None or host is UNKNOWN:
                return
            problem = self._setting_problem("host", host)
            if problem or not isinstance(host, str):
                raise PluginError(problem or "host: must be text")
            daemon = HttpDaemon(host, ssh_options=ssh_options(settings.get("sshOpts")) or ())
            if daemon.local:
                daemon.ping()
            self._daemon = daemon

        self._answered(context, configure)
        # Like the official provider it takes secrets in clear; the engine marks them again in state.
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    @override
    def _setting_problem(self, name: str, value: Value) -> str | None:
        if name == "host":
            known = value is UNKNOWN or (isinstance(value, str) and usable_host(value))
            return None if known else f"host: the offline docker plugin needs one of {HOST_HINT}"
        if name == "sshOpts":
            known = value is UNKNOWN or ssh_options(value) is not None
            return None if known else "sshOpts: must be a list of ssh's options, each a text"
        if name == "registryAuth":
            known = contains_unknown(value) or registry_logins(revealed(value)) is not None
            return None if known else _LOGINS_PROBLEM
        if name == "version" or name.startswith("__"):
            return None
        return (
            f"{name}: the offline docker plugin knows the settings host, sshOpts and registryAuth only; "
            f"leave {name} out"
        )

    @override
    def Check(
        self,
        request: provider_pb2.CheckRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.CheckResponse:
        def answer() -> provider_pb2.CheckResponse:
            inputs, failures = check(
                self._operations(request.urn).kind,
                news=decode(request.news),
                olds=decode(request.olds) if request.HasField("olds") else None,
                naming=Naming(logical_name=logical_name(request.urn), seed=request.randomSeed),
            )
            told = [provider_pb2.CheckFailure(property=item.path, reason=item.reason) for item in failures]
            return provider_pb2.CheckResponse(inputs=encode(inputs), failures=told)

        return self._answered(context, answer)

    @override
    def Diff(
        self,
        request: provider_pb2.DiffRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.DiffResponse:
        def answer() -> provider_pb2.DiffResponse:
            operations = self._operations(request.urn)
            olds, news = decode(request.olds), decode(request.news)
            planned = operations.plan(olds, news, ignored=request.ignoreChanges)
            changes = operations.changes(olds, news, planned)
            return _diff(operations, changes, changed=planned.changed, named=_explicitly_named(news))

        return self._answered(context, answer)

    @override
    def Create(
        self,
        request: provider_pb2.CreateRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.CreateResponse:
        def answer() -> provider_pb2.CreateResponse:
            operations, inputs = self._operations(request.urn), decode(request.properties)
            if request.preview:
                planned = operations.plan(None, inputs).state
                return provider_pb2.CreateResponse(properties=encode(operations.outputs(planned, None)))
            with self._failing("", request.urn):
                resource_id, outputs = operations.create(self._swarm(), inputs)
            return provider_pb2.CreateResponse(id=resource_id, properties=encode(outputs))

        return self._answered(context, answer)

    @override
    def Update(
        self,
        request: provider_pb2.UpdateRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.UpdateResponse:
        def answer() -> Properties | UpdateFailedError:
            operations = self._operations(request.urn)
            olds, news = decode(request.olds), decode(request.news)
            ignored = request.ignoreChanges
            if request.preview:
                return operations.outputs(operations.plan(olds, news, ignored=ignored).state, request.id)
            try:
                with self._failing("updating", request.urn):
                    return operations.update(self._swarm(), request.id, olds, news, ignored=ignored)
            except UpdateFailedError as error:
                return error

        result = self._answered(context, answer)
        if isinstance(result, UpdateFailedError):
            abort_with_state(context, resource_id=request.id, outputs=result.outputs, reason=str(result))
        return provider_pb2.UpdateResponse(properties=encode(result))

    @override
    def Read(
        self,
        request: provider_pb2.ReadRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.ReadResponse:
        def answer() -> provider_pb2.ReadResponse:
            operations = self._operations(request.urn)
            olds, inputs = decode(request.properties), decode(request.inputs)
            with self._failing("refreshing", request.urn):
                found = operations.read(self._swarm(), request.id, olds=olds, inputs=inputs)
            if found is None:
                return provider_pb2.ReadResponse()
            outputs, inputs = found
            return provider_pb2.ReadResponse(
                id=request.id,
                properties=encode(outputs),
                inputs=encode(inputs),
            )

        return self._answered(context, answer)

    @override
    def Delete(
        self,
        request: provider_pb2.DeleteRequest,
        context: grpc.ServicerContext,
    ) -> empty_pb2.Empty:
        def answer() -> empty_pb2.Empty:
            operations = self._operations(request.urn)
            with self._failing("deleting", request.urn):
                operations.delete(self._swarm(), request.id, decode(request.properties))
            return empty_pb2.Empty()

        return self._answered(context, answer)

    def _operations(self, urn: str) -> Operations:
        return OPERATIONS[self._served(urn)]

    def _swarm(self) -> Manager:
        if self._daemon is None:
            raise PluginError("the docker provider has no host yet; its host depends on what is not created")
        return Manager(daemon=self._daemon, patience=self._patience, faults=self._faults, logins=self._logins)

    @contextmanager
    def _failing(self, doing: str, urn: str) -> Iterator[None]:
        """Word a failure as the official provider does, in its extra line of the log as well."""
        try:
            yield
        except PluginError as error:
            line = f"  sdk-v2/provider2.go:571: sdk.helper_schema: {error}: provider=docker@{self._version}"
            self._log.write(line, urn=urn, severity=Severity.ERROR)
            text = f"1 error occurred:\n\t* {error}\n\n"
            text = f"{doing} {urn}: {text}" if doing else text
            if isinstance(error, UpdateFailedError):
                raise UpdateFailedError(text, outputs=error.outputs) from error
            raise PluginError(text) from error


def _explicitly_named(inputs: Properties) -> bool:
    defaults = inputs.get("__defaults")
    return isinstance(defaults, list) and "name" not in defaults


def _diff(
    operations: Operations,
    changes: Changes,
    *,
    changed: bool,
    named: bool,
) -> provider_pb2.DiffResponse:
    """The answer to Diff; an explicit name makes a replacement delete first, for the name is taken until then."""
    tops = {path: top_of(path) for path in changes}
    replaces = sorted(tops[path] for path, change in changes.items() if change.replaces)
    some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
    return provider_pb2.DiffResponse(
        changes=some if changed else none,
        replaces=replaces,
        stables=sorted(
            name for name, field in operations.kind.fields.items() if field.replaces and name not in replaces
        ),
        deleteBeforeReplace=bool(replaces) and named,
        diffs=sorted(set(tops.values())),
        detailedDiff={
            path: provider_pb2.PropertyDiff(kind=provider_pb2.PropertyDiff.Kind.Value(change.name))
            for path, change in changes.items()
        },
        hasDetailedDiff=True,
    )
