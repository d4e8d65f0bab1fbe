"""The lock: one holder, whatever happens; a dead one holds nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from colorway.errors import ColorwayError
from colorway.release.plan.facts import read_labels
from colorway.release.ports.lock import LEASE, LockHeldError, StackLock, is_dead, process_mark
from colorway.release.ports.protocols import LockLostError
from colorway.swarm.configs import ConflictError, StoredConfig
from colorway.swarm.connections import ElectingError
from tests.release.fakes import FakeClock
from tests.release.situations import holder


class Store:
    """Swarm configs in memory: unique names, and updates that name the version that they were made from."""

    def __init__(self) -> None:
        self.configs: dict[str, StoredConfig] = {}
        self.is_down = False
        self.looks_for_a_leader = 0
        self.before_update = lambda: None

    def find(self, name):
        if self.is_down:
            raise ColorwayError("Docker does not answer")
        self.looks_for_a_leader -= 1
        if self.looks_for_a_leader >= 0:
            raise ElectingError("no leader")
        return self.configs.get(name)

    def create(self, name, labels):
        if name in self.configs:
            raise ConflictError
        self.configs[name] = StoredConfig(id=name, version=1, labels=dict(labels))

    def update(self, config, labels):
        self.before_update()
        now = self.configs.get(config.id)
        if now is None or now.version != config.version:
            raise ConflictError
        self.configs[config.id] = replace(now, version=now.version + 1, labels=dict(labels))

    def remove(self, config):
        self.configs.pop(config.id, None)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def lock(store: Store, clock: FakeClock, owner: str = "Ana") -> StackLock:
    return StackLock(stack="test", store=store, clock=clock, owner=owner)


def test_one_of_two_gets_it(store, clock) -> None:
    first, second = lock(store, clock), lock(store, clock, "Bo")
    first.take(reason="release 2.0.0", take_over=None)
    with pytest.raises(LockHeldError, match=r"Ana holds the release lock since .* for: release 2\.0\.0"):
        second.take(reason="rollback", take_over=None)
    assert second.holder().owner == "Ana", "others see who"
    assert first.holder() is None, "the holder is nobody else"
    first.release()
    second.take(reason="rollback", take_over=None)
    second.release()
    assert not store.configs, "nothing is left behind"


def test_a_lock_is_taken_over_only_with_a_reason_and_the_first_run_notices(store, clock) -> None:
    first, second = lock(store, clock), lock(store, clock, "Bo")
    first.take(reason="release 2.0.0", take_over=None)
    first.check()
    second.take(reason="rollback", take_over="Ana is on a train")
    with pytest.raises(LockLostError, match="taken over from Ana: Ana is on a train"):
        first.check()  # before any renewal: a minute is long enough for a commit
    first.release()
    assert second.holder() is None, "the first one did not remove what is not its own"
    second.check()
    second.release()


def test_an_expired_lock_is_free_and_a_renewed_one_is_not(store, clock) -> None:
    first, second = lock(store, clock), lock(store, clock, "Bo")
    first.take(reason="release", take_over=None)
    clock.sleep(LEASE - timedelta(seconds=1))
    first.renew()
    clock.sleep(timedelta(seconds=2))
    assert second.holder(), "renewed in time"
    clock.sleep(LEASE)
    assert second.holder() is None, "its time is over"
    second.take(reason="rollback", take_over=None)
    first.renew()
    with pytest.raises(LockLostError):
        first.check()
    for one in (first, second):
        one.release()


@pytest.mark.parametrize(("looks", "is_taken"), [(3, True), (99, False)])
def test_a_swarm_that_looks_for_its_leader_is_waited_for(store, clock, looks, is_taken) -> None:
    store.looks_for_a_leader = looks
    if is_taken:
        lock(store, clock).take(reason="release", take_over=None)
    else:
        with pytest.raises(ElectingError, match="no leader"):
            lock(store, clock).holder()
    assert bool(store.configs) is is_taken


def test_a_swarm_that_does_not_answer_for_a_moment_loses_no_lock(store, clock) -> None:
    mine = lock(store, clock)
    mine.take(reason="release", take_over=None)
    store.is_down = True
    mine.check()
    store.is_down = False
    mine.check()
    mine.release()


def test_of_two_that_find_a_free_lock_one_gets_it(store, clock) -> None:
    store.create("colorway-lock-test", holder(expires=clock.now()).labels())
    first, second = lock(store, clock), lock(store, clock, "Bo")

    def be_faster() -> None:
        store.before_update = lambda: None
        second.take(reason="rollback", take_over=None)

    store.before_update = be_faster
    with pytest.raises(LockHeldError):
        first.take(reason="release", take_over=None)
    second.release()


def test_the_lock_of_a_dead_process_of_this_machine_is_free(store, clock) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mine = holder(host=socket.gethostname(), pid=child.pid, process=process_mark(child.pid))
    assert not is_dead(mine), "it lives"
    assert is_dead(replace(mine, process=process_mark(os.getpid()))), "another process has its number now"
    assert not is_dead(replace(mine, process="other-boot/pid:[1]/7")), "a runner with the same host name is no corpse"
    child.communicate(b"\n")
    assert is_dead(mine), "it is dead"
    assert not is_dead(replace(mine, host="elsewhere")), "of another machine nothing is known"
    store.create("colorway-lock-test", replace(mine, expires=clock.now() + LEASE).labels())
    again = lock(store, clock)
    assert again.holder() is None, "free"
    again.take(reason="release", take_over=None)
    again.release()


def test_a_removed_lock_is_noticed(store, clock) -> None:
    mine = lock(store, clock)
    mine.take(reason="release", take_over=None)
    store.configs.clear()
    mine.renew()
    with pytest.raises(LockLostError, match="is gone"):
        mine.check()
    mine.release()


def test_giving_it_back_never_fails(store, clock) -> None:
    mine = lock(store, clock)
    mine.take(reason="release", take_over=None)
    store.is_down = True
    mine.release()


def test_labels_come_back_as_they_were() -> None:
    wanted = holder(process="boot/pid:[1]/7")
    assert read_labels({**wanted.labels(), "other": "label"}) == wanted, "what is written is read"
    assert read_labels({"colorway.lock.owner": "Ana"}) is None, "half a record is none"


def test_nobody_changes_a_stack_beside_a_release(store, clock) -> None:
    mine = lock(store, clock)
    mine.refuse_beside_a_release()
    store.create("colorway-lock-test", holder(expires=clock.now() + LEASE).labels())
    with pytest.raises(LockHeldError, match=r"holds the release lock .*colorway rollback --stack test --take-over"):
        mine.refuse_beside_a_release()
    clock.sleep(LEASE)
    mine.refuse_beside_a_release()
