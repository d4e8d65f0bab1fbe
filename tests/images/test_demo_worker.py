"""The demo's worker: each job has its effect once, whatever is lost in between."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, field

import pytest
from demo.outage import UnavailableError
from demo.worker import Worker


@dataclass
class Shop:
    """Redis and PostgreSQL in memory; `fail` names calls that fail once each, before or after their effect."""

    pending: list[str] = field(default_factory=list)
    working: dict[str, list[str]] = field(default_factory=dict)
    ledger: set[str] = field(default_factory=set)
    runs: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    fail: list[str] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def _may_fail(self, where: str) -> None:
        if where in self.fail:
            self.fail.remove(where)
            raise UnavailableError(f"{where}: gone")

    async def take(self, worker):
        own = self.working.setdefault(worker, [])
        if not own and self.pending:
            own.append(self.pending.pop())
            self._may_fail("after take")
        if not own:
            self.stop.set()
        return own[-1] if own else None

    async def done(self, worker, job):
        self._may_fail("before done")
        self.working[worker].remove(job)

    async def leave(self, worker):
        self.pending.extend(self.working.pop(worker, []))

    async def beat(self, worker): ...

    async def recover(self):
        return []

    async def begin_job(self, job):
        self._may_fail("before begin")
        self.attempts[job] += 1

    async def finish_job(self, job):
        self._may_fail("before finish")
        if job in self.ledger:
            return False
        self.ledger.add(job)
        self.runs[job] += 1
        self._may_fail("after finish")
        return True


async def no_pause(_stop, *, seconds):
    await asyncio.sleep(seconds * 0)


def worker_of(shop: Shop) -> Worker:
    return Worker(queue=shop, ledger=shop, job_seconds=0, logger=logging.getLogger("worker"))


@pytest.mark.parametrize("loss", ["after take", "before begin", "before finish", "after finish", "before done"])
def test_a_job_has_its_effect_once_wherever_an_answer_is_lost(loss, monkeypatch):
    monkeypatch.setattr("demo.worker.pause", no_pause)

    async def run():
        shop = Shop(pending=["a", "b", "c"], fail=[loss])
        await worker_of(shop).work(shop.stop)
        return shop

    shop = asyncio.run(run())

    assert shop.runs == {"a": 1, "b": 1, "c": 1}, f"lost {loss}: no job may be lost or have its effect twice"
    assert not shop.fail, "the loss must have happened, or this test says nothing"
    assert not any(shop.working.values()), "nothing is left in hand"


def test_a_job_that_was_taken_over_from_a_dead_worker_has_no_second_effect():
    async def run():
        shop = Shop(pending=["a"], ledger={"a"})
        await worker_of(shop).work(shop.stop)
        return shop

    shop = asyncio.run(run())

    assert shop.runs == {}, "the ledger says that it was done"
    assert shop.attempts == {"a": 1}, "the attempt is counted all the same"


def test_the_job_in_hand_is_finished_after_the_signal_and_no_other_is_begun():
    async def run():
        shop = Shop(pending=["b", "a"])
        finish = shop.finish_job

        async def finish_and_stop(job):
            shop.stop.set()
            return await finish(job)

        shop.finish_job = finish_and_stop
        worker = worker_of(shop)
        await worker.work(shop.stop)
        await worker.leave()
        return shop

    shop = asyncio.run(run())

    assert shop.runs == {"a": 1}, "the job in hand is finished"
    assert shop.pending == ["b"], "the next one is left to others"


def test_an_outage_is_said_once_and_so_is_its_end(caplog, monkeypatch):
    monkeypatch.setattr("demo.worker.pause", no_pause)
    caplog.set_level(logging.INFO)

    async def run():
        shop = Shop(pending=["a"], fail=["before begin", "before begin", "before begin"])
        await worker_of(shop).work(shop.stop)

    asyncio.run(run())

    assert [record.message for record in caplog.records] == ["waiting: before begin: gone", "working"]
