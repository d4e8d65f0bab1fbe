"""Who is made the primary, what comes before, and what is refused because it would lose what was acknowledged."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest

from colorway.data.gate import ClosedError, Gate
from colorway.data.mariadb.pair import pair
from colorway.data.mariadb.promotion import Promotion
from colorway.data.members import MembersError
from colorway.data.status import status
from colorway.swarm.connections import MissingError, RefusedError
from tests.support.pairs import backed_up_pair, pair_spec, says
from tests.support.stores import running

HEARD = "ON 2026-11-28T14:57:57Z"
PRIMARY = says(writes=True, position="0-1-9")
REPLICA = says(writes=False, follows=True, heard=HEARD)
LOST = says(writes=False, heard=HEARD, error="error reconnecting to master")
UNHEARD = says(writes=False, heard="OFF 2026-11-28T14:57:57Z")
FENCED = says(writes=False, follows=False)
DIVERGED = says(writes=False, heard=HEARD, error="Got fatal error 1236 from master: not in the master's binlog")
WAITS = "generation: 1\nwaits: yes\n"
STOPPED = "stopped"


class World:
    """Two members, and all that was done to them, to the entries and to the file, in order."""

    def __init__(self, *, db1: str | None, db2: str | None, primary: str | None = None, fails: str = "") -> None:
        self.states, self.fails, self.done = {"db1": db1, "db2": db2}, fails, []
        self.said: list[str] = []
        self.ends = "0-1-9\n"
        self.spec = pair_spec(primary=primary)

    def ask(self, host, service, command):
        assert service == f"lab-orders-{host.name}"
        part, *words = command[4:]
        state = self.states[host.name]
        if state == STOPPED:
            raise MissingError(f"{host.name}: it does not run there", status=404, said="")
        if state is None or part == self.fails:
            raise RefusedError(f"{host.name}: it does not run there", status=404, said="")
        if part == "state":
            return state
        self.done.append(" ".join([part, host.name, *words]))
        return self.ends if part == "fence" else ""

    def write(self, host):
        return lambda: self.done.append(f"write {host}")

    def lead_to(self, host):
        self.done.append(f"entries {host}")
        return 2

    @contextmanager
    def hold(self, reason):
        self.done.append("hold")
        yield

    def promote(self, to="db2", **how):
        Promotion(
            pair=pair(self.spec, "orders", ask=self.ask),
            lead_to=self.lead_to,
            write=self.write,
            hold=self.hold,
            say=self.said.append,
        ).run(to=to, **how)
        return self.done


ALL = ["hold", "fence db1", "lead db2 0-1-9", "entries db2", "follow db1", "write db2"]
DEAD = ["hold", "lead db2", "entries db2", "write db2"]
ANYWAY = ["hold", "fence db1", "lead db2", "entries db2", "follow db1", "write db2"]


@pytest.mark.parametrize(
    ("db1", "db2", "accept_loss", "done"),
    [
        pytest.param(PRIMARY, REPLICA, False, ALL, id="both are well: it leads once it has all that the old one has"),
        pytest.param(None, LOST, False, DEAD, id="the primary is lost, and each of its commits waited"),
        pytest.param(WAITS, LOST, False, DEAD, id="the primary has lost its volume"),
        pytest.param(None, UNHEARD, True, DEAD, id="the primary is lost, and what only it had may be"),
        pytest.param(PRIMARY, LOST, True, ANYWAY, id="a replica without the newest, fenced all the same"),
        pytest.param(FENCED, REPLICA, False, ALL, id="again, after a run that was cut off once it had fenced"),
        pytest.param(
            PRIMARY, PRIMARY, False, ["hold", "fence db1", "entries db2", "follow db1", "write db2"],
            id="again, after one that was cut off while the old one was away",
        ),
        pytest.param(
            REPLICA, PRIMARY, False, ["hold", "entries db2", "write db2"], id="again, before the file said it"
        ),
    ],
)  # fmt: skip
def test_the_old_primary_is_fenced_before_the_new_one_leads(db1, db2, accept_loss, done):
    world = World(db1=db1, db2=db2)
    assert world.promote(accept_loss=accept_loss) == done
    assert world.said[-1] == "next: colorway up lab", "until then an entry that begins anew leads to the old one"


@pytest.mark.parametrize(
    ("db1", "db2", "to", "why"),
    [
        (PRIMARY, None, "db2", "orders: the member on db2 does not answer; see `colorway data status`"),
        (PRIMARY, WAITS, "db2", "orders: the member on db2 has no data yet, so it cannot lead"),
        (
            PRIMARY,
            LOST,
            "db2",
            "orders: db2 does not follow db1 (error reconnecting to master), so commits that were acknowledged could "
            "be lost; say --accept-loss to do it anyway",
        ),
        (
            None,
            UNHEARD,
            "db2",
            "orders: nobody knows whether each commit on db1 waited for db2, so commits that were acknowledged could "
            "be lost; say --accept-loss to do it anyway",
        ),
        (
            PRIMARY,
            DIVERGED,
            "db2",
            "orders: db2 has what db1 never had, and lacks what that has, so commits that were acknowledged could be "
            "lost; say --accept-loss to do it anyway",
        ),
        (
            says(writes=True, generation=2),
            LOST,
            "db2",
            "orders: db2 has generation 1, and db1 has 2: neither has what the other one has. `colorway up` goes on "
            "where it was cut off",
        ),
        (PRIMARY, REPLICA, "db1", "orders: db1 is the primary already"),
        (PRIMARY, REPLICA, "db3", "orders: db3 has no member; those are on db1 and db2"),
    ],
)
def test_what_could_lose_something_is_refused_and_changes_nothing(db1, db2, to, why):
    world = World(db1=db1, db2=db2)
    with pytest.raises(MembersError) as refused:
        world.promote(to=to)
    assert str(refused.value) == why
    assert world.done == []


def test_the_old_primary_goes_on_where_the_new_one_cannot_lead():
    world = World(db1=PRIMARY, db2=REPLICA, fails="lead")
    with pytest.raises(MembersError, match="db2 could not be made the primary, db1 goes on"):
        world.promote()
    assert world.done == ["hold", "fence db1", "unfence db1"], "otherwise nobody would take writes"


@pytest.mark.parametrize("said", ["", "0-1-9 and more\n"])
def test_the_old_primary_goes_on_where_it_does_not_say_where_it_ends(said):
    world = World(db1=PRIMARY, db2=REPLICA)
    world.ends = said
    with pytest.raises(MembersError, match="where db1 ends is not readable"):
        world.promote()
    assert world.done == ["hold", "fence db1", "unfence db1"], "the new one would lead without what is not known"


def test_a_primary_that_never_wrote_ends_nowhere():
    world = World(db1=PRIMARY, db2=REPLICA)
    world.ends = "\n"
    assert world.promote() == [one.removesuffix(" 0-1-9") for one in ALL]


def test_a_dry_run_says_what_it_would_do_and_does_nothing():
    world = World(db1=PRIMARY, db2=REPLICA)
    assert world.promote(dry=True) == []
    assert world.said == [
        "orders: db2 becomes the primary; db1 takes no writes before and follows afterwards, nothing is lost"
    ]


def test_only_a_mariadb_with_two_members_is_promoted():
    world = World(db1=PRIMARY, db2=REPLICA)
    with pytest.raises(MembersError, match="postgres is no MariaDB with two members; those of lab: orders"):
        pair(world.spec, "postgres", ask=world.ask)


@pytest.mark.parametrize(("db1", "db2"), [(PRIMARY, LOST), (PRIMARY, None), (None, REPLICA), (REPLICA, PRIMARY)])
def test_no_migration_runs_before_both_have_every_commit(db1, db2):
    world = World(db1=db1, db2=db2)
    with pytest.raises(ClosedError, match="db1 takes no writes, or db2 does not have them"):
        Gate(spec=world.spec, ask=world.ask).make(point="release-2.0.0")


def test_a_migration_runs_where_both_have_every_commit():
    world = World(db1=PRIMARY, db2=REPLICA)
    assert Gate(spec=world.spec, ask=world.ask).make(point="release-2.0.0") == "orders is on db1 and db2"


@pytest.mark.parametrize(
    ("proof", "said"),
    [
        (
            {"verified": True, "at": 1_000_000},
            "orders is on db1 and db2, its backup is proven by a restore, its last transaction is 0-1-9",
        ),
        ({"verified": True, "at": 900_000}, "orders: its backup was proven 28 h ago, and a migration wants 26 h"),
        ({"verified": False, "at": 1_000_000, "why": "the restore failed"}, "orders: the last restore of its backup"),
        ({}, "orders: no restore has proven its backup yet; `colorway data verify-backup lab orders` proves it now"),
    ],
    ids=["proven", "long ago", "failed", "never"],
)
def test_a_migration_of_a_store_that_is_backed_up_waits_for_a_proof(proof, said):
    world = World(db1=PRIMARY, db2=REPLICA)

    def ask(host, service, command):
        if command[0] != "cat":
            return world.ask(host, service, command)
        assert (host.name, service) == ("mon1", "lab-orders-verify")
        return json.dumps(proof)

    gate = Gate(spec=backed_up_pair(), ask=ask, now=lambda: 1_000_000.0)
    if proof == {"verified": True, "at": 1_000_000}:
        assert gate.make(point="release-2.0.0") == said
    else:
        with pytest.raises(ClosedError, match=said):
            gate.make(point="release-2.0.0")


PROMOTE = "colorway data promote lab orders --to"


@pytest.mark.parametrize(
    ("db1", "db2", "wrong"),
    [
        (PRIMARY, REPLICA, []),
        (None, LOST, ["orders: nobody takes writes; its primary is on db1", f"{PROMOTE} db2"]),
        (
            LOST,
            PRIMARY,
            ["orders: db2 takes writes, and the stack's file calls db1 the primary", f"{PROMOTE} db2"],
        ),
        (STOPPED, STOPPED, ["orders: none of its members runs, so nobody can use it", "colorway up lab"]),
        (STOPPED, None, ["orders: nobody takes writes; its primary is on db1", f"{PROMOTE} db2"]),
        (
            says(writes=True, generation=2),
            REPLICA,
            ["orders: generation 2 runs, and the stack's file says 1", "colorway up lab"],
        ),
        (PRIMARY, PRIMARY, ["orders: both members take writes", f"{PROMOTE} db1"]),
        (
            PRIMARY,
            DIVERGED,
            [
                "orders: db2 has what the primary never had, or lacks what that has no more, and follows no more",
                "colorway data rejoin lab orders",
            ],
        ),
    ],
)
def test_what_is_wrong_is_said_with_what_helps(db1, db2, wrong):
    world = World(db1=db1, db2=db2)
    found = status(world.spec, ask=world.ask, tasks=lambda: running("lab-postgres", "lab-redis")).wrong[:1]
    assert [text for one in found for text in (one.what, one.helps)] == wrong
