"""Closing for maintenance, and opening again: one commit of one line, made live as a release's commits are."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from colorway.config import stack_files
from colorway.config.stack_files import SECRETS
from colorway.edits.words import NOTHING, sentence
from colorway.errors import ColorwayError
from colorway.outputs import outputs_of
from colorway.release.plan.line import MAINTENANCE, said_of, with_line
from colorway.release.plan.trailers import Note
from colorway.release.ports.protocols import Ports
from colorway.spec.base import hint
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stack import EVERYTHING

MESSAGE = "We are working on it and will be back soon."
"""What visitors read where nobody says anything else."""


Closed = Mapping[str, str]
"""What is closed, and what its visitors read."""


class Line(NamedTuple):
    """What the file says from now on, and the message of the commit."""

    closed: Closed
    note: Note


Change = Callable[[Closed, Closed], Line]
"""Returns what the file says from now on, of what it says and of what is live."""


class MaintenanceError(ColorwayError):
    """What cannot be closed or opened; nothing was changed."""


@dataclass(frozen=True, kw_only=True)
class Maintenance:
    """The maintenance of one stack."""

    spec: PlatformSpec
    ports: Ports

    def on(self, place: str | None, *, message: str | None, dry: bool) -> None:
        """Close a place, or everything; of what is closed already the message changes.

        Args:
            place: A route as a browser shows it, or its path under the stack's own domain; none = everything.
            message: What visitors read; none = what they read already, or else `MESSAGE`.
            dry: Only say what would be done.

        Raises:
            MaintenanceError: there is no such route, the link's secret is not set, or something else is not applied.
            ColorwayError: somebody works on the stack, git refused, or it was committed and could not be applied.
        """
        named = self._named(place)
        self._refuse_without_the_secret()

        def close(before: Closed, _live: Closed) -> Line:
            if named != EVERYTHING and EVERYTHING in before:
                raise MaintenanceError(f"{self._stack}: everything is closed already, {named} with it")
            text = message or before.get(named) or MESSAGE
            verb = "Let visitors read something else" if named in before else "Close for maintenance"
            note = Note(
                subject=f"{verb}: {self._told(named)}",
                body=(f"Visitors read: {text}", "", f"Back: {self._command('off', place)}"),
            )
            return Line({named: text} if named == EVERYTHING else {**before, named: text}, note)

        done = f"{self._told(named)} is closed for maintenance; {self._command('off', place)} opens it again"
        self._run(close, done=done, dry=dry)

    def off(self, place: str | None, *, dry: bool) -> None:
        """Open a place, or everything that is closed.

        Args:
            place: A route as a browser shows it, or its path under the stack's own domain; none = everything.
            dry: Only say what would be done.

        Raises:
            MaintenanceError: that is not closed, or something else is not applied.
            ColorwayError: somebody works on the stack, git refused, or it was committed and could not be applied.
        """
        named = self._full(place)

        def open_again(before: Closed, live: Closed) -> Line:
            # A run that was interrupted may have committed it and not made it live.
            if named != EVERYTHING and named not in {*before, *live}:
                known = ", ".join(before) or "nothing"
                cure = f"; {self._command('off', None)} opens it" if EVERYTHING in before else ""
                raise MaintenanceError(f"{self._stack}: {named} is not closed by itself; closed is: {known}{cure}")
            after = {} if named == EVERYTHING else {one: text for one, text in before.items() if one != named}
            subject = f"Open again after maintenance: {self._told(named)}"
            return Line(after, Note(subject=subject, body=(f"Again: {self._command('on', place)}",)))

        self._run(open_again, done=f"{self._told(named)} is open", dry=dry)

    def _run(self, change: Change, *, done: str, dry: bool) -> None:
        if dry:
            self._show(*self._texts(change))
            return
        lock, repository, reporter = self.ports.lock, self.ports.repository, self.ports.reporter
        lock.take(reason="maintenance", take_over=None)
        try:
            head = repository.head()
            before, after, note = self._texts(change)
            # A run that was interrupted may have committed it.
            if before != after:
                sha = repository.commit_edit(self._file, before=before, after=after, message=note, head=head)
                reporter.say(f"committed {sha[:10]}: {note.subject}")
            self._apply()
        finally:
            lock.release()
        reporter.say(done)

    def _show(self, before: str, after: str, note: Note) -> None:
        lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0))[3:]
        told = [note.subject, *(f"  {line}" for line in lines)] if lines else [f"{self._file} says so already"]
        for line in (*told, "nothing was changed"):
            self.ports.reporter.say(line)

    def _texts(self, change: Change) -> tuple[str, str, Note]:
        """Return the stack's file as committed and with the line, and the commit's message.

        Raises:
            MaintenanceError: more than this line would go live.
            ColorwayError: the line would be wrong.
        """
        repository, outputs = self.ports.repository, self.ports.engine.outputs()
        before = repository.text_at_head(self._file)
        said = {str(place): str(text) for place, text in said_of(before, MAINTENANCE).items()}
        line = change(said, outputs.maintenance if outputs else {})
        after = with_line(before, MAINTENANCE, line.closed, name=self._file)
        facts = self.ports.project.facts(after, version=None)
        is_left = repository.text_here(self._file) == after
        dirty = [one for one in repository.changed(facts.files) if not (is_left and one.endswith(self._file))]
        if dirty:
            raise MaintenanceError(
                f"{', '.join(dirty)}: has edits that are not committed; commit or restore them first"
            )
        if outputs is None:
            raise MaintenanceError(f"{self._stack}: nothing is installed; colorway up {self._stack}")
        wanted = outputs_of(self.spec, generation=outputs.generation)
        more = sentence(outputs.model_copy(update={"maintenance": wanted.maintenance}), wanted)
        if more != NOTHING:
            raise MaintenanceError(
                f"{self._stack}: its files say more than is live, and that would go along: {more}; "
                f"colorway status {self._stack} names the command that helps"
            )
        return before, after, line.note

    def _apply(self) -> None:
        facts = self.ports.project.facts(self.ports.repository.text_at_head(self._file), version=None)
        try:
            for line in self.ports.applier.apply(facts, continue_on_error=False):
                self.ports.reporter.say(line)
        except ColorwayError as error:
            raise ColorwayError(
                f"{error}\n{self._stack}: the line is committed and not live on every load balancer; "
                f"the same command again goes on, git revert HEAD && colorway up {self._stack} goes back"
            ) from None

    def _refuse_without_the_secret(self) -> None:
        """Refuse where `up` would: a stack for users sets its secrets itself."""
        secret = self.spec.platform.edge.maintenance_secret
        if secret is None or not self.spec.is_guarded:
            return
        if not said_of(self.ports.repository.text_at_head(self._file), f"{SECRETS}{secret}"):
            raise MaintenanceError(
                f"{self._file}: secrets:{secret} is not set, and the link past the page ends with it; "
                f'pulumi config set --secret secrets:{secret} --stack {self._stack} "$(openssl rand -hex 24)"'
            )

    def _named(self, place: str | None) -> str:
        named, known = self._full(place), self.spec.open_places
        if named != EVERYTHING and named not in known:
            raise MaintenanceError(f"{self._stack}: {named} is no route; {hint(named, known)}")
        return named

    def _full(self, place: str | None) -> str:
        """Return a place as the file writes it: a path alone is one of the stack's own domain."""
        if place is None:
            return EVERYTHING
        text = place.removeprefix("https://")
        return f"{self.spec.settings.domain}{text}" if text.startswith("/") else text

    def _told(self, named: str) -> str:
        return f"{named} of {self._stack}"

    def _command(self, verb: str, place: str | None) -> str:
        route = f" --route {self._full(place)}" if place else ""
        return f"colorway maintenance {verb} {self._stack}{route}"

    @property
    def _stack(self) -> str:
        return self.spec.stack

    @property
    def _file(self) -> str:
        return stack_files.stack_file(self.spec.stack)
