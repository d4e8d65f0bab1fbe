"""The offline command provider: the engine's calls, answered by running programs."""

from __future__ import annotations

import os
import secrets
from functools import partial
from typing import Final

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2
from typing_extensions import override

from offline_plugins.command.inputs import FIELDS, REMOTE, check, differences
from offline_plugins.command.remote import Connection, RemoteRun
from offline_plugins.command.running import FailedError, Program, Result, quoted, run
from offline_plugins.engine_log import EngineLog, Severity
from offline_plugins.provider import OfflineProvider, logical_name
from offline_plugins.values import UNKNOWN, Properties, Secret, Value, decode, encode, revealed, texts, top_of
from offline_plugins.waiting import PluginError

_SHELL: Final = ("/bin/sh", "-c")
_PRINTED: Final = ("stdout", "stderr")
_ID_DIGITS: Final = 8


class CommandProvider(OfflineProvider):
    """Commands on this machine and over ssh.

    Args:
        log: the log of the engine.
    """

    def __init__(self, log: EngineLog) -> None:
        super().__init__(package="pulumi-command", types=FIELDS, log=log)

    @override
    def Configure(
        self,
        request: provider_pb2.ConfigureRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.ConfigureResponse:
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    @override
    def _setting_problem(self, name: str, value: Value) -> str | None:
        if name == "version" or name.startswith("__"):
            return None
        return f"{name}: the command provider has no settings; leave {name} out"

    @override
    def Check(
        self,
        request: provider_pb2.CheckRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.CheckResponse:
        def answer() -> provider_pb2.CheckResponse:
            inputs, problems = check(self._served(request.urn), decode(request.news))
            failures = [provider_pb2.CheckFailure(property=path, reason=reason) for path, reason in problems.items()]
            return provider_pb2.CheckResponse(inputs=encode(inputs), failures=failures)

        return self._answered(context, answer)

    @override
    def Diff(
        self,
        request: provider_pb2.DiffRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.DiffResponse:
        def answer() -> provider_pb2.DiffResponse:
            fields, state = FIELDS[self._served(request.urn)], decode(request.olds)
            sent = decode(request.old_inputs) if request.HasField("old_inputs") else state
            olds = {name: value for name, value in sent.items() if name in fields}
            news = {name: value for name, value in decode(request.news).items() if name in fields}
            news.update({name: state[name] for name in request.ignoreChanges if name in state})
            changes = differences(olds, news)
            some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
            return provider_pb2.DiffResponse(
                changes=some if changes else none,
                replaces=sorted({top_of(path) for path, change in changes.items() if change.replaces}),
                diffs=sorted({top_of(path) for path in changes}),
                detailedDiff={
                    path: provider_pb2.PropertyDiff(kind=provider_pb2.PropertyDiff.Kind.Value(change.name))
                    for path, change in changes.items()
                },
                hasDetailedDiff=True,
            )

        return self._answered(context, answer)

    @override
    def Create(
        self,
        request: provider_pb2.CreateRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.CreateResponse:
        def answer() -> provider_pb2.CreateResponse:
            inputs = decode(request.properties)
            resource_id = logical_name(request.urn) + secrets.token_hex(_ID_DIGITS // 2)
            outputs = self._preview(inputs)
            if not request.preview:
                outputs = self._run(request.urn, inputs, inputs.get("create"), before=Result("", ""))
            return provider_pb2.CreateResponse(id=resource_id, properties=encode(outputs))

        return self._answered(context, answer)

    @override
    def Update(
        self,
        request: provider_pb2.UpdateRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.UpdateResponse:
        def answer() -> provider_pb2.UpdateResponse:
            olds, inputs = decode(request.olds), decode(request.news)
            inputs.update({name: olds[name] for name in request.ignoreChanges if name in olds})
            command = inputs.get("update") if inputs.get("update") is not None else inputs.get("create")
            if request.preview:
                outputs = self._preview(inputs) if _affected(olds, inputs) else _printing(inputs, _printed(olds))
            else:
                outputs = self._run(request.urn, inputs, command, before=_printed(olds))
            return provider_pb2.UpdateResponse(properties=encode(outputs))

        return self._answered(context, answer)

    @override
    def Read(
        self,
        request: provider_pb2.ReadRequest,
        context: grpc.ServicerContext,
    ) -> provider_pb2.ReadResponse:
        # Nobody can tell whether what a command once did still holds; state is what there is.
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    @override
    def Delete(
        self,
        request: provider_pb2.DeleteRequest,
        context: grpc.ServicerContext,
    ) -> empty_pb2.Empty:
        def answer() -> empty_pb2.Empty:
            olds = decode(request.properties)
            self._run(request.urn, olds, olds.get("delete"), before=_printed(olds))
            return empty_pb2.Empty()

        return self._answered(context, answer)

    @staticmethod
    def _preview(inputs: Properties) -> Properties:
        return {**inputs, "stdout": UNKNOWN, "stderr": UNKNOWN}

    def _run(self, urn: str, inputs: Properties, command: Value, *, before: Result) -> Properties:
        """Run a command, if there is one, and return the outputs of the resource."""
        text = revealed(command)
        result = before
        if isinstance(text, str):
            try:
                result = self._result(urn, inputs, text, before=before)
            except FailedError as error:
                named = quoted("[secret]" if isinstance(command, Secret) else text)
                raise PluginError(f"{error}: running {named}:\n{error.output}") from error
        return _printing(inputs, result)

    def _result(self, urn: str, inputs: Properties, command: str, *, before: Result) -> Result:
        plain = {name: revealed(value) for name, value in inputs.items()}
        tell = partial(self._log.write, urn=urn, severity=Severity.INFO, passing=True)
        remembered = _remembered(before) if plain.get("addPreviousOutputInEnv", True) else {}
        if self._served(urn) == REMOTE:
            remote = RemoteRun(connection=Connection.of(inputs), patience=self._patience, tell=tell)
            return remote.run(command, stdin=_text(plain.get("stdin")), environment=remembered)
        program = Program(
            arguments=[*(texts(plain.get("interpreter")) or _SHELL), command],
            environment={**os.environ, **_variables(plain.get("environment")), **remembered},
            directory=_text(plain.get("dir")) or None,
            stdin=_text(plain.get("stdin")),
        )
        return run(program, patience=self._patience, show=tell)


def _affected(olds: Properties, inputs: Properties) -> bool:
    """Whether an update may print something else; an input that is new counts as harmless, as it officially does."""
    told = {name: inputs.get(name) for name in olds if name not in _PRINTED}
    before = {name: olds[name] for name in told}
    return any(revealed(value) is UNKNOWN for value in inputs.values()) or bool(differences(before, told))


def _printing(inputs: Properties, result: Result) -> Properties:
    return {**inputs, "stdout": result.stdout, "stderr": result.stderr}


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _variables(value: Value) -> dict[str, str]:
    return {name: _text(item) for name, item in value.items()} if isinstance(value, dict) else {}


def _printed(state: Properties) -> Result:
    """What the last run printed, from the state."""
    return Result(stdout=_text(revealed(state.get("stdout"))), stderr=_text(revealed(state.get("stderr"))))


def _remembered(before: Result) -> dict[str, str]:
    """What the last run printed, as variables for the next one."""
    printed = {"PULUMI_COMMAND_STDOUT": before.stdout, "PULUMI_COMMAND_STDERR": before.stderr}
    return {name: value for name, value in printed.items() if value}
