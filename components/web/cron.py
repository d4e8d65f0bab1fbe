"""What makes a service run a job at the times of a schedule."""

from __future__ import annotations

from dataclasses import replace

import pulumi

from colorway.render.templates import entry, script
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.task.process import StopSignal
from colorway.spec.task.schedule import parse_schedule
from colorway.spec.traffic import Color
from components.entry import ENTRY_COMMAND, entry_script
from components.remote import HostScript
from components.swarm_spec import Mount, MountedFile, SwarmServiceSpec

MEMORY = "/colorway-cron"
"""Where its task finds what the cron has started; a directory of the host."""


class CronLoop(pulumi.ComponentResource):
    """Makes what the task of one color's cron needs besides its service: the loop that starts jobs, and its memory.

    The memory is a directory of the cron's one host and the same for both colors, so that a time is neither lost
    nor doubled when `active` changes; `down` removes it with the stack's directory.
    """

    entry: MountedFile
    """The loop, as a Swarm config."""

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        service: str,
        color: Color,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:web:CronLoop", name, None, opts)
        HostScript(
            f"{name}-directory",
            spec.places(spec.colored(color)[service])[0],
            script=script("make-cron-directory"),
            arguments=[spec.cron_directory(service)],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.entry = entry_script(name, entry("cron"), stack=spec.stack, parent=self)
        self.register_outputs({})


def in_loop(spec: PlatformSpec, wanted: SwarmServiceSpec, *, service: str, schedule: str) -> SwarmServiceSpec:
    """Return a service whose task runs the given one's program at the times of a schedule."""
    times = parse_schedule(schedule)
    fields = (times.minutes, times.hours, times.days, times.months, times.weekdays)
    memory = Mount(target=MEMORY, source=spec.cron_directory(service), bind=True)
    return replace(
        wanted,
        entrypoint=ENTRY_COMMAND,
        command=(
            *(" ".join(map(str, values)) for values in fields),
            "yes" if times.either else "no",
            *wanted.entrypoint,
            *wanted.command,
        ),
        env={**wanted.env, "COLORWAY_CRON_MEMORY": MEMORY},
        mounts=(*wanted.mounts, memory),
        # The loop waits for this one, whatever the image says.
        stop_signal=StopSignal.TERM.value,
    )
