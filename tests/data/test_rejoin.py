"""Who begins anew with a copy, what is said of what it had, and when nothing is done."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from colorway.data.mariadb.pair import pair
from colorway.data.mariadb.rejoin import Rejoin, beyond
from colorway.data.members import MembersError
from colorway.data.status import status
from colorway.swarm.connections import RefusedError
from tests.support.pairs import pair_spec, says
from tests.support.stores import running

PRIMARY = says(writes=True, position="0-1-30")
APART = says(writes=False, position="0-2-16", error="Got fatal error 1236 from master: it is not in the binlog")
FOLLOWS = says(writes=False, position="0-1-30", follows=True)
WAITS = "generation: 1\nwaits: yes\n"
HAS = {"db1": "0-1-30,0-2-14\n", "db2": "0-1-9,0-2-16\n"}
FOLDER = "diverged.20261129T153400Z"


class World:
    """Two members, what the second one says at each look after it was told to begin anew, and all that was done."""

    def __init__(self, *, db1: str | None = PRIMARY, db2: str | None = APART, then: tuple[str | None, ...] = (WAITS,)):
        self.states, self.then = {"db1": db1, "db2": db2}, list(then)
        self.full, self.done, self.said = "", [], []

    def ask(self, host, service, command):
        assert service == f"lab-orders-{host.name}"
        part, *words = command[4:]
        if part == "state":
            state = self.states[host.name]
            if state is None:
                raise RefusedError(f"{host.name}: it does not run there", status=404, said="")
            if self.done and host.name == "db2" and self.then:
                self.states["db2"] = self.then.pop(0)
            return state
        if part == "transactions":
            return HAS[host.name]
        if self.full:
            raise RefusedError(f"db2: {self.full}", status=1, said=self.full)
        self.done.append(" ".join([part, host.name, *words]))
        return ""

    @contextmanager
    def hold(self, reason):
        self.done.append(f"hold: {reason}")
        yield

    def rejoin(self, **how):
        Rejoin(
            pair=pair(pair_spec(), "orders", ask=self.ask),
            hold=self.hold,
            say=self.said.append,
            sleep=lambda _: None,
            now=lambda: datetime(2026, 11, 29, 15, 34, tzinfo=UTC),
        ).run(**how)


@pytest.mark.parametrize(
    ("own", "others", "count"),
    [
        ("0-2-16,0-1-9", "0-1-30,0-2-14", 2),
        ("0-2-14", "0-2-14,0-1-30", 0),
        ("0-3-5", "0-1-30", 5),
        ("", "0-1-30", 0),
        ("1-2-3,0-2-14", "0-2-14", 3),
    ],
)
def test_what_a_member_has_that_the_primary_never_had_is_counted_by_server_and_domain(own, others, count):
    assert beyond(own, others) == count


@pytest.mark.parametrize("then", [(WAITS,), (APART, None, WAITS), (APART, FOLLOWS)], ids=["at once", "late", "small"])
def test_it_begins_anew_and_keeps_what_it_had(then):
    world = World(then=tuple(state for state in then if state is not None))
    world.rejoin()
    assert world.done == ["hold: have db2 follow db1 in orders again", f"rejoin db2 {FOLDER}"]
    assert world.said == [
        "orders: db2 had 2 transactions that db1 never had; it begins anew with a copy of what db1 has; all that it "
        f"had stays on its volume, in {FOLDER}",
        "next: colorway data status lab, which says when it follows",
    ]


def test_before_it_is_said_what_would_be_done():
    world = World()
    world.rejoin(dry=True)
    assert world.done == []
    assert world.said[0].startswith("orders: db2 has 2 transactions that db1 never had; it begins anew with a copy")


@pytest.mark.parametrize(
    ("world", "why"),
    [
        (World(db2=FOLLOWS), "no member has gone another way than the primary; see `colorway data status lab`"),
        (World(db2=None), "no member has gone another way"),
        (World(db1=says(writes=False, follows=False)), "nobody takes writes, so there is nothing to copy"),
        (World(db1=None), "nobody takes writes"),
    ],
)
def test_where_nobody_went_another_way_or_nobody_can_be_copied_nothing_is_done(world, why):
    with pytest.raises(MembersError, match=why):
        world.rejoin()
    assert world.done == []


def test_where_a_copy_has_no_room_it_stays_as_it_is():
    world = World()
    world.full = "its volume has 10 MiB free, and a copy beside its data needs 40 MiB; nothing was changed"
    with pytest.raises(MembersError, match=r"orders: db2 stays as it is: .*10 MiB free"):
        world.rejoin()
    assert world.done == ["hold: have db2 follow db1 in orders again"]


def test_one_that_does_not_begin_anew_is_said():
    world = World(then=(APART,) * 200)
    with pytest.raises(
        MembersError, match=r"has not begun anew within 180 s; see `docker service logs lab-orders-db2`"
    ):
        world.rejoin()


def test_status_says_which_command_helps_and_what_is_kept():
    world = World()
    [found] = [one for one in status(pair_spec(), ask=world.ask, tasks=running).wrong if "follows no more" in one.what]
    assert found.helps == "colorway data rejoin lab orders"
    world = World(db2=FOLLOWS.replace("generation: 1", f"generation: 1\napart: {FOLDER}"))
    notes = status(pair_spec(), ask=world.ask, tasks=running).notes
    assert (
        f"orders: db2 keeps what it had before it began anew in {FOLDER} on its volume lab-orders-db2; remove "
        in notes[0]
    )
