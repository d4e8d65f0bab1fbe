"""The engine's events as lines for people, and as facts for the end."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pulumi.automation.events import EngineEvent, OpType, StepEventMetadata

from colorway.engine.state import STACK_TYPE

SIGNS = {
    OpType.CREATE: "+",
    OpType.UPDATE: "~",
    OpType.DELETE: "-",
    OpType.REPLACE: "±",
    OpType.CREATE_REPLACEMENT: "±",
    OpType.DELETE_REPLACED: "-",
    OpType.REFRESH: "?",
    OpType.READ: "?",
}
"""One character for each operation that a person wants to see."""
WORDS = {
    OpType.CREATE: "create",
    OpType.UPDATE: "update",
    OpType.DELETE: "delete",
    OpType.REPLACE: "replace",
}
SUFFIXES = ("-service", "-run")
"""Ends of logical names that say nothing to a person: the component's name is the name."""
_COLOR_CODES = re.compile(r"<\{%[a-z0-9 ]*%\}>|\x1b\[[0-9;]*m")
_FAILED_SCRIPT = re.compile(r'^(exit status|Process exited with status) \d+: running ".*?":\n', re.DOTALL)
"""How the command plugin begins: the first form on this machine, the second over SSH."""
_PROVIDER_LOG = re.compile(r"^sdk-v2/\S+: sdk\.helper_schema: (.*): provider=\S+$", re.DOTALL)
_HOOK = re.compile(r'^before hook "[^"]*" failed: ')
"""How the engine begins what our own code says before a resource changes."""
_ONE_ERROR = re.compile(r"^1 error occurred:\s*\* (.*)$", re.DOTALL)
"""How the docker plugin says everything: once for its log, once for its list of errors."""
_BORING = ("resource plugin", "using pulumi-", "warning: using")
_EMPTY_WORDS = {"update failed", "preview failed", "Resource monitor has terminated, shutting down"}
"""What the engine says besides the reason; the last since 3.260."""
_AGAIN = "an unhandled error occurred: "
"""How the SDK repeats what a program said when it gave up."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One resource that changes."""

    op: str
    """create, update, delete or replace."""
    urn: str
    keys: tuple[str, ...] = ()
    """Inputs that differ."""
    old_text: str = ""
    new_text: str = ""
    """Standard input of a script before and after, for its diff."""

    @property
    def name(self) -> str:
        """The resource's name as a person knows it."""
        return short_name(self.urn)


@dataclass(kw_only=True)
class EventLog:
    """Collects what happens during one operation; its methods are called from the engine's threads."""

    say: Callable[[str], None]
    """Prints one line."""
    changes: list[Change] = field(default_factory=list)
    stack_outputs: dict[str, Any] = field(default_factory=dict)
    """The stack's outputs, as the end of a run announces them; asking the CLI again would cost half a second."""
    errors: list[str] = field(default_factory=list)
    _started: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, event: EngineEvent) -> None:
        """Take one event of the engine."""
        with self._lock:
            if event.resource_pre_event:
                self._begin(event.resource_pre_event.metadata)
            elif event.res_outputs_event:
                self._end(event.res_outputs_event.metadata)
            elif event.res_op_failed_event:
                metadata = event.res_op_failed_event.metadata
                self.say(f"  ! {short_name(metadata.urn)} failed{self._after(metadata)}")
            elif event.diagnostic_event:
                diagnostic = event.diagnostic_event
                self._diagnose(diagnostic.message, severity=diagnostic.severity, urn=diagnostic.urn or "")

    def _begin(self, metadata: StepEventMetadata) -> None:
        self._started[metadata.urn] = time.monotonic()
        if metadata.op in WORDS and _is_custom(metadata):
            self.changes.append(
                Change(
                    op=WORDS[metadata.op],
                    urn=metadata.urn,
                    keys=tuple(sorted(metadata.diffs or ())),
                    old_text=_stdin(metadata.old),
                    new_text=_stdin(metadata.new),
                )
            )

    def _end(self, metadata: StepEventMetadata) -> None:
        if metadata.type == STACK_TYPE and metadata.new is not None:
            self.stack_outputs = dict(metadata.new.outputs or {})
        if metadata.op in SIGNS and metadata.op is not OpType.REPLACE and _is_custom(metadata):
            self.say(f"  {SIGNS[metadata.op]} {short_name(metadata.urn)}{self._after(metadata)}")

    def _after(self, metadata: StepEventMetadata) -> str:
        started = self._started.get(metadata.urn)
        return "" if started is None else f" ({time.monotonic() - started:.1f} s)"

    def _diagnose(self, message: str, *, severity: str, urn: str) -> None:
        text = _without_script(_COLOR_CODES.sub("", message).strip()).removeprefix(_AGAIN)
        text = _HOOK.sub("", _ONE_ERROR.sub(r"\1", _PROVIDER_LOG.sub(r"\1", text))).strip()
        if not text or text in _EMPTY_WORDS or text.startswith(_BORING):
            return
        if severity == "error":
            told = f"{short_name(urn)}: {text}" if urn else text
            if told not in self.errors:
                self.errors.append(told)
        elif severity in {"info", "warning"}:
            for line in text.splitlines():
                self.say(f"    {line}")


def short_name(urn: str) -> str:
    """Return the name that a person knows a resource by: `web-blue` for `…::web-blue-service`."""
    name = urn.rsplit("::", 1)[-1]
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def _without_script(text: str) -> str:
    """Leave out the text of a failed script: what it printed says what is wrong."""
    return _FAILED_SCRIPT.sub("", text, count=1) or text


def _is_custom(metadata: StepEventMetadata) -> bool:
    return not metadata.type.startswith(("colorway:", "pulumi:"))


def _stdin(state: object) -> str:
    inputs = getattr(state, "inputs", None) or {}
    value = inputs.get("stdin", "") if isinstance(inputs, dict) else ""
    return value if isinstance(value, str) else ""
