"""A Pulumi monitor that records what a program registers, with its options, and refuses look-ups."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from google.protobuf import struct_pb2
from pulumi.output import Unknown
from pulumi.runtime import get_root_resource, rpc, set_all_config, set_mocks
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import reset_options

from components.x509 import new_authority

PROJECT = "colorway"
STACK_TYPE = "pulumi:pulumi:Stack"
NETWORK = "docker:index/network:Network"
SERVICE = "docker:index/service:Service"
SECRET = "docker:index/secret:Secret"
CONFIG = "docker:index/serviceConfig:ServiceConfig"
LOCAL_COMMAND = "command:local:Command"
REMOTE_COMMAND = "command:remote:Command"
RECORD = "cloudflare:index/dnsRecord:DnsRecord"
STASH = "pulumi:index:Stash"
AUTHORITY = new_authority()
"""What the stash of an authority holds, or of a certificate: that, and its key."""
SECRET_SIGNATURE = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
"""How a value says on the wire that it is secret."""


@dataclass(frozen=True, kw_only=True)
class Registered:
    """One registered resource, as the engine gets to know it."""

    type: str
    name: str
    urn: str
    inputs: dict[str, Any]
    """Plain values; `secrets` says which of them are secret."""
    secrets: frozenset[str]
    """Inputs that hold a secret, at any depth."""
    parent: str
    protect: bool
    custom: bool
    provider: str
    depends_on: tuple[str, ...]
    ignore_changes: tuple[str, ...]
    before_update: tuple[str, ...]
    """What is done before it is changed, by name."""
    aliases: int

    @property
    def text(self) -> str:
        """All inputs as one text, to look for something that must not be there."""
        return json.dumps(self.inputs, default=str)

    @property
    def container(self) -> dict[str, Any]:
        """The container of a Swarm service."""
        return dict(self.inputs["taskSpec"]["containerSpec"])

    @property
    def compared(self) -> dict[str, Any]:
        """The inputs that the engine compares with those of the last run."""
        return {key: value for key, value in self.inputs.items() if key not in self.ignore_changes}


@dataclass(frozen=True, kw_only=True)
class Recording:
    """All that one run of a program registered and exported."""

    resources: tuple[Registered, ...]
    """In no particular order: registrations overtake each other."""
    outputs: Mapping[str, Any]
    secret_outputs: frozenset[str]

    def registered(self) -> tuple[Registered, ...]:
        return self.resources

    @property
    def custom(self) -> list[Registered]:
        """The resources that a plugin makes; no components, no providers."""
        return [one for one in self.resources if one.custom and not one.type.startswith("pulumi:")]

    @property
    def commands(self) -> list[Registered]:
        return [one for one in self.resources if one.type in {LOCAL_COMMAND, REMOTE_COMMAND}]

    def of_type(self, wanted: str) -> dict[str, Registered]:
        """Return the resources of a type by their names."""
        return {one.name: one for one in self.resources if one.type == wanted}

    def one(self, name: str, wanted: str = "") -> Registered:
        """Return the one resource with a name (and type)."""
        found = [one for one in self.resources if one.name == name and wanted in {"", one.type}]
        assert len(found) == 1, f"{len(found)} resources are named {name}; there are {sorted(self._names())}"
        return found[0]

    def by_urn(self) -> dict[str, Registered]:
        return {one.urn: one for one in self.resources}

    def waits_for(self, *resources: Registered) -> set[str]:
        """Return the names of all that must have succeeded before some resources are begun.

        A child is registered after its parent, and the parent after what the parent depends on.
        """
        known = self.by_urn()
        seen: set[str] = set()
        ahead = [urn for one in resources for urn in _waited_for(one)]
        while ahead:
            urn = ahead.pop()
            if urn not in seen and urn in known:
                seen.add(urn)
                ahead += _waited_for(known[urn])
        return {known[urn].name for urn in seen}

    def _names(self) -> Iterator[str]:
        return (one.name for one in self.resources)


class RecordingMonitor(pulumi_mocks.MockMonitor):
    """Answers like the engine with plugins that echo: ids and outputs of scripts are unknown in a preview."""

    def __init__(self, *, preview: bool) -> None:
        super().__init__(_NoLookUps())
        self._preview = preview
        self.requests: list[tuple[str, resource_pb2.RegisterResourceRequest]] = []

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        above = parent.split("::")[2] if parent else ""
        chain = f"{above}${type_}" if above and above != STACK_TYPE else type_
        return f"urn:pulumi:{pulumi.get_stack()}::{PROJECT}::{chain}::{name}"

    def RegisterResource(self, request: resource_pb2.RegisterResourceRequest) -> Any:  # noqa: N802 - gRPC
        urn = self.make_urn(request.parent, request.type, request.name)
        self.requests.append((urn, request))
        if not request.custom:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        known = not self._preview or request.type.startswith("pulumi:providers:")
        outputs = struct_pb2.Struct()
        outputs.CopyFrom(request.object)
        if request.type.startswith("docker:") and "name" not in outputs:
            outputs["name"] = f"{request.name}-1234567"
        if request.type.startswith("command:"):
            outputs["stdout"] = _printed(request) if known else rpc.UNKNOWN
        if request.type == STASH:
            # The same in every run, as a stash is.
            made = f"made-up-{request.name}"
            if re.search(r"-(own|client)(-\d+)?-value$", request.name):
                # What is made of it is a certificate.
                made = AUTHORITY
            outputs["output"] = {**SECRET_SIGNATURE, "value": made}
        return resource_pb2.RegisterResourceResponse(urn=urn, id=f"{request.name}-id" if known else "", object=outputs)


class _NoLookUps(pulumi_mocks.Mocks):
    def new_resource(self, args: pulumi_mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        raise AssertionError(f"{args.typ} {args.name} is read, not made: a program must not depend on what exists")

    def call(self, args: pulumi_mocks.MockCallArgs) -> dict[str, Any]:
        raise AssertionError(f"unexpected look-up {args.token}: a preview must not ask anybody")


def run_program(
    program: Callable[[], object],
    *,
    stack: str = "test",
    config: Mapping[str, str] | None = None,
    secret_keys: Sequence[str] = (),
    preview: bool = False,
) -> Recording:
    """Run a program as an `up` or a preview and return what it registered, once everything has landed."""
    # The SDK asks for the current loop, and an earlier test's `asyncio.run` has left none.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    reset_options()
    set_all_config(dict(config or {}), secret_keys=list(secret_keys))
    monitor = RecordingMonitor(preview=preview)
    set_mocks(_NoLookUps(), project=PROJECT, stack=stack, preview=preview, monitor=monitor)
    outputs: dict[str, Any] = {}
    secret: set[str] = set()

    @pulumi.runtime.test
    async def run() -> None:
        # Outputs of a failed program complain whenever they are collected. Python 3.11 prints that with its own
        # parser, which breaks an import that is being parsed at that moment (cpython gh-106905).
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        result = program()
        if inspect.isawaitable(result):
            await result
        exported = getattr(get_root_resource(), "outputs", {})
        for name, value in exported.items():
            output = pulumi.Output.from_input(value)
            found = await output.future(with_unknowns=True)
            outputs[name] = None if isinstance(found, Unknown) else found
            if await output.is_secret():
                secret.add(name)

    try:
        run()
    finally:
        # Three files each, and a thousand programs run in one process.
        loop.close()
    return Recording(
        resources=tuple(_read(urn, request) for urn, request in monitor.requests if request.type != STACK_TYPE),
        outputs=outputs,
        secret_outputs=frozenset(secret),
    )


def _read(urn: str, request: resource_pb2.RegisterResourceRequest) -> Registered:
    raw = rpc.deserialize_properties(request.object, keep_unknowns=True)
    secrets = frozenset(key for key, value in raw.items() if rpc.is_rpc_secret(value))
    return Registered(
        type=request.type,
        name=request.name,
        urn=urn,
        inputs={key: rpc.unwrap_rpc_secret(value) for key, value in raw.items()},
        secrets=secrets,
        parent=request.parent,
        protect=request.protect,
        custom=request.custom,
        provider=request.provider,
        depends_on=tuple(request.dependencies),
        ignore_changes=tuple(request.ignoreChanges),
        before_update=tuple(request.hooks.before_update),
        aliases=len(request.aliases),
    )


def _waited_for(one: Registered) -> list[str]:
    provider = [one.provider.rsplit("::", 1)[0]] if one.provider else []
    return [*one.depends_on, *provider, *([one.parent] if one.parent else [])]


def _printed(request: Any) -> str:
    """What a script prints; the purge, what is so once all is purged."""
    if request.name != "purge-command":
        return "done"
    wanted = json.loads(request.object["stdin"])
    del wanted["zones"]
    return json.dumps(wanted)
