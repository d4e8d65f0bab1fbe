"""What a task may use, where it runs, and what becomes of it when it ends or changes."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from colorway.spec.base import StrictSpec, refuse
from colorway.spec.fields import Cpus, Duration, Label, Memory, MemoryLimit, PositiveDuration, Ratio, Shape


class LimitsSpec(StrictSpec):
    """The most that one task may use, and what is kept free for it."""

    cpus: Cpus
    """Cores."""
    memory: MemoryLimit
    """Memory; a task that wants more is killed."""
    reserve_cpus: Cpus | None = None
    """Cores that a host must have free."""
    reserve_memory: Memory | None = None
    """Memory that a host must have free."""

    @model_validator(mode="after")
    def _reserves_what_it_may_use(self) -> LimitsSpec:
        refuse(
            ((f"reserve-{what}",), "is more than the limit; a host would keep free what the task may never use")
            for what, kept, most in (
                ("cpus", self.reserve_cpus, self.cpus),
                ("memory", self.reserve_memory, self.memory),
            )
            if kept is not None and kept > most
        )
        return self


class Order(StrEnum):
    """What comes first when a task is replaced."""

    START_FIRST = "start-first"
    """The new task; for services without state."""
    STOP_FIRST = "stop-first"
    """The old task; for volumes and host ports, which only one task can have."""


class FailureAction(StrEnum):
    """What becomes of an update whose new tasks fail."""

    ROLLBACK = "rollback"
    """The tasks go back to what they were."""
    PAUSE = "pause"
    """The update stops where it is."""
    CONTINUE = "continue"
    """The update goes on."""


def _one_decimal(value: float) -> float:
    if round(value, 1) != value:
        raise ValueError("must have one decimal at most, for example 0.2: Docker's plugin reads back no more")
    return value


class UpdatePolicy(StrictSpec):
    """How the swarm replaces the tasks of a service when its definition changes."""

    parallelism: int = Field(default=1, ge=1, le=50, strict=True)
    """Tasks replaced at the same time."""
    delay: Duration = timedelta(0)
    """Pause between two batches."""
    monitor: PositiveDuration = timedelta(seconds=5)
    """How long a new task is watched before it counts as good."""
    order: Order | None = None
    """What comes first; none = start-first, but stop-first where two tasks of the service must not be alive at once."""
    failure_action: FailureAction = FailureAction.ROLLBACK
    """What happens when new tasks fail."""
    max_failure_ratio: Annotated[Ratio, AfterValidator(_one_decimal)] = 0.0
    """Share of new tasks that may fail."""


class RestartCondition(StrEnum):
    """After which end of a task another one is started."""

    ANY = "any"
    """After each."""
    ON_FAILURE = "on-failure"
    """After an exit code that is not 0, or a failed health check."""
    NONE = "none"
    """After none."""


class RestartPolicy(StrictSpec):
    """What happens when a task ends."""

    condition: RestartCondition = RestartCondition.ANY
    """After which end another task is started."""
    delay: Duration = timedelta(seconds=2)
    """Pause before the next try."""
    max_attempts: int = Field(default=0, ge=0, le=1000, strict=True)
    """Tries after which the swarm gives up; 0 = never."""
    window: Duration = timedelta(0)
    """Time in which these tries are counted; 0s = ever."""


NodeLabel = Annotated[
    str,
    Field(max_length=128),
    Shape(r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?", "must be letters, digits and . _ / -, for example zone"),
]
"""Key of a label of a node."""
NodeLabelValue = Annotated[
    str,
    Field(max_length=128),
    Shape(r"[A-Za-z0-9_.:/-]+", "must be letters, digits and . _ : / -, for example eu-1"),
]
"""Value of a label of a node."""


class PlacementSpec(StrictSpec):
    """Which of the stack's web hosts a service may run on."""

    hosts: tuple[Label, ...] = ()
    """Names of hosts in the stack file; none = every host with the role web."""
    labels: dict[NodeLabel, NodeLabelValue] = Field(default_factory=dict)
    """Labels that a node must have (`docker node update --label-add`), each with its value."""
    most_per_host: int | None = Field(default=None, ge=1, le=100, strict=True)
    """Tasks on one host, at most; more wait until another host is there."""

    @model_validator(mode="after")
    def _each_host_once(self) -> PlacementSpec:
        refuse(
            (("hosts", str(index)), "is listed twice; leave one out")
            for index, host in enumerate(self.hosts)
            if host in self.hosts[:index]
        )
        return self
