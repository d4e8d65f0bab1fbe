"""`up`, `preview` and `down` of a stack, from its files to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pulumi import automation as auto

from colorway.cdn.leaving import ON_THE_WAY_BACK, RECORD_VARIABLE, WITHIN_VARIABLE
from colorway.cdn.token_rights import TokenRights
from colorway.config import stack_files
from colorway.data.generations import refuse_gone
from colorway.edits.refusals import due_migrations, refusals
from colorway.edits.words import sentence
from colorway.engine import fencing
from colorway.engine.claim import claimed
from colorway.engine.ending import EngineError, explained
from colorway.engine.events import Change, EventLog
from colorway.engine.plugins import PluginChoice
from colorway.engine.recover import host_of_apply, plan_recovery
from colorway.engine.runner import Runner, await_gone, kept_back
from colorway.engine.stack import (
    Stack,
    engine_environment,
    is_unknown,
    last_line,
    read_state,
    refuse_examples,
    refuse_without_token,
    stack_of,
    zone_token,
)
from colorway.engine.state import Deployed, read_outputs
from colorway.engine.watch import FailingTask, watched_tasks
from colorway.errors import ColorwayError
from colorway.hosts.leftovers import Leftovers
from colorway.hosts.members import Members
from colorway.machine.teardown import remove_leftovers, remove_orphans
from colorway.outputs import PlatformOutputs, outputs_of
from colorway.spec import names
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.connections import Login
from colorway.swarm.services import Swarm
from colorway.swarm.ssh import kept

Say = Callable[[str], None]
"""Prints one line."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What an `up` did."""

    changes: tuple[Change, ...]
    outputs: PlatformOutputs | None
    """What the stack says about itself now."""
    failing: tuple[FailingTask, ...] = ()
    """Tasks that ended meanwhile; whether their services run by now, only the swarm knows."""


@dataclass(frozen=True, kw_only=True)
class Previewed:
    """What an `up` would do."""

    changes: tuple[Change, ...]
    sentence: str
    """The same in words: what users would notice."""


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

    @property
    def edge(self) -> fencing.Edge:
        """The stack's load balancers, as one may be lost and let in again."""
        return fencing.Edge(spec=self.spec, swarm=self.swarm, say=self.say)

    @property
    def _runner(self) -> Runner:
        return Runner(stack=self.spec.stack, say=self.say)

    def _members(self, deployed: Deployed) -> Members:
        known = {host.name: host.spec for host in deployed.outputs.hosts} if deployed.outputs else {}
        return Members(spec=self.spec, swarm=self.swarm, say=self.say, known=known)

    def open(self, *, create: bool = False) -> tuple[Stack, Deployed]:
        """Return the stack and its state, which is only read; see `read_state`."""
        stack = self._stack()
        return stack, read_state(stack, create=create)

    def _stack(self) -> Stack:
        environment = engine_environment(self.spec, root=self.root, path_prefix=self.plugins.path_prefix)
        return stack_of(root=self.root, name=self.spec.stack, pulumi=self.pulumi, environment=environment)

    def logins(self) -> dict[str, Login]:
        """Return the logins of the stack's registries; decrypting their passwords takes a second.

        Raises:
            ColorwayError: they cannot be decrypted.
        """
        registries = self.spec.settings.registries
        try:
            secrets = self._stack().configured_secrets() if registries else {}
        except auto.CommandError as error:
            told = f"{self.spec.stack}: the passwords of its registries cannot be read: {last_line(str(error))}"
            raise ColorwayError(told) from None
        return {
            host: Login(user=one.user, password=secrets[one.password], secret=one.password)
            for host, one in registries.items()
            if one.password in secrets
        }

    def refuse_examples(self, *, is_way_back: bool = False) -> None:
        """Refuse to change a stack with what is for examples and labs, or without a token; see `engine/stack.py`."""
        refuse_examples(self.spec, root=self.root, offline=self.plugins.is_offline)
        if not is_way_back:
            refuse_without_token(self.spec, root=self.root)

    def preview(self) -> Previewed:
        """Return what an `up` would change; changes nothing.

        It contacts no host over SSH, but those of a data store that goes back to an earlier generation.

        Raises:
            ColorwayError: the change may not be one commit, or the state was cut short.
            EngineError: the program or a plugin refuses.
        """
        stack = self._stack()
        if stack.is_cut_short():
            raise ColorwayError(
                f"{self.spec.stack}: the last run was killed while it wrote the state; `colorway up {self.spec.stack}` "
                "puts its last whole copy back"
            )
        log = EventLog(say=lambda _line: None)
        hint = f"Nothing was changed. `colorway status {self.spec.stack}` says what is live."
        if stack.is_absent():
            # The engine would only say so, after as long as a whole preview takes to begin.
            read_state(stack)
        # Both only read, and each waits for a process of its own; while the engine starts, this one has nothing to do.
        with ThreadPoolExecutor(max_workers=2) as beside, explained(log, {}, hint=hint):
            asked = beside.submit(read_state, stack)
            beside.submit(lambda: self._wanted)
            try:
                with self._runner.patient():
                    stack.preview(on_event=log)
            except auto.CommandError as error:
                if not is_unknown(error):
                    self._runner.refuse_dangling(asked.result())
                    raise
                asked.result()
                with self._runner.patient():
                    stack.preview(on_event=log)
            deployed = asked.result()
            self._refuse_illegal(deployed, in_place=None)
            refuse_gone(self.spec, deployed.outputs, self._wanted, unknown=self.say)
        return Previewed(changes=tuple(log.changes), sentence=sentence(deployed.outputs, self._wanted))

    def up(
        self, *, in_place: str | None = None, without: Sequence[str] = (), continue_on_error: bool = False
    ) -> Finished:
        """Make the swarm what the files say.

        Args:
            in_place: Reason for applying a change that one commit may not make; None = refuse it.
            without: Hosts whose load balancer is fenced before, and left out.
            continue_on_error: Whether what does not depend on a failure is done all the same.

        Raises:
            ColorwayError: refused; nothing was changed.
            EngineError: something failed on the way; the message says what.
        """
        self.refuse_examples(is_way_back=continue_on_error)
        name = self.spec.stack
        asks = bool(self.spec.settings.zones) and not continue_on_error
        rights = TokenRights(self.spec, token=lambda: zone_token(self._stack())) if asks else None
        log = EventLog(say=self.say)
        hint = f"Nothing was rolled back. `colorway status {name}` says what is live; `colorway up {name}` tries again."
        with self._claimed("up", create=True) as (stack, deployed):
            self._refuse_illegal(deployed, in_place)
            if rights:
                rights.refuse(deployed.in_zones, say=self.say)
            # No reason makes data that nobody has; a host that is silent does not block the way back.
            refuse_gone(self.spec, deployed.outputs, self._wanted, unknown=self.say if continue_on_error else None)
            # The way back is not held up by hosts that come or go; the next `up` sees to them.
            members = None if continue_on_error else self._members(deployed)
            anew = members.before() if members else ()
            again = fencing.to_run_again(anew, deployed)
            edge = self.edge
            edge.without(without)
            before = edge.fenced()
            # Nor by one that is lost: whether it is back would have to be waited for.
            fenced = edge.let_in(without=before if continue_on_error else without)
            left_out = fencing.resources_of(fenced, deployed)
            idle = [service for host in fenced for service in names.edge_services(name, host)]
            with (
                self._in_step(edge, fenced) if not continue_on_error else nullcontext(),
                watched_tasks(self.swarm, stack=name, say=self.say, without=idle) as failures,
                explained(log, failures, hint=hint, why_no_image=self.swarm.why_no_image),
            ):
                replace = sorted(again.union(self._recover(stack, deployed, fenced=before)) - left_out)
                replace += self._purge_again(stack, deployed, is_way_back=continue_on_error)

                def run(replace: list[str]) -> None:
                    self._runner.repeated(
                        stack,
                        log,
                        lambda: stack.up(
                            on_event=log,
                            replace=replace or None,
                            exclude=sorted(left_out) or None,
                            continue_on_error=continue_on_error or None,
                        ),
                    )

                if waiting := self._kept_back(deployed):
                    # What is deleted is deleted last, and these wait for that.
                    with kept_back(waiting):
                        run(replace)
                    replace = []
                if waiting := due_migrations(deployed.outputs, self._wanted):
                    self.say(f"{', '.join(waiting)} runs once nothing is left of the color that it waited for")
                    await_gone(self.spec, self.swarm, migrations=waiting)
                run(replace)
            if members:
                # Now nothing is placed by name on a host that leaves, and what comes in its place is there.
                members.after(anew, idle=idle)
        outputs = read_outputs(log.stack_outputs)
        return Finished(changes=tuple(log.changes), outputs=outputs, failing=tuple(failures.values()))

    def _purge_again(self, stack: Stack, deployed: Deployed, *, is_way_back: bool) -> list[str]:
        """Return the script that purges what still waits for it, told what it printed last; the way back is short."""
        if not self.spec.is_behind_cloudflare:
            return []
        told = deployed.outputs.purge if deployed.outputs else None
        variables = stack.workspace.env_vars or {}
        if is_way_back:
            within = f"{ON_THE_WAY_BACK.total_seconds():g}"
            stack.workspace.env_vars = {**variables, WITHIN_VARIABLE: within}
            return []
        if told is None or not told.waiting:
            return []
        stack.workspace.env_vars = {**variables, RECORD_VARIABLE: told.model_dump_json()}
        return [urn for urn in deployed.urns if urn.endswith("::purge-command")]

    @contextmanager
    def _in_step(self, edge: fencing.Edge, fenced: Sequence[str]) -> Iterator[None]:
        """Let all load balancers serve what they served, where an `up` fails after it has told only some of them."""
        before = edge.serves(without=fenced)
        try:
            yield
        except EngineError as error:
            told = edge.step_back(before) if before else ()
            if told:
                raise EngineError("\n".join([str(error), *told]), hint=error.hint) from None
            raise

    def down(self, *, orphans: bool = False, data: bool = False) -> list[Change]:
        """Remove all resources of the stack, its state, and what they leave on this machine.

        Args:
            orphans: Whether what another checkout made goes, too; its state is not asked for.
            data: Whether the stack's volumes go, too, and on other machines its directories; without it they are named.

        Raises:
            ColorwayError: refused; nothing was changed.
            EngineError: something could not be removed.
        """
        self.refuse_examples()
        name = self.spec.stack
        log = EventLog(say=self.say)
        hint = f"`colorway status {name}` says what is left; `colorway down {name}` goes on."
        with self._claimed("down", create=False, any_state=orphans) as (stack, deployed):
            if deployed.protected:
                raise ColorwayError(
                    f"{name}: {', '.join(deployed.protected)} are protected, because data would be lost or every "
                    f"service cut off; if that is meant: `pulumi state unprotect --all --stack {name}`, then this again"
                )
            with explained(log, {}, hint=hint):
                self._recover(stack, deployed, orphans=orphans)
                # They hold secrets and networks, which could not be removed then.
                for made in self.swarm.one_off_tasks(name):
                    self.swarm.remove(made)
                if not deployed.is_empty:
                    self._runner.repeated(stack, log, lambda: stack.destroy(on_event=log))
            try:
                stack.workspace.remove_stack(name, preserve_config=True)
            except auto.CommandError:
                self.say(f"{name}: there was no state to remove")
            if orphans:
                remove_orphans(self.spec, self.swarm, say=self.say)
            self._remove_autonamed()
            self._end_data(data=data)
        return log.changes

    def _end_data(self, *, data: bool) -> None:
        """Remove the data that the stack has left, or say where it stays.

        Raises:
            ColorwayError: it cannot be removed from a host.
        """
        if self.spec.is_local:
            remove_leftovers(self.spec, data=data, say=self.say)
        elif data:
            Leftovers(spec=self.spec, say=self.say).remove()
        else:
            Leftovers(spec=self.spec, say=self.say).tell()

    def _remove_autonamed(self) -> None:
        """Remove the secrets and configs that a killed run made and could not note; the state is gone, and no service.

        Their names are the engine's own, so that a run after it makes others beside them.
        """
        left = self.swarm.autonamed_objects(self.spec.stack)
        for made in left:
            self.swarm.remove(made)
        if left:
            self.say(f"recovering: of what no state knew, {len(left)} secrets and configs are removed, too")

    @contextmanager
    def _claimed(self, reason: str, *, create: bool, any_state: bool = False) -> Iterator[tuple[Stack, Deployed]]:
        """Hold the stack's lock; the state is mended, read and compared with the swarm's note under it.

        Raises:
            ColorwayError: another run changes this stack, or the state is not the one that the swarm was left with.
        """
        with (
            kept(self.spec.manager, *self.spec.load_balancers),
            claimed(self.spec.stack, root=self.root, swarm=self.swarm, reason=reason) as claim,
        ):
            stack = self._stack()
            self._runner.end_dead_locks(stack)
            deployed = self._runner.repaired(stack, read_state(stack, create=create))
            if not any_state:
                claim.refuse_older(deployed.written)
            try:
                yield stack, deployed
            finally:
                claim.note(stack.written())

    def _recover(
        self, stack: Stack, deployed: Deployed, *, orphans: bool = False, fenced: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """Mend what a killed run left, and return the scripts that must run again."""
        there = [urn for urn in deployed.applied_generations if host_of_apply(urn) not in fenced]
        served = self.swarm.live_generations(self.spec, without=fenced) if there else {}
        live = {urn: served.get(host_of_apply(urn)) for urn in there}
        running = () if orphans else self.swarm.named_objects(self.spec.stack)
        members = self.spec.inventory().members if not orphans else frozenset()
        stopped = members & self.swarm.stopped(self.spec.stack) if members else ()
        recovery = plan_recovery(deployed, stack=self.spec.stack, live=live, running=running, stopped=stopped)
        for reason in recovery.reasons:
            self.say(f"recovering: {reason}")
        # The refresh first: it is refused where another engine holds the stack, and then nothing is removed.
        if recovery.refresh:
            self._runner.refresh(stack, recovery.refresh)
        for made in recovery.remove:
            self.swarm.remove(made)
        return recovery.replace

    @cached_property
    def _wanted(self) -> PlatformOutputs:
        return outputs_of(self.spec)

    def _kept_back(self, deployed: Deployed) -> tuple[str, ...]:
        """Return the migrations that run only after what goes off is gone; none where nothing goes off."""
        was, wanted = deployed.outputs, self._wanted
        if was is None or all(wanted.versions.of(color) for color in was.versions.on):
            return ()
        return due_migrations(was, wanted)

    def _refuse_illegal(self, deployed: Deployed, in_place: str | None) -> None:
        found = refusals(deployed.outputs, self._wanted)
        if not found:
            return
        if in_place:
            self.say(f"in place, because: {in_place}")
            return
        file = stack_files.stack_file(self.spec.stack)
        told = "\n".join(f"{file}: {reason}" for reason in found)
        raise ColorwayError(f"{told}\nThis needs more than one commit; --in-place REASON applies it all the same.")
