"""What a CDN kept of versions that have no users any more."""

from __future__ import annotations

import json

import pulumi
import pulumi_command as command

from colorway.outputs import purge_outputs
from colorway.spec.platform_spec import PlatformSpec
from components.remote import INTERPRETER

LINE = 'exec "${COLORWAY_PYTHON:-python3}" -m colorway.cdn.leaving'
"""The engine's environment says which Python; none = the one on PATH. No path of one machine comes into the state."""


class CdnPurge(pulumi.ComponentResource):
    """Purges what leaves, as soon as all load balancers have switched; see `colorway.cdn.leaving`.

    It runs when other versions have users or are on, and in an `up` after one that could not purge. The first
    install purges nothing, nor does a `down`. Only a stack with a zone has it.
    """

    printed: pulumi.Output[str]
    """What is so now, as JSON; see `PurgeOutputs`. There is no secret in it."""

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        token: pulumi.Output[str] | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare it; without a token of the stack's own, the engine's environment has one."""
        super().__init__("colorway:edge:CdnPurge", name, None, opts)
        wanted = purge_outputs(spec).model_dump(mode="json", exclude={"waiting"})
        wanted["zones"] = [*spec.proxied_zones.values()]
        made = command.local.Command(
            f"{name}-command",
            create=LINE,
            update=LINE,
            stdin=json.dumps(wanted),
            environment={"CLOUDFLARE_PURGE_TOKEN": token} if token is not None else None,
            interpreter=list(INTERPRETER),
            add_previous_output_in_env=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        # With a secret in its environment, all that it prints would count as one.
        self.printed = pulumi.Output.unsecret(made.stdout)
        self.register_outputs({"printed": self.printed})
