"""Release manifests, and the policy that a release follows."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from colorway.spec.base import StrictSpec, refuse
from colorway.spec.fields import (
    CommandLine,
    Duration,
    Label,
    PinnedImage,
    PositiveDuration,
    Ratio,
    Shape,
    UrlPath,
)
from colorway.spec.names import MAIN_DOMAIN
from colorway.spec.task.environment import EnvName, EnvValue
from colorway.spec.task.mounts import ProjectPath

MigrationId = Annotated[
    str,
    Shape(
        r"[0-9]{4}-[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?",
        "must be four digits, - and a name in small letters, digits and -, for example 0001-initial",
    ),
]


class MigrationSpec(StrictSpec):
    """One change of the database's schema."""

    id: MigrationId
    """Four digits and a name, `0001-initial`; what the migration command gets as its argument."""
    backward_compatible: bool
    """Whether the version before it still works afterwards; if not, it waits until `finish` has turned that one off.

    So its own version works without it, too. A version that needs such a change is two: one that works with both
    schemas, and one after it that brings the change.
    """
    sql: tuple[ProjectPath, ...] = ()
    """Its SQL, where that is in the project: files that `release` looks at for what locks tables or breaks the version
    before. They are not run: the migration command does that."""


def held(mine: Iterable[MigrationSpec], others: Iterable[MigrationSpec] | None) -> tuple[str, ...]:
    """Return the migrations of a version that wait until another one, which would not work afterwards, is off.

    Args:
        mine: All migrations of the version.
        others: All migrations of the version that the other color has on; none = that color is off.
    """
    if others is None:
        return ()
    known = {migration.id for migration in others}
    return tuple(one.id for one in mine if not one.backward_compatible and one.id not in known)


def due(waited: Mapping[str, str], *, on: Container[str | None], waits: Container[str]) -> tuple[str, ...]:
    """Return the migrations that waited and have to run now, because nothing holds them any more.

    Args:
        waited: Those that waited when the stack was last applied, each with the version that brings it.
        on: Versions that are on.
        waits: Migrations that wait still.
    """
    return tuple(one for one, version in waited.items() if version in on and one not in waits)


class ReleaseManifest(StrictSpec):
    """What one version is made of: `releases/<platform>/<version>.yaml`."""

    images: dict[Label, PinnedImage] = Field(default_factory=dict)
    """Image of each colored service, with its digest; empty for a platform with `images: local`."""
    migrations: tuple[MigrationSpec, ...] = ()
    """Schema changes that must be applied before this version runs, oldest first."""
    migration_service: Label | None = None
    """Service of this version whose image applies them; none = the one that the platform file names."""
    flags: dict[EnvName, EnvValue] = Field(default_factory=dict)
    """Environment that only this version gets."""
    services: dict[Label, dict[str, Any] | None] = Field(default_factory=dict)
    """What this version's services have unlike the platform file's, same keys; a whole new service; null = gone."""

    @field_validator("migrations", mode="after")
    @classmethod
    def _oldest_first(cls, value: tuple[MigrationSpec, ...]) -> tuple[MigrationSpec, ...]:
        refuse(
            ((str(index), "id"), "does not come after the one above it; list migrations oldest first, each once")
            for index, (earlier, later) in enumerate(itertools.pairwise(value), start=1)
            if later.id <= earlier.id
        )
        return value


class MigrationCommand(StrictSpec):
    """How a platform applies a migration: its own program, run once as a one-shot service."""

    service: Label
    """Service whose image, environment and secrets are used."""
    entrypoint: CommandLine = ()
    """Program instead of the service's entrypoint; none = the service's, or else what its image says."""
    command: Annotated[CommandLine, Field(min_length=1)]
    """Program and arguments, as a service's command; the migration's id is appended."""
    env: dict[EnvName, EnvValue] = Field(default_factory=dict)
    """Environment that it has unlike the service: the way to a database that no pool is on, for example."""
    timeout: PositiveDuration = timedelta(minutes=10)
    """Longest time that a migration may take."""


class StageSpec(StrictSpec):
    """One step of the ramp."""

    percent: Annotated[int, Field(ge=1, le=99, strict=True)]
    """Share of the rising color."""
    bake: PositiveDuration
    """How long the stage is watched before the next."""


class SmokeTest(StrictSpec):
    """One request to a color that has no users yet, through the secret header."""

    path: UrlPath
    """Path that is asked."""
    domain: Label = MAIN_DOMAIN
    """Name of one of the stack's domains."""
    host: Label | None = None
    """Name under the domain, for example `portal`; none = the domain itself."""
    status: int = Field(default=200, ge=100, le=599, strict=True)
    """Status that is expected."""
    json_fields: dict[str, str] = Field(default_factory=dict)
    """Fields of the JSON answer and their values; `{color}` and `{version}` stand for those under test."""


_HALF = 0.5


class GateSpec(StrictSpec):
    """Where good ends: the limits of the verdict on the rising color (docs/verdict.md)."""

    window: PositiveDuration = timedelta(seconds=20)
    """Length of what is judged at once; two failed windows in a row end the release."""
    step: PositiveDuration = timedelta(seconds=5)
    """Time between two readings, each the end of a window; not shorter than the scrape interval helps."""
    blip: PositiveDuration = timedelta(seconds=10)
    """Longest trouble that ends no release: the second failed window begins this long after the first or later."""
    minimum_requests: int = Field(default=50, ge=20, strict=True)
    """Fewer requests to a service in a stage say nothing; the release tool then sends its own."""
    error_ratio: Annotated[Ratio, Field(gt=0)] = 0.01
    """Largest share of failed requests."""
    error_ratio_points: Ratio = 0.005
    """Largest difference to the active color, as a share; requests that clients gave up count here too."""
    p95: PositiveDuration = timedelta(milliseconds=500)
    """Slowest 95th percentile."""
    p95_factor: float = Field(default=1.5, gt=1)
    """Largest factor over the active color's 95th percentile."""
    p95_floor: PositiveDuration = timedelta(milliseconds=20)
    """An active color's 95th percentile below this counts as this: nobody notices 6 ms that were 3."""
    margin: float = Field(default=2, gt=1)
    """A stage passes once its figures exclude this multiple of the error ratio and of the 95th percentile's excess."""

    @property
    def excluded_error_ratio(self) -> float:
        """The share of failed requests that a passed stage excludes: 2 % by default."""
        return min(0.99, self.margin * self.error_ratio)

    @property
    def excluded_p95_factor(self) -> float:
        """The factor over the active color's 95th percentile that a passed stage excludes: 2 by default."""
        return 1 + self.margin * (self.p95_factor - 1)

    @property
    def unvisited(self) -> GateSpec:
        """The same where nobody is let in: there is nobody to spoil anything for, so the tool's own requests do.

        The figures have to exclude that half of them fail, which the minimum of requests does.
        """
        return self.model_copy(update={"margin": _HALF / self.error_ratio})

    @model_validator(mode="after")
    def _window_holds_a_step(self) -> GateSpec:
        refuse(
            [(("window",), "is shorter than step; a window must hold one reading or more")] * (self.window < self.step)
        )
        return self


class ReleasePolicy(StrictSpec):
    """How traffic moves from one version to the next."""

    stages: tuple[StageSpec, ...] = (
        StageSpec(percent=10, bake=timedelta(minutes=10)),
        StageSpec(percent=50, bake=timedelta(minutes=6)),
    )
    """The ramp below 100 %, growing."""
    hot: Duration = timedelta(minutes=60)
    """How long the old color stays on after the 100 % line."""
    hold_deadline: PositiveDuration = timedelta(minutes=30)
    """How long an inconclusive stage may last before it is rolled back."""
    gate: GateSpec = GateSpec()
    """Where good ends."""
    smoke: tuple[SmokeTest, ...] = ()
    """Requests that the new version must answer before it gets users."""

    @field_validator("stages", mode="after")
    @classmethod
    def _grow(cls, value: tuple[StageSpec, ...]) -> tuple[StageSpec, ...]:
        refuse(
            ((str(index), "percent"), "is not more than the stage above it; stages must grow, for example 10, 50")
            for index, (earlier, later) in enumerate(itertools.pairwise(value), start=1)
            if later.percent <= earlier.percent
        )
        return value
