"""A whole world for a release, in memory: git, engine, swarm, load balancers, users, and a process that can be killed.

Every call of a port is a point at which the process may die. What happened before it stays, as with a kill -9:
commits, an edit without its commit, half of an `up`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from colorway.config.documents import parse_document
from colorway.errors import ColorwayError
from colorway.outputs import NetworkOutputs, PlatformOutputs, ServiceOutputs
from colorway.release.plan.facts import Holder, ServiceHealth
from colorway.release.plan.trailers import Message, ReleaseCommit
from colorway.release.ports.git import GitError
from colorway.release.ports.project import Page, ProjectFacts, Trial
from colorway.release.ports.protocols import Answer, LockLostError, LostError, Notice, Ports, StageProgress
from colorway.release.run.apply import ApplyHere
from colorway.release.verdict.counters import OwnRequests
from colorway.release.verdict.window import Counts, Latencies, QueryError, ServiceCounts, Window
from colorway.spec.release import GateSpec, MigrationSpec, ReleasePolicy, SmokeTest, StageSpec, due, held
from colorway.spec.services import ServiceKind
from colorway.spec.traffic import Color, Installed, Traffic, Versions, illegal_changes
from tests.release.situations import BASE, FIRST, KNOWN, NOW, holder
from tests.swarm.fake_api import FakeApi, swarm_of

POLICY = ReleasePolicy(
    stages=(
        StageSpec(percent=10, bake=timedelta(seconds=20)),
        StageSpec(percent=50, bake=timedelta(seconds=20)),
    ),
    hot=timedelta(minutes=60),
    hold_deadline=timedelta(seconds=40),
    gate=GateSpec(window=timedelta(seconds=10), step=timedelta(seconds=5), blip=timedelta(seconds=5)),
)


class KilledError(BaseException):
    """kill -9: no handler of the program runs on it, and none may catch it."""


class FakeClock:
    """Time that passes when somebody sleeps."""

    def __init__(self, now: datetime = NOW) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def sleep(self, time: timedelta) -> None:
        self.time += time


@dataclass
class World:
    """What outlives a process."""

    clock: FakeClock = field(default_factory=FakeClock)
    texts: list[str] = field(default_factory=lambda: [BASE])
    """The stack file, commit by commit."""
    here: str = BASE
    """The stack file in the working tree."""
    log: list[ReleaseCommit] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    installed: Installed | None = None
    live: str = ""
    """What the load balancers serve."""
    met: Traffic | None = None
    """Shares that users meet."""
    on: Versions | None = None
    """Versions whose services run."""
    lock: Holder | None = None
    notices: list[Notice] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    progress: list[StageProgress] = field(default_factory=list)
    smoked: set[tuple[Color, str]] = field(default_factory=set)
    history: list[str] = field(default_factory=list)
    """What users met, in order."""
    # What is wrong with the world.
    sick: set[str] = field(default_factory=set)
    """Versions that never become healthy."""
    dumb: set[str] = field(default_factory=set)
    """Versions that fail their smoke tests."""
    bad: set[str] = field(default_factory=set)
    """Versions that fail users' requests."""
    dying_at: int | None = None
    """Share at which all tasks of the rising color die."""
    meter_is_gone: bool = False
    balancers: tuple[str, ...] = ("lb1",)
    lost: tuple[str, ...] = ()
    """Load balancers whose hosts cannot be reached; as soon as one is fenced, nobody asks it."""
    fenced: tuple[str, ...] = ()
    api: FakeApi = field(default_factory=FakeApi)
    """The engine that the real adapter asks; its `trouble` is what docker-py raises."""
    migrations: Mapping[str, tuple[MigrationSpec, ...]] = field(default_factory=lambda: dict.fromkeys(KNOWN, (FIRST,)))
    ran: list[str] = field(default_factory=list)
    """Migrations that have run although they are not backward compatible."""
    waited: Mapping[str, str] = field(default_factory=dict)
    """Those that waited at the last `up`."""
    migration_errors: list[str] = field(default_factory=list)
    """Why the next of them fail."""
    commit_error: str | None = None
    up_errors: list[str] = field(default_factory=list)
    """Failures of the next `up`s."""
    by: Callable[[World, str], None] = lambda _world, _name: None
    """What somebody else does when a port is called."""
    # The process.
    points: int = 0
    kill_at: int | None = None
    is_dead: bool = False
    visited: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.installed = facts_of(self.texts[-1], self).committed
        self.on = self.installed.versions
        self.live, self.met = generation(self.texts[-1]), self.installed.traffic
        self.smoked = {(color, self.on.of(color)) for color in self.on.on}
        self.history = [shares(self.installed)]

    def point(self, name: str) -> None:
        """Let the process die here, if it is its time."""
        if self.is_dead:
            raise KilledError
        self.by(self, name)
        self.visited.append(name)
        self.points += 1
        if self.points == self.kill_at:
            self.is_dead = True
            raise KilledError

    def migrate(self, wanted: Installed) -> None:
        """Run what waited for a color that is gone, as the real one does after its last delete."""
        waits = held_in(wanted, self)
        for one in due(self.waited, on=[self.on.of(color) for color in self.on.on], waits=waits):
            self.installed, others = wanted, [version for color in Color if (version := self.on.of(color))]
            assert others == [self.waited[one]], f"{one} runs while {others} do"
            self.point(f"up: before {one}")
            if self.migration_errors:
                raise ColorwayError(f"migrate-{one[:4]} failed: {self.migration_errors.pop(0)}")
            self.ran.append(one)
        self.waited = waits

    def restart(self) -> World:
        self.is_dead, self.kill_at, self.points, self.visited = False, None, 0, []
        return self

    def ports(self, **more) -> Ports:
        engine = FakeEngine(self)
        return Ports(
            **{
                "stack": "test",
                "engine": engine,
                "repository": FakeRepository(self),
                "project": FakeProject(self),
                "lock": FakeLock(self),
                "meter": FakeMeter(self),
                "prober": FakeProber(self),
                "notifier": FakeNotifier(self),
                "images": FakeImages(self),
                "backups": None,
                "applier": ApplyHere(engine),
                "reporter": FakeReporter(self),
                "clock": self.clock,
                **more,
            }
        )

    @property
    def committed(self) -> Installed:
        return facts_of(self.texts[-1], self).committed

    def is_healthy(self, color: Color) -> bool:
        version = self.on.of(color) if self.on else None
        share = self.installed.traffic.of(color) if self.installed else 0
        died = self.dying_at is not None and version == "2.0.0" and share >= self.dying_at
        return version is not None and version not in self.sick and not died

    def serve(self, text: str) -> None:
        """Make a text live, as the load balancers do; more users must only meet what is healthy and was tried."""
        wanted = settings(text)
        for color in Color:
            if wanted.traffic.of(color) > self.met.of(color):
                version = self.on.of(color)
                assert version == wanted.versions.of(color), f"{color} has users and does not run that version"
                assert version not in self.sick, f"users meet {color} ({version}), which is not healthy"
                assert (color, version) in self.smoked, f"users meet {color} ({version}), which was never tried"
        self.live, self.met = generation(text), wanted.traffic
        if self.history[-1] != shares(wanted):
            self.history.append(shares(wanted))


def settings(text: str) -> Installed:
    config = _parsed(text)
    return Installed(
        versions=Versions.model_validate(config["colorway:versions"]),
        traffic=Traffic.model_validate(config["colorway:traffic"]),
    )


_CACHE: dict[str, dict] = {}


def _parsed(text: str) -> dict:
    if text not in _CACHE:
        document, problems = parse_document(text, name="x")
        assert not problems, "the stack file is always whole"
        _CACHE[text] = dict(document.section("config").data)
    return _CACHE[text]


def generation(text: str) -> str:
    return hashlib.sha256(repr(settings(text)).encode()).hexdigest()[:12]


def shares(of: Installed) -> str:
    return f"{of.traffic.blue}:{of.traffic.green}"


def held_in(wanted: Installed, world: World) -> dict[str, str]:
    found: dict[str, str] = {}
    for color in wanted.versions.on:
        version, other = wanted.versions.of(color), wanted.versions.of(color.other)
        waits = held(world.migrations[version], None if other is None else world.migrations[other])
        found |= dict.fromkeys(waits, version)
    return found


PAGE = Page(name="test.example", path="/whoami")
WHOAMI = SmokeTest(path=PAGE.path, json_fields={"color": "{color}", "version": "{version}"})


def facts_of(text: str, world: World) -> ProjectFacts:
    return ProjectFacts(
        platform="demo",
        committed=settings(text),
        wanted_generation=generation(text),
        policy=POLICY,
        files=("Pulumi.test.yaml", "platforms/demo.yaml", "releases/demo"),
        known_versions=KNOWN,
        problem=None,
        migrations=world.migrations,
        held=frozenset(held_in(settings(text), world)),
        images=("registry/web@sha256:1",),
        smoke=(Trial(test=WHOAMI, page=PAGE),),
        judged=("web",),
        pages={"web": PAGE},
        settle=timedelta(seconds=10),
        healthy_within=timedelta(seconds=2),
        drain=timedelta(seconds=86),
    )


@dataclass
class FakeRepository:
    world: World

    def head(self) -> str:
        self.world.point("head")
        return f"commit-{len(self.world.texts)}"

    def user(self) -> str:
        return "Ana"

    def changed(self, paths: Sequence[str]) -> tuple[str, ...]:
        return ("Pulumi.test.yaml",) if self.world.here != self.world.texts[-1] else ()

    def text_at_head(self, file: str) -> str:
        return self.world.texts[-1]

    def text_here(self, file: str) -> str:
        return self.world.here

    def releases(self, file: str) -> tuple[ReleaseCommit, ...]:
        return tuple(reversed(self.world.log))

    def restore(self, file: str, *, text: str) -> None:
        self.world.point("restore: before")
        self.world.here = text
        self.world.point("restore: after")

    def commit_edit(self, file: str, *, before: str, after: str, message: Message, head: str) -> str:
        world = self.world
        world.point("commit: before the edit")
        assert head == f"commit-{len(world.texts)}", "HEAD is what the plan saw"
        if world.here not in {before, after}:
            raise GitError("Pulumi.test.yaml: somebody edited meanwhile")
        world.here = after
        world.point("commit: after the edit")
        if world.commit_error:
            world.here = before
            raise GitError(f"Pulumi.test.yaml: git commit was refused: {world.commit_error}")
        differing = [pair for pair in zip(before.splitlines(), after.splitlines(), strict=True) if pair[0] != pair[1]]
        assert len(differing) == 1, f"{message.subject}: a commit changes one line"
        world.texts.append(after)
        world.messages.append(message)
        trailers = message.trailers
        world.log.append(
            ReleaseCommit(
                sha=f"commit-{len(world.texts)}",
                time=world.clock.now(),
                author="Ana",
                subject=message.subject,
                platform=trailers.platform,
                version=trailers.version,
                step=trailers.step,
                previous=trailers.previous,
            )
        )
        world.point("commit: after")
        return f"commit-{len(world.texts)}"

    def push(self) -> None:
        self.world.point("push")


@dataclass
class FakeProject:
    world: World

    def facts(self, text: str, *, version: str | None) -> ProjectFacts:
        return facts_of(text, self.world)


@dataclass
class FakeEngine:
    world: World

    def fenced(self) -> tuple[str, ...]:
        return self.world.fenced

    def fence_lost(self) -> tuple[str, ...]:
        world = self.world
        found = [host for host in world.lost if host not in world.fenced]
        world.fenced = (*world.fenced, *found)
        return tuple(f"Load balancer {host} is fenced." for host in found)

    def certificate(self, load_balancer: str) -> str:
        return ""

    def up(self, *, continue_on_error: bool) -> None:
        """Do what the real one does, in its order: services of both colors, the load balancers, what goes off."""
        world = self.world
        world.point("up: before")
        text, was = world.here, world.installed
        wanted = settings(text)
        refused = illegal_changes(was, wanted)
        if refused:
            raise ColorwayError(refused[0])
        # As the real one begins: it looks what there is.
        swarm_of(world.api).named_objects("test")
        if silent := [host for host in world.lost if host not in world.fenced]:
            if continue_on_error:
                raise ColorwayError(f"routing-check-{silent[0]}: no connection")
            raise LostError(f"load balancer {silent[0]} cannot be told what to serve, so nothing was applied")
        if world.up_errors:
            raise ColorwayError(world.up_errors.pop(0))
        world.on = Versions(**{c.value: wanted.versions.of(c) or world.on.of(c) for c in Color})
        world.point("up: services are there")
        sick = [color for color in Color if wanted.versions.of(color) in world.sick]
        if sick and not continue_on_error and generation(text) != world.live:
            raise ColorwayError(f"test-web-{sick[0]}: task failed: exit code 1\n  | no database")
        world.serve(text)
        world.point("up: users meet the new shares")
        world.on = wanted.versions
        world.migrate(wanted)
        world.installed = wanted
        world.point("up: after")
        if sick:
            raise ColorwayError(f"test-web-{sick[0]}: task failed: exit code 1")

    def outputs(self) -> PlatformOutputs | None:
        world = self.world
        world.point("outputs")
        if world.installed is None:
            return None
        return PlatformOutputs(
            schema_version=1,
            stack="test",
            platform="demo",
            domain="example.com",
            versions=world.installed.versions,
            traffic=world.installed.traffic,
            generation=world.live,
            url="https://127.0.0.1:8443/",
            prometheus_url="http://127.0.0.1:9090",
            drain=timedelta(seconds=40),
            network=NetworkOutputs(range="10.90.0.0/16", encrypted=False, mtu=None),
            held=dict(world.waited),
            load_balancers=(),
            services=tuple(
                ServiceOutputs(
                    service=f"test-web-{color}",
                    logical="web",
                    color=color,
                    kind=ServiceKind.WEB,
                    version=world.installed.versions.of(color),
                    replicas=2,
                )
                for color in world.installed.versions.on
            ),
        )

    def live(self) -> dict[str, str | None]:
        self.world.point("live")
        world = self.world
        return {
            host: None if world.api.trouble or host in world.lost else world.live
            for host in world.balancers
            if host not in world.fenced
        }

    def health(self) -> list[ServiceHealth]:
        """Ask the real adapter, over an engine that fails as docker-py does."""
        self.world.point("health")
        world = self.world
        world.api.stored["services"], world.api.stored["tasks"] = [], []
        for color in world.on.on:
            running = 2 if world.is_healthy(color) else 0
            world.api.add_service(f"test-web-{color}", color=color.value, wanted=2, running=running)
        return [
            ServiceHealth(service=found.name, color=Color(found.color), wanted=found.wanted, running=found.running)
            for found in swarm_of(world.api).services("test")
        ]

    def preview_token(self) -> str:
        return "token"

    def log_tail(self, color: Color) -> list[str]:
        return [f"test-web-{color}: boom"]


@dataclass
class FakeLock:
    world: World

    def holder(self) -> Holder | None:
        found = self.world.lock
        return found if found and found.ticket != "dead" else None

    def take(self, *, reason: str, take_over: str | None) -> None:
        self.world.point("lock: before")
        if self.holder() and take_over is None:
            raise ColorwayError(self.holder().sentence())
        self.world.lock = holder(owner="Ana", reason=reason, ticket="ours")
        self.world.point("lock: after")

    def check(self) -> None:
        if self.world.lock is None or self.world.lock.ticket != "ours":
            raise LockLostError("test: Bo holds the release lock; this run stops")

    def release(self) -> None:
        if self.world.is_dead:
            # Whoever is dead gives nothing back; the next run sees that the process is gone.
            self.world.lock = replace(self.world.lock, ticket="dead") if self.world.lock else None
            return
        if self.world.lock and self.world.lock.ticket == "ours":
            self.world.lock = None


@dataclass
class FakeMeter:
    """Users: 400 requests a second, of which a bad version fails a fifth."""

    world: World

    since: datetime = NOW

    def begin(self, *, services: Sequence[str]) -> None:
        assert "web" in services, "what the version has that is released"
        self.world.point("begin")
        self.since = self.world.clock.now()

    def read(self, *, own: OwnRequests) -> Window | QueryError:
        self.world.point("read")
        since, until = self.since, self.world.clock.now()
        if self.world.meter_is_gone:
            return QueryError(at=until, reason="Prometheus does not answer")
        self.since = until
        seconds = (until - since).total_seconds()
        installed = self.world.installed
        counts = {}
        for color in Color:
            requests = int(400 * seconds * installed.traffic.of(color) / 100)
            failed = requests // 5 if installed.versions.of(color) in self.world.bad else 0
            latencies = Latencies((0.05, 0.1, 0.5), (requests, 0, 0, 0))
            counts[color.value] = Counts(attempts=requests, failed=failed, latencies=latencies)
        return Window(since, until - since, (ServiceCounts("web", **counts),))


@dataclass
class FakeProber:
    world: World

    def entrances(self) -> list[str]:
        return ["lb1"]

    def ask(self, page: Page, *, color: Color | None, entrance: str | None = None) -> Answer:
        world = self.world
        world.point("ask")
        answering = color or world.installed.traffic.active
        version = world.on.of(answering)
        if version is None or version in world.sick:
            return Answer(status=503, body="")
        if version in world.dumb:
            return Answer(status=500, body="")
        world.smoked.add((answering, version))
        return Answer(status=200, body=f'{{"color": "{answering}", "version": "{version}"}}')


@dataclass
class FakeNotifier:
    world: World

    def send(self, notice: Notice) -> tuple[str, ...]:
        self.world.point("notice: before")
        self.world.notices.append(notice)
        self.world.point("notice: after")
        return ()


@dataclass
class FakeImages:
    world: World

    def pull(self, references: Sequence[str]) -> tuple[str, ...]:
        self.world.point("pull")
        return (f"{len(references)} images are on 1 nodes.",)


@dataclass
class FakeReporter:
    world: World

    def say(self, line: str) -> None:
        self.world.said.append(line)

    def progress(self, progress: StageProgress) -> None:
        self.world.progress.append(progress)
