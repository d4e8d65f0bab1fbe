"""What is measured, and where it can be asked."""

from __future__ import annotations

import itertools
from datetime import timedelta

from pydantic import Field, field_validator

from colorway.spec.base import StrictSpec
from colorway.spec.fields import Label, PinnedImage, Port, PositiveDuration
from colorway.spec.task.policies import LimitsSpec


class MonitoringSpec(StrictSpec):
    """Prometheus, and mtail beside each load balancer."""

    build: Label | None = None
    """Folder of Prometheus under images/, for a platform with `images: local`."""
    image: PinnedImage | None = None
    """Prometheus with its digest, for a platform with `images: registry`."""
    mtail_build: Label | None = None
    """Folder of mtail under images/."""
    mtail_image: PinnedImage | None = None
    """mtail with its digest."""
    port: Port = 9090
    """Port of Prometheus on the monitoring host; keep it inside the private network."""
    scrape_interval: PositiveDuration = timedelta(seconds=5)
    """Time between two readings; a verdict's window holds several."""
    retention: PositiveDuration = timedelta(hours=360)
    """How long figures are kept."""
    limits: LimitsSpec = LimitsSpec(cpus=1, memory=512 * 2**20)
    """The most that Prometheus may use."""
    buckets: tuple[float, ...] = Field(default=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10), min_length=2)
    """Upper bounds of the latency histogram, seconds."""

    @field_validator("buckets", mode="after")
    @classmethod
    def _grow(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if value[0] <= 0 or any(later <= earlier for earlier, later in itertools.pairwise(value)):
            raise ValueError("must be above 0 and grow from one to the next, for example [0.1, 0.5, 1]")
        return value
