"""What the engine's state says about a stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import ValidationError

from colorway.outputs import OUTPUT, PlatformOutputs

STACK_TYPE = "pulumi:pulumi:Stack"
DOCKER_TYPES = "docker:"
NAMED_TYPES = {"service": "docker:index/service:Service", "network": "docker:index/network:Network"}
"""Resources with names of our own choice; all others are autonamed and never clash."""


class SwarmObject(NamedTuple):
    """Something in the swarm that carries a stack's label."""

    kind: str
    """service, network, secret or config."""
    name: str


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """A stack as its state describes it; not what the swarm really runs. Secrets are encrypted in it."""

    resources: tuple[Mapping[str, Any], ...]
    pending: tuple[str, ...]
    """URNs of operations that a killed engine left unfinished."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever installed, or everything is gone."""
        return not any(resource.get("custom") for resource in self.resources)

    @property
    def outputs(self) -> PlatformOutputs | None:
        """The typed outputs of the last complete `up`, None before it."""
        for resource in self.resources:
            if resource.get("type") == STACK_TYPE:
                return read_outputs(resource.get("outputs") or {})
        return None

    @property
    def swarm_objects(self) -> frozenset[SwarmObject]:
        """The services and networks that the state knows."""
        return frozenset(
            SwarmObject(kind, str(resource.get("outputs", {}).get("name")))
            for resource in self.resources
            for kind, type_ in NAMED_TYPES.items()
            if resource.get("type") == type_
        )

    def urns(self, *, type_prefix: str) -> list[str]:
        """Return the URNs of the resources of some types."""
        return [str(r["urn"]) for r in self.resources if str(r.get("type", "")).startswith(type_prefix)]

    def urn_of(self, name: str) -> str | None:
        """Return the URN of the resource with a logical name."""
        return next((str(r["urn"]) for r in self.resources if str(r["urn"]).rsplit("::", 1)[-1] == name), None)

    @property
    def applied_generations(self) -> dict[str, str]:
        """The text that each load balancer's apply holds in state, by the command's URN."""
        return {
            str(r["urn"]): str(r.get("inputs", {}).get("stdin", ""))
            for r in self.resources
            if str(r["urn"]).rsplit("::", 1)[-1].startswith("routing-apply-") and r.get("custom")
        }


def read_outputs(outputs: Mapping[str, Any]) -> PlatformOutputs | None:
    """Read a stack's outputs; None where there are none, or where another version of Colorway wrote them."""
    try:
        return PlatformOutputs.model_validate(outputs[OUTPUT])
    except (KeyError, ValidationError):
        return None


def read_deployment(deployment: Mapping[str, Any] | None) -> Deployed:
    """Read an exported deployment; None or empty = nothing is installed."""
    body = deployment or {}
    pending = [str(operation.get("resource", {}).get("urn", "")) for operation in body.get("pending_operations") or []]
    return Deployed(resources=tuple(body.get("resources") or ()), pending=tuple(pending))
