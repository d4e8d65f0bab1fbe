"""What no state knows any more goes all the same, when somebody says so."""

from __future__ import annotations

import pytest

from colorway.cli import stack as cli
from colorway.errors import ColorwayError
from colorway.machine import teardown
from colorway.machine.teardown import remove_orphans
from colorway.swarm.services import SwarmObject
from tests.support.specs import REMOTE_HOSTS, small_spec

SERVICE, NETWORK = SwarmObject("service", "test-web-blue"), SwarmObject("network", "test-data")


class FakeSwarm:
    """A swarm whose containers take a few looks to stop."""

    def __init__(self, *found, looks=0):
        self.found, self.looks, self.removed = list(found), looks, []

    def all_objects(self, stack):
        assert stack == "test", "no other stack's"
        return self.found

    def remove(self, made):
        self.removed.append(made)

    def containers_of(self, services):
        assert set(services) <= {"test-web-blue"}, "only those whose services were removed"
        self.looks -= 1
        return ["c1"] if self.looks >= 0 else []


@pytest.fixture(autouse=True)
def _no_time_passes(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(teardown.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(teardown.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))


def test_orphans_go_their_tasks_are_waited_for_and_they_are_counted():
    swarm, said = FakeSwarm(SERVICE, NETWORK, NETWORK._replace(name="test-blue"), looks=3), []
    remove_orphans(small_spec(), swarm, say=said.append)
    assert len(swarm.removed) == 3
    assert swarm.looks < 0, "a volume is in use until its task has ended"
    assert said == ["removed without a state: 1 service, 2 networks"]


def test_without_orphans_nothing_is_said():
    said = []
    remove_orphans(small_spec(), FakeSwarm(), say=said.append)
    assert said == []


def test_a_task_that_does_not_stop_is_said():
    with pytest.raises(ColorwayError, match="1 containers of test do not stop; see docker ps"):
        remove_orphans(small_spec(), FakeSwarm(SERVICE, looks=10_000), say=print)


def test_elsewhere_the_state_is_the_truth():
    spec = small_spec(hosts=REMOTE_HOSTS)
    swarm = FakeSwarm(SERVICE)
    with pytest.raises(ColorwayError, match="--orphans is for stacks of this machine only"):
        remove_orphans(spec, swarm, say=print)
    assert swarm.removed == [], "refused before anything is changed"


def test_orphans_elsewhere_are_refused_before_the_stack_itself_goes(monkeypatch):
    def removed(*_given, **_more):
        pytest.fail("the engine was asked first, and production would be gone")

    monkeypatch.setattr(cli, "_engine", removed)
    with pytest.raises(ColorwayError, match="--orphans is for stacks of this machine only"):
        cli.down("production", data=False, yes=True, orphans=True)
