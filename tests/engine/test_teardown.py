"""What no state knows any more goes all the same, when somebody says so."""

from __future__ import annotations

import pytest

from colorway.engine import teardown
from colorway.engine.deployed import SwarmObject
from colorway.engine.teardown import remove_orphans
from colorway.errors import ColorwayError
from tests.support.specs import REMOTE_HOSTS, small_spec

SERVICE, NETWORK = SwarmObject("service", "test-web-blue"), SwarmObject("network", "test-data")


class FakeSwarm:
    """A swarm whose networks are in use until they were asked for a few times."""

    def __init__(self, *found, busy=0):
        self.found, self.busy, self.removed = list(found), busy, []

    def all_objects(self, stack):
        assert stack == "test", "no other stack's"
        return self.found

    def remove(self, made):
        if made.kind == "network" and self.busy:
            self.busy -= 1
            raise ColorwayError(f"the network {made.name} cannot be removed: has active endpoints")
        self.removed.append(made)


@pytest.fixture(autouse=True)
def _no_time_passes(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(teardown.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(teardown.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))


def test_orphans_go_services_first_and_are_counted():
    swarm, said = FakeSwarm(SERVICE, NETWORK, NETWORK._replace(name="test-blue"), busy=3), []
    remove_orphans(small_spec(), swarm, say=said.append)
    assert [made.kind for made in swarm.removed] == ["service", "network", "network"], "a network waits for its tasks"
    assert said == ["removed without a state: 1 service, 2 networks"]


def test_without_orphans_nothing_is_said():
    said = []
    remove_orphans(small_spec(), FakeSwarm(), say=said.append)
    assert said == []


def test_what_stays_in_use_is_named():
    with pytest.raises(ColorwayError, match="test-data cannot be removed: has active endpoints"):
        remove_orphans(small_spec(), FakeSwarm(NETWORK, busy=10_000), say=print)


def test_elsewhere_the_state_is_the_truth():
    spec = small_spec(hosts=REMOTE_HOSTS)
    swarm = FakeSwarm(SERVICE)
    with pytest.raises(ColorwayError, match="--orphans is for stacks of this machine only"):
        remove_orphans(spec, swarm, say=print)
    assert swarm.removed == [], "refused before anything is changed"
