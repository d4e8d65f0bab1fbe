"""Who may change a stack: one run at a time, from the state that the swarm was left with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from colorway.engine import claim as claims
from colorway.engine.claim import Claim, StaleStateError, claimed
from colorway.release.ports.lock import LockHeldError
from tests.release.test_lock import Store

NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)


@pytest.fixture
def store(monkeypatch):
    made = Store()
    monkeypatch.setattr(claims, "SwarmConfigs", lambda _api: made)
    return made


class Swarm:
    def client(self):
        return None


def held(tmp_path, reason="up"):
    return claimed("test", root=tmp_path, swarm=Swarm(), reason=reason)


def test_a_second_run_is_told_who_works_and_touches_nothing(store, tmp_path):
    with (
        held(tmp_path),
        pytest.raises(LockHeldError, match=r"^test: .* changes this stack since .*for: up.*; wait until it ends$"),
        held(tmp_path, "down"),
    ):
        pytest.fail("two runs at once")
    with held(tmp_path, "down"):
        pass
    assert not store.configs, "a run leaves no lock behind"


def test_a_failed_run_gives_its_lock_back(store, tmp_path):
    with pytest.raises(RuntimeError), held(tmp_path):
        raise RuntimeError
    assert not store.configs


def test_a_state_that_is_behind_the_swarm_is_refused(store):
    claim = Claim(stack="test", store=store)
    claim.refuse_older(None)
    claim.note(NOW)
    claim.refuse_older(NOW)
    claim.refuse_older(NOW + timedelta(seconds=1))
    with pytest.raises(StaleStateError, match=r"left by a run of 2026-11-27 03:00:00 UTC.*state is of .*02:59:59 UTC;"):
        claim.refuse_older(NOW - timedelta(seconds=1))
    with pytest.raises(StaleStateError, match=r"knows nothing of it; work from the checkout.*down test --orphans`$"):
        claim.refuse_older(None)


def test_a_removed_stack_leaves_no_note(store):
    claim = Claim(stack="test", store=store)
    claim.note(NOW)
    claim.note(NOW + timedelta(hours=1))
    claim.note(None)
    assert not store.configs
    claim.refuse_older(None)


def test_a_note_that_cannot_be_written_fails_no_run(store):
    claim = Claim(stack="test", store=store)
    store.is_down = True
    claim.note(NOW)
