"""Workers, schedulers and crons: they belong to the active color."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

import pulumi

from colorway.render.templates import script
from colorway.spec import names
from colorway.spec.fields import whole_seconds
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.services import ServiceSpec
from colorway.spec.traffic import Color
from components.remote import HostScript
from components.swarm_service import SwarmService
from components.swarm_spec import MountedFile, mounted
from components.web.cron import CronLoop, in_loop
from components.web.surroundings import Surroundings
from components.web.tier import attachments, swarm_service


class _Given(NamedTuple):
    """What exists already."""

    networks: Mapping[str, pulumi.Input[str]]
    secrets: Mapping[str, MountedFile]
    around: Mapping[Color, Surroundings]


class Workers(pulumi.ComponentResource):
    """Runs the workers, schedulers and crons of the active color, and never those of both.

    In this order, whichever color falls: the falling color's services to 0 → a barrier that waits until
    none of their tasks is alive → the rising color's services. The barrier looks at what tasks really do:
    a service scaled to 0 counts as converged while its old task still finishes its job.
    """

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        networks: Mapping[str, pulumi.Input[str]],
        secrets: Mapping[str, MountedFile],
        around: Mapping[Color, Surroundings],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:web:Workers", name, None, opts)
        falling, rising = spec.active.other, spec.active
        if any(spec.services(color, belongs_to_active=True) for color in (falling, rising)):
            given = _Given(networks, secrets, around)
            stopped = self._tier(spec, color=falling, given=given, after=[])
            barrier = self._barrier(name, spec, falling=falling, after=stopped)
            self._tier(spec, color=rising, given=given, after=[barrier])
        self.register_outputs({})

    def _tier(
        self,
        spec: PlatformSpec,
        *,
        color: Color,
        given: _Given,
        after: Sequence[pulumi.Resource],
    ) -> list[pulumi.Resource]:
        if color not in spec.colors_on:
            return []
        return [
            self._service(spec, name=name, service=service, color=color, given=given, after=after)
            for name, service in spec.services(color, belongs_to_active=True).items()
        ]

    def _service(
        self,
        spec: PlatformSpec,
        *,
        name: str,
        service: ServiceSpec,
        color: Color,
        given: _Given,
        after: Sequence[pulumi.Resource],
    ) -> pulumi.Resource:
        wanted, configs = swarm_service(spec, name=name, color=color), given.around[color].configs[name]
        if service.schedule:
            loop = CronLoop(f"{name}-{color.value}-loop", spec, service=name, color=color, opts=_below(self))
            wanted = in_loop(spec, wanted, service=name, schedule=service.schedule)
            configs, after = [*configs, loop.entry], [*after, loop]
        return SwarmService(
            f"{name}-{color.value}",
            wanted,
            networks=[
                *attachments(name, service, color=color, networks=given.networks),
                *given.around[color].networks[name],
            ],
            secrets=mounted(service.secrets, secrets=given.secrets),
            configs=configs,
            opts=_below(self, *after),
        )

    def _barrier(
        self, name: str, spec: PlatformSpec, *, falling: Color, after: Sequence[pulumi.Resource]
    ) -> HostScript:
        services = spec.services(falling, belongs_to_active=True)
        longest = max((service.stop_grace for service in services.values()), default=timedelta())
        return HostScript(
            f"{name}-barrier",
            spec.manager,
            script=script("await-no-tasks"),
            arguments=[
                str(whole_seconds(longest) + 30),
                *(names.service(spec.stack, service, falling) for service in services),
            ],
            opts=_below(self, *after),
        )


def _below(parent: pulumi.Resource, *after: pulumi.Resource) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(parent=parent, depends_on=list(after))
