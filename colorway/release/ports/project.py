"""What a release reads from the project's files: policy, versions, images, paths to try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from colorway.config import stack_files
from colorway.config.documents import Document, parse_document
from colorway.errors import ColorwayError
from colorway.release.ports.sql import files_of, problem_of
from colorway.render.nginx import generation
from colorway.spec import names
from colorway.spec.edge import RouteSpec, taker
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.release import MigrationSpec, ReleasePolicy, SmokeTest
from colorway.spec.stack import EVERYTHING
from colorway.spec.traffic import Color, Installed

PROGRAM = (
    "Pulumi.yaml",
    "__main__.py",
    "colorway",
    "components",
    "templates",
    "images",
    "monitoring",
    "requirements.txt",
)
"""What the program reads besides the stack's own files: a commit of one line must not bring an edit of these along."""
PATIENCE = timedelta(seconds=60)
"""Added to the time after which a service's own health check gives it up."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """What a request asks for."""

    name: str
    """Host name."""
    path: str
    """Path with its leading slash."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A smoke test, and the page that it asks for."""

    test: SmokeTest
    page: Page


@dataclass(frozen=True, kw_only=True)
class ProjectFacts:
    """What the committed files say about a stack and the version that was asked for."""

    platform: str
    committed: Installed
    wanted_generation: str
    """Generation of the load balancers' text that the files mean."""
    policy: ReleasePolicy
    files: tuple[str, ...]
    """Files and folders that a release reads; below the project."""
    known_versions: tuple[str, ...]
    problem: str | None
    """What is wrong with the requested version; none = nothing, or none was requested."""
    migrations: Mapping[str, tuple[MigrationSpec, ...]]
    """Migrations by version: of those that are on and of the requested one."""
    held: frozenset[str] = frozenset()
    """Migrations that wait until a color is off."""
    images: tuple[str, ...]
    """Images of the requested version, in the order of the platform file."""
    smoke: tuple[Trial, ...]
    """Requests that a version must answer."""
    judged: tuple[str, ...]
    """Services of the requested version that users can ask; those that only the other one has are no part of it."""
    pages: Mapping[str, Page]
    """A page to ask for of each service that users can ask."""
    settle: timedelta
    """How long after a switch old connections may still ask the old way."""
    healthy_within: timedelta
    """Longest time that a color may take to become healthy."""
    drain: timedelta
    """How long a color that was taken from the load balancers may still serve somebody."""
    is_closed: bool = False
    """Whether everything is closed for maintenance."""


@dataclass(frozen=True)
class Files:
    """A project's folder, as the release of one stack reads it."""

    root: Path
    stack: str

    def facts(self, text: str, *, version: str | None) -> ProjectFacts:
        """Return what a stack file and the files that it names say.

        Args:
            text: The stack file as committed; a leftover edit in the folder does not count.
            version: Version that was asked for.

        Raises:
            ColorwayError: the files are wrong.
        """
        name = stack_files.stack_file(self.stack)
        document, problems = parse_document(text, name=name)
        if problems:
            raise stack_files.ConfigError(problems)
        settings = document.section("config").keys_with_prefix(stack_files.NAMESPACE)
        spec = stack_files.load(root=self.root, stack=self.stack, settings=settings)
        platform = spec.settings.platform
        requested, problem = self._requested(spec, settings, version)
        tested = requested or spec
        color = _idle(spec) if _idle(spec) in tested.colors_on else spec.active
        manifests = {**spec.releases, **(requested.releases if requested else {})}
        sql = files_of(one for manifest in manifests.values() for one in manifest.migrations)
        return ProjectFacts(
            platform=platform,
            committed=Installed(versions=spec.settings.versions, traffic=spec.settings.traffic),
            wanted_generation=generation(spec).digest,
            is_closed=EVERYTHING in spec.settings.maintenance,
            policy=spec.platform.release,
            files=(name, stack_files.platform_file(platform), f"releases/{platform}", *PROGRAM, *sql),
            known_versions=tuple(stack_files.known_names(self.root, f"releases/{platform}/*.yaml")),
            problem=problem,
            migrations={known: manifest.migrations for known, manifest in manifests.items()},
            held=frozenset(spec.held_migrations),
            images=_images(requested, _idle(spec)) if requested else (),
            smoke=tuple(_trials(tested, color)),
            judged=tuple(name for name, service in tested.colored(color).items() if service.routes),
            pages=_pages(tested, color),
            settle=spec.platform.edge.keepalive_min_timeout,
            healthy_within=_healthy_within(tested, color),
            drain=spec.drain,
        )

    def _requested(
        self, spec: PlatformSpec, settings: Document, version: str | None
    ) -> tuple[PlatformSpec | None, str | None]:
        """Read the stack as if the idle color ran the requested version already."""
        path = stack_files.release_file(spec.settings.platform, version or "")
        if not version or not (self.root / path).is_file():
            return None, None
        versions = {**spec.settings.versions.model_dump(mode="json"), _idle(spec).value: version}
        asked = replace(settings, data={**settings.data, "versions": versions})
        try:
            found = stack_files.load(root=self.root, stack=self.stack, settings=asked)
        except ColorwayError as error:
            return None, str(error)
        done = {one.id for manifest in spec.releases.values() for one in manifest.migrations}
        new = [one for one in found.releases[version].migrations if one.id not in done]
        return found, problem_of(new, root=self.root)


def _idle(spec: PlatformSpec) -> Color:
    return spec.active.other


def _images(spec: PlatformSpec, color: Color) -> tuple[str, ...]:
    return tuple(dict.fromkeys(spec.image(name, color) for name in spec.colored(color)))


def _trials(spec: PlatformSpec, color: Color) -> list[Trial]:
    """Return what the platform declares, and each ready path where a name leads to the service that declares it."""
    tests = list(spec.platform.release.smoke)
    for name, service in spec.answering(color).items():
        names_of = dict.fromkeys((route.domain, route.host) for route in service.routes)
        if service.ready_path is None:
            continue
        tests += [
            SmokeTest(path=service.ready_path, domain=domain, host=host)
            for domain, host in names_of
            if _routed_to(spec, color, (domain, host, service.ready_path)) == name
        ][:1]
    return [Trial(test=test, page=_page(spec, test)) for test in tests]


def _page(spec: PlatformSpec, asked: SmokeTest | RouteSpec) -> Page:
    return Page(name=names.host_name(spec.settings.domains[asked.domain], asked.host), path=asked.path)


def _routed_to(spec: PlatformSpec, color: Color, place: tuple[str, str | None, str]) -> str | None:
    """Return the service that answers a path under a name."""
    domain, host, path = place
    routes = [(route, name) for name, service in spec.answering(color).items() for route in service.routes]
    found = taker([route for route, _ in routes], domain=domain, host=host, path=path)
    return next((name for route, name in routes if route is found and isinstance(route, RouteSpec)), None)


def _pages(spec: PlatformSpec, color: Color) -> dict[str, Page]:
    """Return a page of each service of a color, one that a good version answers well where any is known."""
    tried = [trial.test for trial in _trials(spec, color) if trial.test.status < 400]  # noqa: PLR2004
    routes = [route for service in spec.colored(color).values() for route in service.answers]
    found: dict[str, Page] = {}
    wanted: list[SmokeTest | RouteSpec] = [*tried, *sorted(routes, key=lambda route: not route.is_open)]
    for asked in wanted:
        service = _routed_to(spec, color, (asked.domain, asked.host, asked.path))
        if service in spec.colored(color):
            found.setdefault(service, _page(spec, asked))
    return found


def _healthy_within(spec: PlatformSpec, color: Color) -> timedelta:
    checks = [service.health for service in spec.colored(color).values()]
    longest = max(check.start_period + (check.interval + check.timeout) * check.retries for check in checks)
    return longest + PATIENCE
