"""Create, read, update and delete, from properties to properties."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from offline_plugins.docker.daemon import LiveResource, Manager
from offline_plugins.docker.detailed_diff import META, detailed_diff
from offline_plugins.docker.equivalence import KEY as RAW_STATE
from offline_plugins.docker.equivalence import raw_state_note, refreshed, repaired, zeroed
from offline_plugins.docker.networks import CONFIGS, SECRETS, Networks
from offline_plugins.docker.plan import Plan, plan
from offline_plugins.docker.resource_types import CONFIG, NETWORK, SECRET, SERVICE_TYPE, ResourceType
from offline_plugins.docker.services import Services
from offline_plugins.provider import without_internals
from offline_plugins.values import UNKNOWN, Changes, Properties, Secret, contains_unknown, revealed
from offline_plugins.waiting import PluginError


class UpdateFailedError(PluginError):
    """The daemon did not take an update, or the swarm did not keep it."""

    def __init__(self, reason: str, *, outputs: Properties) -> None:
        super().__init__(reason)
        self.outputs = outputs


@dataclass(frozen=True, kw_only=True)
class Operations:
    """What can be done with one type of resource."""

    kind: ResourceType
    live: LiveResource

    def plan(self, olds: Properties | None, inputs: Properties, *, ignored: Sequence[str] = ()) -> Plan:
        """Plan the way from the outputs in state (None: nothing yet) to checked inputs."""
        prior = None if olds is None else self._state(olds)
        return plan(self.kind.fields, prior=prior, inputs=_plain(inputs), ignored=ignored)

    def changes(self, olds: Properties, inputs: Properties, planned: Plan) -> Changes:
        """The planned changes by property path."""
        if not planned.changed:
            return {}
        return detailed_diff(
            self.kind.fields,
            prior=self._state(olds),
            planned=planned.state,
            inputs=_plain(inputs),
            replaces=planned.replaces,
        )

    def create(self, swarm: Manager, inputs: Properties) -> tuple[str, Properties]:
        """Create the resource; returns its id and outputs."""
        planned = self.plan(None, inputs).state
        resource_id = self.live.create(swarm, planned)
        return resource_id, self._after(swarm, resource_id, planned)

    def update(
        self,
        swarm: Manager,
        resource_id: str,
        olds: Properties,
        inputs: Properties,
        *,
        ignored: Sequence[str] = (),
    ) -> Properties:
        """Update the resource; returns its outputs.

        Raises:
            UpdateFailedError: with the outputs that belong into state all the same.
        """
        planned = self.plan(olds, inputs, ignored=ignored).state
        try:
            self.live.update(swarm, resource_id, planned)
        except PluginError as error:
            # As with the official provider, state then holds what was wanted, so that the way back is an
            # update of what differs, and the same inputs again are a plain retry.
            wanted = repaired(self.kind.fields, zeroed(self.kind.fields, planned), planned, applied=True)
            raise UpdateFailedError(str(error), outputs=self.outputs(wanted, resource_id)) from error
        return self._after(swarm, resource_id, planned)

    def read(
        self,
        swarm: Manager,
        resource_id: str,
        *,
        olds: Properties,
        inputs: Properties,
    ) -> tuple[Properties, Properties] | None:
        """Outputs and inputs of what is there; None where nothing is.

        Raises:
            PluginError: there are no old outputs, which would be an import.
        """
        if not olds:
            raise PluginError("the offline docker plugin imports nothing; import with the official plugin")
        prior = self._state(olds)
        state = self.live.read(swarm, resource_id, prior)
        if state is None:
            return None
        state = repaired(self.kind.fields, state, prior, applied=False)
        return self.outputs(state, resource_id), refreshed(self.kind.fields, inputs, state)

    def delete(self, swarm: Manager, resource_id: str, olds: Properties) -> None:
        """Delete the resource."""
        self.live.delete(swarm, resource_id, self._state(olds))

    def outputs(self, state: Properties, resource_id: str | None) -> Properties:
        """A state as the engine stores it; without an id it is that of a preview."""
        result: Properties = {**state, "id": UNKNOWN if resource_id is None else resource_id}
        if resource_id is not None:
            if self.kind.schema_version:
                result[META] = json.dumps(
                    {"schema_version": str(self.kind.schema_version)},
                    separators=(",", ":"),
                )
            if not contains_unknown(state):
                result[RAW_STATE] = raw_state_note(self.kind.fields, state)
        for name, field in self.kind.fields.items():
            if field.secret:
                result[name] = Secret(result[name])
        return result

    def _after(self, swarm: Manager, resource_id: str, planned: Properties) -> Properties:
        kept = zeroed(self.kind.fields, planned)
        state = self.live.read(swarm, resource_id, kept)
        if state is None:
            raise PluginError(f"{self.kind.token} {resource_id} disappeared while it was worked on")
        return self.outputs(repaired(self.kind.fields, state, planned, applied=True), resource_id)

    def _state(self, olds: Properties) -> Properties:
        return {name: revealed(olds.get(name)) for name in self.kind.fields}


def _plain(inputs: Properties) -> Properties:
    return without_internals({name: revealed(value) for name, value in inputs.items()})


OPERATIONS: Final = MappingProxyType(
    {
        operations.kind.token: operations
        for operations in (
            Operations(kind=NETWORK, live=Networks()),
            Operations(kind=SECRET, live=SECRETS),
            Operations(kind=CONFIG, live=CONFIGS),
            Operations(kind=SERVICE_TYPE, live=Services()),
        )
    },
)
