"""Pulumi mocks that record what the program registers, with its options, and refuse look-ups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.rpc import deserialize_properties

SECRET_KEY = "4dabf18193072939515e22adb298388d"
PROJECT = "colorway"


@dataclass(frozen=True, kw_only=True)
class Registered:
    """One registered resource."""

    type: str
    name: str
    urn: str
    inputs: dict[str, Any]
    parent: str
    protect: bool
    custom: bool
    provider: str
    depends_on: tuple[str, ...]
    ignore_changes: tuple[str, ...]


class Recorder(pulumi_mocks.Mocks):
    """Answers every registration with its own inputs; an unexpected look-up is an error."""

    def new_resource(self, args: pulumi_mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        outputs = dict(args.inputs)
        outputs.setdefault("name", f"{args.name}-1234567")
        if args.typ.startswith("command:"):
            outputs["stdout"] = "done"
        if args.typ == "pulumi:index:Stash":
            outputs["output"] = outputs["input"]
        return f"{args.name}-id", outputs

    def call(self, args: pulumi_mocks.MockCallArgs) -> dict[str, Any]:
        raise AssertionError(f"unexpected look-up {args.token}: a preview must not ask anybody")


class RecordingMonitor(pulumi_mocks.MockMonitor):
    """Keeps every registration request, so that options can be asserted, not only inputs."""

    def __init__(self, mocks: pulumi_mocks.Mocks) -> None:
        super().__init__(mocks)
        self.requests: list[resource_pb2.RegisterResourceRequest] = []

    def RegisterResource(self, request: resource_pb2.RegisterResourceRequest) -> Any:  # noqa: N802 - gRPC
        self.requests.append(request)
        return super().RegisterResource(request)

    def registered(self) -> list[Registered]:
        made = []
        for request in self.requests:
            urn = pulumi_mocks_urn(request)
            made.append(
                Registered(
                    type=request.type,
                    name=request.name,
                    urn=urn,
                    inputs=deserialize_properties(request.object, keep_unknowns=True),
                    parent=request.parent,
                    protect=request.protect,
                    custom=request.custom,
                    provider=request.provider,
                    depends_on=tuple(request.dependencies),
                    ignore_changes=tuple(request.ignoreChanges),
                )
            )
        return made


def pulumi_mocks_urn(request: resource_pb2.RegisterResourceRequest) -> str:
    parent = request.parent.split("::")[-2] if request.parent else ""
    chain = f"{parent}${request.type}" if parent and parent != "pulumi:pulumi:Stack" else request.type
    return f"urn:pulumi:{pulumi.get_stack()}::{PROJECT}::{chain}::{request.name}"


def run_program(program: Callable[[], object], *, stack: str, config: dict[str, str], secret_keys: list[str] | None = None, preview: bool = False) -> RecordingMonitor:
    """Run a program under mocks and return what it registered, once everything has landed."""
    pulumi.runtime.reset_options()
    pulumi.runtime.set_all_config(config, secret_keys=secret_keys or [])
    recorder = Recorder()
    monitor = RecordingMonitor(recorder)
    pulumi.runtime.set_mocks(recorder, project=PROJECT, stack=stack, preview=preview, monitor=monitor)

    @pulumi.runtime.test
    def run() -> None:
        program()

    run()
    return monitor
