"""Release manifests, and the policy that a release follows."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Annotated

from pydantic import Field, field_validator

from colorway.spec.base import StrictSpec, refuse
from colorway.spec.fields import (
    Duration,
    EnvName,
    EnvValue,
    Label,
    PinnedImage,
    PositiveDuration,
    Ratio,
    Shape,
    UrlPath,
)

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
    """Whether the version before it still works afterwards; if not, a rollback is refused."""


class ReleaseManifest(StrictSpec):
    """What one version is made of: `releases/<platform>/<version>.yaml`."""

    images: dict[Label, PinnedImage] = Field(default_factory=dict)
    """Image of each colored service, with its digest; empty for a platform with `images: local`."""
    migrations: tuple[MigrationSpec, ...] = ()
    """Schema changes that must be applied before this version runs, oldest first."""
    flags: dict[EnvName, EnvValue] = Field(default_factory=dict)
    """Environment that only this version gets."""

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
    command: tuple[str, ...] = Field(min_length=1)
    """Program and arguments; the migration's id is appended."""
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
    status: int = Field(default=200, ge=100, le=599, strict=True)
    """Status that is expected."""
    json_fields: dict[str, str] = Field(default_factory=dict)
    """Fields of the JSON answer and their values; `{color}` and `{version}` stand for those under test."""


class GateSpec(StrictSpec):
    """Where good ends: the limits of the verdict on the rising color."""

    window: PositiveDuration = timedelta(seconds=30)
    """Length of one reading; two failed ones in a row end the release."""
    minimum_requests: int = Field(default=50, ge=20, strict=True)
    """Fewer requests in a window say nothing."""
    error_ratio: Ratio = 0.01
    """Largest share of failed requests."""
    error_ratio_points: Ratio = 0.005
    """Largest difference to the active color, as a share."""
    p95: PositiveDuration = timedelta(milliseconds=500)
    """Slowest 95th percentile."""
    p95_factor: float = Field(default=1.5, gt=1)
    """Largest factor over the active color's 95th percentile."""


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
