"""`up`, `preview` and `down` of a stack, from its files to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pulumi import automation as auto

from colorway.config import stack_files
from colorway.engine.events import Change, EventLog
from colorway.engine.plugins import PluginChoice
from colorway.engine.recover import Recovery, host_of_apply, plan_recovery
from colorway.engine.stack import (
    PROJECT,
    Stack,
    backend_url,
    engine_environment,
    is_unknown,
    last_line,
    read_state,
    stack_of,
)
from colorway.engine.state import DOCKER_TYPES, Deployed, dead_owner, read_outputs, restore_checkpoint
from colorway.engine.watch import FailingTask, watched_tasks
from colorway.errors import ColorwayError
from colorway.outputs import PlatformOutputs
from colorway.spec import names
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.traffic import Installed, illegal_changes
from colorway.swarm.services import Swarm

Say = Callable[[str], None]
"""Prints one line."""
FAILED_DELETE = ("context deadline exceeded", "not found")
"""Ends of the docker plugin's errors after which a service may be gone although its delete failed."""


class EngineError(ColorwayError):
    """The engine could not finish; the message says what failed and why."""

    def __init__(self, message: str, *, stack: str) -> None:
        super().__init__(message)
        self.hint = (
            f"Nothing was rolled back. `colorway status {stack}` says what is live; `colorway up {stack}` tries again."
        )
        """What helps whoever ran the engine by hand; a release knows itself what comes next."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What an `up` did."""

    changes: tuple[Change, ...]
    outputs: PlatformOutputs | None
    """What the stack says about itself now."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Drives one stack with one CLI and one choice of plugins."""

    root: Path
    """The project's folder."""
    pulumi: Path
    """The CLI."""
    plugins: PluginChoice
    spec: PlatformSpec
    say: Say
    swarm: Swarm

    def open(self, *, create: bool = True) -> tuple[Stack, Deployed]:
        """Return the stack and its state; see `read_state`."""
        stack = self._stack()
        return stack, read_state(stack, create=create)

    def _stack(self) -> Stack:
        environment = engine_environment(self.spec, root=self.root, path_prefix=self.plugins.path_prefix)
        restored = restore_checkpoint(backend=backend_url(environment), project=PROJECT, stack=self.spec.stack)
        if restored:
            self.say(f"recovering: {restored}")
        return stack_of(root=self.root, name=self.spec.stack, pulumi=self.pulumi, environment=environment)

    def preview(self) -> list[Change]:
        """Return what an `up` would change; changes nothing, and contacts no host over SSH.

        Raises:
            ColorwayError: the change may not be one commit.
            EngineError: the program or a plugin refuses.
        """
        stack = self._stack()
        log = EventLog(say=_nothing)
        # Both only read, and each waits for a process of its own.
        with ThreadPoolExecutor(max_workers=1) as beside, _explained(self.spec.stack, log, {}):
            asked = beside.submit(read_state, stack)
            try:
                stack.preview(on_event=log)
            except auto.CommandError as error:
                if not is_unknown(error):
                    raise
                asked.result()
                stack.preview(on_event=log)
            self._refuse_illegal(asked.result(), in_place=None)
        return log.changes

    def up(self, *, in_place: str | None = None, continue_on_error: bool = False) -> Finished:
        """Make the swarm what the files say.

        Args:
            in_place: Reason for applying a change that one commit may not make; None = refuse it.
            continue_on_error: Whether what does not depend on a failure is done all the same.

        Raises:
            ColorwayError: refused; nothing was changed.
            EngineError: something failed on the way; the message says what.
        """
        stack, deployed = self.open()
        self._refuse_illegal(deployed, in_place)
        recovery = self._recovery(deployed)
        for reason in recovery.reasons:
            self.say(f"recovering: {reason}")
        log = EventLog(say=self.say)
        with watched_tasks(self.swarm, stack=self.spec.stack) as failures, _explained(self.spec.stack, log, failures):
            self._apply(stack, log, recovery, deployed, continue_on_error=continue_on_error)
        return Finished(changes=tuple(log.changes), outputs=read_outputs(log.stack_outputs))

    def _apply(
        self, stack: Stack, log: EventLog, recovery: Recovery, deployed: Deployed, *, continue_on_error: bool
    ) -> None:
        for made in recovery.remove:
            self.swarm.remove(made)
        if recovery.refresh:
            self._unlocked(stack, lambda: self._refresh(stack, deployed))
        try:
            self._unlocked(
                stack,
                lambda: stack.up(
                    on_event=log, replace=list(recovery.replace) or None, continue_on_error=continue_on_error or None
                ),
            )
        except auto.CommandError as error:
            if not _is_failed_delete(log.errors):
                raise
            self.say("recovering: a delete failed although the service may be gone; the swarm is asked what it has")
            del error
            log.errors.clear()
            self._refresh(stack, deployed)
            stack.up(on_event=log, continue_on_error=continue_on_error or None)

    def _refresh(self, stack: Stack, deployed: Deployed) -> None:
        """Ask the swarm about the docker resources only: scripts have nothing to be asked about."""
        urns = deployed.urns(type_prefix=DOCKER_TYPES)
        stack.refresh(target=urns or None, clear_pending_creates=True, run_program=False)

    def _unlocked(self, stack: Stack, operation: Callable[[], object]) -> None:
        """Run an operation; a lock whose process is dead is taken away first, one that lives is an error."""
        try:
            operation()
        except auto.ConcurrentUpdateError as error:
            owner = dead_owner(str(error))
            if owner is None:
                raise ColorwayError(
                    f"{self.spec.stack}: another run is working on this stack; wait until it ends "
                    f"({last_line(str(error))})"
                ) from None
            self.say(f"recovering: process {owner} held the stack's lock and is dead; the lock is taken away")
            stack.cancel()
            operation()

    def _recovery(self, deployed: Deployed) -> Recovery:
        live = {
            urn: self.swarm.live_generation(names.service(self.spec.stack, names.load_balancer(host_of_apply(urn))))
            for urn in deployed.applied_generations
        }
        running = self.swarm.named_objects(self.spec.stack)
        return plan_recovery(deployed, stack=self.spec.stack, live=live, running=running)

    def _refuse_illegal(self, deployed: Deployed, in_place: str | None) -> None:
        outputs = deployed.outputs
        wanted = Installed(versions=self.spec.settings.versions, traffic=self.spec.settings.traffic)
        found = illegal_changes(outputs.installed if outputs else None, wanted)
        if not found:
            return
        if in_place:
            self.say(f"in place, because: {in_place}")
            return
        file = stack_files.stack_file(self.spec.stack)
        told = "\n".join(f"{file}: {reason}" for reason in found)
        raise ColorwayError(f"{told}\nThis needs more than one commit; --in-place REASON applies it all the same.")

    def down(self) -> list[Change]:
        """Remove all resources of the stack, and its state.

        Raises:
            EngineError: something could not be removed.
        """
        stack, deployed = self.open(create=False)
        log = EventLog(say=self.say)
        if not deployed.is_empty:
            with _explained(self.spec.stack, log, {}):
                self._destroy(stack, log, deployed)
        try:
            stack.workspace.remove_stack(self.spec.stack, preserve_config=True)
        except auto.CommandError:
            self.say(f"{self.spec.stack}: there was no state to remove")
        return log.changes

    def _destroy(self, stack: Stack, log: EventLog, deployed: Deployed) -> None:
        try:
            self._unlocked(stack, lambda: stack.destroy(on_event=log))
        except auto.CommandError:
            if not _is_failed_delete(log.errors) and not deployed.pending:
                raise
            log.errors.clear()
            self._refresh(stack, deployed)
            stack.destroy(on_event=log)


def _nothing(_line: str) -> None:
    return


def _is_failed_delete(errors: list[str]) -> bool:
    return any("deleting urn:" in error and any(end in error for end in FAILED_DELETE) for error in errors)


@contextmanager
def _explained(stack: str, log: EventLog, failures: dict[str, FailingTask]) -> Iterator[None]:
    """Turn an engine's failure into an error that says what failed and why."""
    try:
        yield
    except auto.CommandError as error:
        # A failing task is the reason; that its service did not converge is the consequence.
        told = [line for failure in failures.values() for line in failure.lines()]
        told += log.errors or ([] if told else [last_line(str(error))])
        raise EngineError("\n".join(told), stack=stack) from None
