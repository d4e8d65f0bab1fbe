"""What a release needs from outside, as protocols: the command line hands over the real ones, tests their own."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from colorway.errors import ColorwayError
from colorway.outputs import PlatformOutputs
from colorway.release.plan.facts import Holder, ServiceHealth
from colorway.release.plan.steps import Event
from colorway.release.plan.trailers import Note, ReleaseCommit
from colorway.release.ports.project import Page, ProjectFacts
from colorway.release.verdict.counters import OwnRequests
from colorway.release.verdict.window import QueryError, Window
from colorway.spec.traffic import Color


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What people are told."""

    event: Event
    title: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ColorFigures:
    """What one color does now."""

    version: str
    share: int
    """Percent of the users."""
    requests_per_second: float | None
    """None = unknown."""
    error_ratio: float | None
    """Share of requests that failed; none = no requests."""
    p95: float | None
    """95th percentile of the slowest service, seconds; none = no requests."""


@dataclass(frozen=True, kw_only=True)
class StageProgress:
    """One look at a stage."""

    percent: int
    left: timedelta
    """Time until the bake is over."""
    said: str
    """What the verdict waits for."""
    is_held: bool
    colors: Mapping[Color, ColorFigures]


class LockLostError(ColorwayError):
    """Somebody took the lock over; this run must do nothing more."""


class LostError(ColorwayError):
    """A load balancer cannot be told what to serve; nothing was applied."""


class UnreachableError(ColorwayError):
    """A request got no answer at all."""


class EnginePort(Protocol):
    """What applies a stack's files, and says what runs."""

    def up(self, *, continue_on_error: bool) -> None:
        """Make the swarm what the working tree says; read the stack file anew at each call.

        Args:
            continue_on_error: Whether what does not depend on a failure is done all the same.

        Raises:
            LostError: a load balancer cannot be told, and nothing was changed; not with `continue_on_error`.
            ColorwayError: something could not be done; its first line says what and why, more lines are evidence.
        """

    def outputs(self) -> PlatformOutputs | None:
        """Return what was last applied, None before the first install; asked anew at each call."""

    def live(self) -> Mapping[str, str | None]:
        """Return the generation that each load balancer serves, by host; None = it does not answer.

        One that is fenced serves nothing, and is left out.
        """

    def fenced(self) -> tuple[str, ...]:
        """Return the hosts whose load balancer is fenced: it could not be told to go back."""

    def fence_lost(self) -> tuple[str, ...]:
        """Fence the load balancers that cannot be told to go back, so that they do not block the way back.

        Returns:
            A sentence for each that is fenced now.
        """

    def health(self) -> Sequence[ServiceHealth]:
        """Return every service of the stack with the tasks that should run and those that do, health check passed."""

    def preview_token(self) -> str:
        """Return the secret that opens a color by header."""

    def maintenance_secret(self) -> str:
        """Return the secret that the link past the page of maintenance ends with."""

    def certificate(self, load_balancer: str) -> str:
        """Return the certificate that the load balancer of a host serves, as PEM; asked of that host, over SSH.

        Raises:
            ColorwayError: it cannot be asked, or has none.
        """

    def log_tail(self, color: Color) -> list[str]:
        """Return the last lines that a color's unhappiest tasks printed, each with its service; never raises."""


class Repository(Protocol):
    """The project's git repository; see `colorway.release.ports.git.Git`."""

    def head(self) -> str:
        """Return the commit that HEAD is at."""

    def user(self) -> str:
        """Return who works here."""

    def changed(self, paths: Sequence[str]) -> tuple[str, ...]:
        """Return the files that differ from HEAD."""

    def text_at_head(self, file: str) -> str:
        """Return a file as it is committed."""

    def text_here(self, file: str) -> str:
        """Return a file as it is in the working tree."""

    def releases(self, file: str) -> tuple[ReleaseCommit, ...]:
        """Return the commits of releases, newest first."""

    def restore(self, file: str, *, text: str) -> None:
        """Undo an uncommitted edit."""

    def commit_edit(self, file: str, *, before: str, after: str, message: Note, head: str) -> str:
        """Edit one file and commit it alone."""

    def push(self) -> None:
        """Push the branch."""


class Project(Protocol):
    """The project's files; see `colorway.release.ports.protocols.project.Files`."""

    def facts(self, text: str, *, version: str | None) -> ProjectFacts:
        """Return what a stack file and the files that it names say."""


class Lock(Protocol):
    """The stack's release lock; see `colorway.release.ports.lock.StackLock`."""

    def holder(self) -> Holder | None:
        """Return who else holds the lock, alive and in time."""

    def take(self, *, reason: str, take_over: str | None) -> None:
        """Take the lock and keep it until `release`.

        Raises:
            ColorwayError: somebody else holds it, and `take_over` is None.
        """

    def check(self) -> None:
        """Do nothing while the lock is ours.

        Raises:
            LockLostError: it is not any more.
        """

    def release(self) -> None:
        """Give the lock back; never raises."""


class Meter(Protocol):
    """Counts requests; see `colorway.release.ports.prometheus.PrometheusMeter`."""

    def begin(self, *, services: Sequence[str]) -> None:
        """Forget what was counted so far; where nothing can be read, the first good reading is the beginning.

        Args:
            services: Those that are judged, in the order wanted.
        """

    def read(self, *, own: OwnRequests) -> Window | QueryError:
        """Return what was counted since the beginning or the last good reading, or why that cannot be said.

        A window without length says that there are no newer figures yet.

        Args:
            own: Requests of our own since the last window that had a length.
        """


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer to one request."""

    status: int
    body: str


class Prober(Protocol):
    """Sends requests through the load balancers; see `colorway.release.run.requests.HttpsProber`."""

    def entrances(self) -> Sequence[str]:
        """Return where requests can go in: each load balancer, or the one name that leads to all of them."""

    def ask(self, page: Page, *, color: Color | None, entrance: str | None = None) -> Answer:
        """Send one GET.

        Args:
            page: What is asked for.
            color: Color that has to answer, through the secret header; none = whichever a user gets.
            entrance: Where it goes in; none = each in turn.

        Raises:
            UnreachableError: there was no answer.
        """


class Notifier(Protocol):
    """Tells people; see `colorway.release.tell.notices.Notices`."""

    def send(self, notice: Notice) -> tuple[str, ...]:
        """Send a notice; return what could not be sent, one sentence each, without addresses. Never raises."""


class Images(Protocol):
    """Brings images to the nodes; see `colorway.release.ports.images`."""

    def pull(self, references: Sequence[str]) -> tuple[str, ...]:
        """Pull images on all nodes; return what was done, a line each.

        Raises:
            ColorwayError: a node cannot get one.
        """


class Backups(Protocol):
    """Knows whether the data could be brought back, before migrations change it."""

    def make(self, *, point: str) -> str:
        """Make a point to come back to, and return what there is, in words.

        Args:
            point: What it is called.

        Raises:
            ColorwayError: the data could not be brought back, or a migration would do harm now; with the cure.
        """


class Cdn(Protocol):
    """What stands between the users and the load balancers; see `colorway.cdn.purging.Cloudflare`."""

    def forget(self, tags: Sequence[str]) -> None:
        """Purge all that has one of some tags.

        Raises:
            ColorwayError: some of it may still be there.
        """


class Reporter(Protocol):
    """Says how far a run is."""

    def say(self, line: str) -> None:
        """Print one line."""

    def progress(self, progress: StageProgress) -> None:
        """Show one look at a stage."""


class Clock(Protocol):
    """Time."""

    def now(self) -> datetime:
        """Return the time, UTC."""

    def sleep(self, duration: timedelta) -> None:
        """Wait."""


class Applier(Protocol):
    """Makes HEAD live, here or by CI; see `colorway.release.run.apply`."""

    def apply(self, facts: ProjectFacts, *, continue_on_error: bool) -> tuple[str, ...]:
        """Make HEAD live and return what is worth knowing of it, a line each.

        Raises:
            GitError: CI applies, and the commit could not be pushed.
            ColorwayError: it was tried, and something failed.
        """


@dataclass(frozen=True, kw_only=True)
class Ports:
    """All of it."""

    stack: str
    engine: EnginePort
    repository: Repository
    project: Project
    lock: Lock
    meter: Meter
    prober: Prober
    notifier: Notifier
    images: Images
    backups: Backups | None
    cdn: Cdn | None = None
    applier: Applier
    reporter: Reporter
    clock: Clock


class SystemClock:
    """This machine's time."""

    def now(self) -> datetime:
        """Return the time, UTC."""
        return datetime.now(tz=UTC)

    def sleep(self, duration: timedelta) -> None:
        """Wait."""
        time.sleep(max(0.0, duration.total_seconds()))
