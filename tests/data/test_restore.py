"""A store goes back to a point only for exactly the loss that was accepted, and goes on where anything fails."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from colorway.data.entries import LONGEST_SHUT, Entries
from colorway.data.generations import Generations
from colorway.data.members import MembersError, cluster
from colorway.data.restore import Restore, Services, read_counted, restorable, runs
from colorway.errors import ColorwayError
from colorway.swarm.connections import MissingError, NoAnswerError
from colorway.swarm.inside import Ran
from tests.support.stores import backed_up_queue, backed_up_spec, listed, replicated_spec

LEADER, SYNC = ("db1", "Leader", "running"), ("db2", "Sync Standby", "streaming")
BACKUP = "20261128-020000F"
ALL = ["hold", "pause", "shut", "stop db2", "stop db1", "commit"]
BACK = ["start db1", "start db2", "open", "resume"]


class Kept:
    """Volumes of a host."""

    def __init__(self, *names):
        self.there, self.gone = list(names), []

    def names(self):
        return self.there

    def remove(self, name):
        self.there.remove(name)
        self.gone.append(name)


class World:
    """A store of two members that runs, and all that was done to it, in order."""

    def __init__(
        self,
        *,
        commits=5,
        meanwhile=0,
        highest=1,
        fails="",
        clients=0,
        members=(LEADER, SYNC),
        spec=None,
        runs_as="postgres",
    ):
        self.commits, self.meanwhile, self.highest = commits, meanwhile, highest
        self.fails, self.clients, self.members = fails, clients, members
        self.spec, self.runs_as = spec or backed_up_spec(), runs_as
        self.running = {"db1", "db2"}
        self.done, self.said, self.kept = [], [], {}
        self.now = 0.0
        self.volumes = {host: Kept(f"lab-postgres-{host}", f"lab-redis-{host}") for host in ("db1", "db2")}

    def ask(self, host, service, command):
        assert service == f"lab-postgres-{host.name}"
        if host.name not in self.running:
            raise MissingError(f"{host.name}: it does not run there", status=404, said="")
        if "list" in command:
            return listed(*self.members, scope=self.runs_as)
        text = " ".join(command)
        if "pg_switch_wal" in text:
            return "0/9000000 1\n"
        if "archive_status" in text:
            return "f\n" if self.fails == "archive" else "t\n"
        if "pg_stat_activity" in text:
            assert "shut" in self.done, "new ones would come for ever"
            return f"{self.clients}\n"
        if command[0] == "true":
            return ""
        assert "pg_waldump" in text
        assert "shut" in self.done, "the number would not be the last one"
        return f"{self.meanwhile}\n"

    def each(self, host, service, command):
        text = " ".join(command)
        if host.name != "app1":
            raise NoAnswerError("app2: Docker does not answer")
        what = (
            ("pause" if "USR1" in text else "resume")
            if service == "lab-postgres"
            else ("shut" if "state maint" in text else "open")
        )
        self.done.append(what)
        return [Ran(code=0, said="")]

    def scale(self, service, replicas):
        host = service.rpartition("-")[2]
        self.done.append(f"{'start' if replicas else 'stop'} {host}")
        if self.fails != f"stop {host}":
            (self.running.add if replicas else self.running.discard)(host)

    def beside(self, logical, command):
        assert logical == "postgres-backup-db1", "it reads the leader's volume"
        return f"WARN: slow\n{BACKUP} 1795887619 {self.commits} {self.highest}\n"

    def write(self, kept):
        if self.fails == "file":
            raise ColorwayError("has edits that are not committed")
        self.kept = kept

        def commit():
            self.done.append("commit")
            if self.fails == "commit":
                raise ColorwayError("git says no")

        return commit

    @contextmanager
    def hold(self, reason):
        self.done.append("hold")
        yield

    def sleep(self, seconds):
        self.now += seconds

    def generations(self):
        return Generations(spec=self.spec, store="postgres", volumes=lambda host: self.volumes[host.name])

    def restore(self, to="release-9", **how):
        Restore(
            cluster=cluster(self.spec, "postgres", ask=self.ask),
            entries=Entries(spec=self.spec, store="postgres", ask=self.each),
            generations=self.generations(),
            services=Services(
                scale=self.scale,
                runs=lambda host, service: runs(self.ask, host, service),
                sleep=self.sleep,
                clock=lambda: self.now,
            ),
            beside=self.beside,
            write=self.write,
            hold=self.hold,
            say=self.said.append,
            sleep=self.sleep,
            clock=lambda: self.now,
        ).run(to=to, **how)


def test_the_old_generation_is_stopped_leader_last_before_the_file_says_the_new_one():
    world = World()
    world.restore(accept_loss=5)
    assert world.done == ALL, "a leader that ends first would make the other one lead"
    assert world.kept == {"generation": 2, "begins-from": {"generation": 1, "backup": BACKUP, "to": "release-9"}}
    assert world.said == [
        "postgres: generation 1 is stopped with all that it has; generation 2 begins at release-9",
        "next: colorway up lab",
    ]


@pytest.mark.parametrize(
    ("accept", "said"),
    [
        (None, r"5 commits came after release-9, which would be lost; `--accept-loss 5` does it"),
        (4, r"5 commits came after release-9, and not 4"),
        (6, r"5 commits came after release-9, and not 6"),
    ],
)
def test_another_loss_than_the_accepted_one_changes_nothing(accept, said):
    world = World()
    with pytest.raises(MembersError, match=said):
        world.restore(accept_loss=accept)
    assert world.done == []


@pytest.mark.parametrize(
    ("world", "said", "done"),
    [
        pytest.param(
            World(meanwhile=2), "7 commits came after release-9, and not 5",
            ["hold", "pause", "shut", "open", "resume"],
            id="somebody wrote after the first count",
        ),
        pytest.param(
            World(meanwhile="it broke"), "what was committed meanwhile cannot be counted: 'it broke'",
            ["hold", "pause", "shut", "open", "resume"],
            id="what was written meanwhile is not said",
        ),
        pytest.param(
            World(clients=1), "clients are still in after all ways in are shut",
            ["hold", "pause", "shut", "open", "resume"],
            id="somebody comes in by another way",
        ),
        pytest.param(
            World(fails="stop db1"), "the member on db1 does not stop",
            ["hold", "pause", "shut", "stop db2", "stop db1", *BACK],
            id="a member does not stop before the way in opens by itself",
        ),
        pytest.param(World(fails="commit"), "git says no", [*ALL, *BACK], id="the file cannot be committed"),
        pytest.param(World(fails="file"), "has edits that are not committed", [], id="the file has edits"),
        pytest.param(World(fails="archive"), "its log is not in the archive after 120 s", [], id="the archive fails"),
        pytest.param(World(members=(("db1", "Replica", "running"), SYNC)), "nobody leads", [], id="nobody leads"),
        pytest.param(
            World(runs_as="postgres.2"), "generation 2 runs, and the stack's file says 1", [],
            id="the file went back, and no `up` has followed: the backups are another one's",
        ),
    ],
)  # fmt: skip
def test_clients_go_on_where_it_fails(world, said, done):
    with pytest.raises(ColorwayError, match=said):
        world.restore(accept_loss=5)
    assert world.done == done
    assert world.running == {"db1", "db2"}
    assert world.now < LONGEST_SHUT, "later the way in is open"


def test_what_would_be_done_and_lost_is_said_and_not_done():
    world = World(commits=0)
    world.restore(dry=True)
    assert world.done == []
    assert "0 commits came after that: they are lost to it, and stay in generation 1" in world.said[0]


@pytest.mark.parametrize(
    ("highest", "volumes", "new"),
    [(1, ["lab-postgres-db1"], 2), (3, [], 4), (1, ["lab-postgres.2-db1"], 3), (2, ["lab-postgres.10-db1"], 11)],
)
def test_a_new_generation_has_a_number_that_neither_a_host_nor_the_repository_knows(highest, volumes, new):
    world = World(highest=highest)
    world.volumes["db1"].there = volumes
    world.restore(accept_loss=5)
    assert world.kept["generation"] == new


@pytest.mark.parametrize("to", ["yesterday noon", "2026-11-28 14:00:00", "2026-11-28T14:00:00Z", "it's", ""])
def test_a_point_that_is_none_is_refused_with_how_to_write_one(to):
    world = World()
    with pytest.raises(MembersError, match=r"is no point in time; write a time with its zone in quotes"):
        world.restore(to=to)
    assert world.done == []


def test_a_store_that_is_not_backed_up_has_no_past():
    with pytest.raises(MembersError, match="postgres is not backed up, so it has no past to go back to"):
        World(spec=replicated_spec()).restore()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (backed_up_queue(), "redis is a queue, .* no command restores it; docs/data-stores.md says how"),
        (backed_up_queue(members=1), "redis is a queue, .* no command restores it; docs/data-stores.md says how"),
        (
            backed_up_queue(members=1, use="cache", backup=None, verify=None),
            "redis is a cache, and what it has can be made again",
        ),
    ],
    ids=["three", "one", "cache"],
)
def test_a_queue_goes_back_by_hand_only(spec, said):
    with pytest.raises(MembersError, match=said):
        restorable(spec, "redis", ask=lambda *_: "")


def test_a_postgresql_with_several_members_goes_back_by_the_command():
    assert restorable(backed_up_spec(), "postgres", ask=lambda *_: "").store == "postgres"


def test_what_cannot_be_counted_is_said_in_the_scripts_words():
    said = "no backup leads to release-9: there is none before it, or no restore point of that name is archived\n"
    with pytest.raises(MembersError, match="cannot be counted: no backup leads to release-9"):
        read_counted(said)
    with pytest.raises(MembersError, match="it said nothing"):
        read_counted("")


def test_the_way_in_is_shut_for_longer_than_members_take_to_stop():
    stop = backed_up_spec().platform.data_stores["postgres"].stop_grace.total_seconds()
    assert 2 * stop + 30 < LONGEST_SHUT


# --- older generations


def later_world():
    world = World(
        spec=backed_up_spec(kept={"generation": 3, "begins-from": {"generation": 1, "backup": BACKUP, "to": "a"}})
    )
    names = ("lab-postgres-{}", "lab-postgres.3-{}", "lab-postgres.x-{}", "other-postgres.2-{}", "lab-postgres.4-{}-x")
    world.volumes = {host: Kept(*(name.format(host) for name in names)) for host in ("db1", "db2")}
    world.volumes["db2"].there.append("lab-postgres.2-db2")
    return world


def test_generations_are_those_whose_volumes_are_there():
    found = later_world().generations()
    assert found.there() == {1: ("db1", "db2"), 2: ("db2",), 3: ("db1", "db2")}
    assert found.others() == {1: ("db1", "db2"), 2: ("db2",)}


def forget(world, number, *, sure=lambda _: None, dry=False):
    world.generations().forget(number, hold=world.hold, say=world.said.append, sure=sure, dry=dry)


def test_an_old_generation_is_removed_by_order_and_no_other_one():
    world = later_world()
    forget(world, 1)
    assert [kept.gone for kept in world.volumes.values()] == [["lab-postgres-db1"], ["lab-postgres-db2"]]
    assert world.done == ["hold"]


def test_a_dry_run_names_what_would_be_removed_and_asks_nobody():
    world = later_world()
    forget(world, 1, sure=pytest.fail, dry=True)
    assert world.said == [
        "postgres: would remove generation 1 on db1 and db2, with all that it has: lab-postgres-db1, lab-postgres-db2"
    ]
    assert (world.done, world.volumes["db1"].gone) == ([], [])


@pytest.mark.parametrize(
    ("number", "said"), [(3, "generation 3 is the one that serves"), (9, "no generation 9 .*those there: 1, 2")]
)
def test_the_live_generation_and_one_that_is_none_are_not_forgotten(number, said):
    world = later_world()
    with pytest.raises(MembersError, match=said):
        forget(world, number)
    assert world.done == []


@pytest.mark.parametrize(
    ("running", "said"),
    [
        ((2,), "generation 2 runs, and the stack's file says 3; `colorway up lab` brings that one"),
        ((3, 2), "generation 2 runs, and"),
        ((), "no member says which generation runs; see `colorway data status lab`"),
    ],
)
def test_one_that_runs_is_not_forgotten_whatever_the_file_says(running, said):
    with pytest.raises(MembersError, match=said):
        later_world().generations().refuse_running(2, running)


def test_one_that_does_not_run_and_the_live_one_are_another_matter():
    later_world().generations().refuse_running(2, (3,))
    later_world().generations().refuse_running(3, (3,))


def test_whoever_is_not_sure_forgets_nothing():
    def sure(question):
        assert question.startswith("Remove all data of generation 2 of postgres on db2?")
        raise KeyboardInterrupt

    world = later_world()
    with pytest.raises(KeyboardInterrupt):
        forget(world, 2, sure=sure)
    assert (world.done, world.volumes["db2"].gone) == ([], [])
