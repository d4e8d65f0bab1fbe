"""A MariaDB goes back to a point only for exactly the loss that was accepted, and goes on where anything fails."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from colorway.data.generations import Generations
from colorway.data.mariadb.pair import pair
from colorway.data.mariadb.restore import PairRestore, read_reached, since
from colorway.data.members import MembersError
from colorway.data.restore import Services, runs
from colorway.errors import ColorwayError
from colorway.swarm.connections import MissingError, NoAnswerError
from tests.support.pairs import backed_up_pair, pair_spec, says

BACKUP, TARGET = "0a1b2c3d", "0-10-500"
ALL = ["hold", "fence", "stop db2", "stop db1", "commit"]


class Kept:
    """Volumes of a host."""

    def __init__(self, *names):
        self.there = list(names)

    def names(self):
        return self.there


class World:
    """A store of two members that runs, and all that was done to it, in order."""

    def __init__(
        self,
        *,
        commits=5,
        meanwhile=0,
        highest=1,
        fails="",
        writes=True,
        printed=None,
        spec=None,
        lead=("db1",),
        runs=1,
    ):
        self.commits, self.highest, self.fails, self.writes, self.printed = commits, highest, fails, writes, printed
        self.meanwhile, self.lead, self.runs = meanwhile, lead if writes else (), runs
        self.spec = spec or backed_up_pair()
        self.running = {"db1", "db2"}
        self.done, self.said, self.kept, self.asked = [], [], {}, []
        self.now = 0.0
        self.volumes = {host: Kept(f"lab-orders-{host}", f"lab-redis-{host}") for host in ("db1", "db2")}

    def ask(self, host, service, command):
        assert service == f"lab-orders-{host.name}"
        if host.name not in self.running:
            raise MissingError(f"{host.name}: it does not run there", status=404, said="")
        if command[0] == "true":
            return ""
        what = command[4]
        if what == "state":
            position = f"0-10-{500 + self.commits}"
            return says(writes=host.name in self.lead, position=position, follows=True, generation=self.runs)
        assert host.name == "db1", "the replica is not told anything"
        self.done.append(what)
        if what == self.fails:
            raise NoAnswerError(f"{host.name}: Docker does not answer")
        return f"0-10-{500 + self.commits + self.meanwhile}\n" if what == "fence" else ""

    def scale(self, service, replicas):
        host = service.rpartition("-")[2]
        self.done.append(f"{'start' if replicas else 'stop'} {host}")
        if self.fails != f"stop {host}":
            (self.running.add if replicas else self.running.discard)(host)

    def beside(self, logical, command):
        assert logical == "orders-backup-db1", "it reaches the repository"
        self.asked = command[-4:]
        return self.printed or f"some warning\n{BACKUP} {TARGET} {self.commits} {self.highest}\n"

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

    def restore(self, to="2026-11-28 14:00:00+00", **how):
        PairRestore(
            pair=pair(self.spec, "orders", ask=self.ask),
            generations=Generations(spec=self.spec, store="orders", volumes=lambda host: self.volumes[host.name]),
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
        ).run(to=to, **how)


def test_clients_are_shut_out_and_the_primary_ends_last_before_the_file_says_the_new_generation():
    world = World()
    world.restore(accept_loss=5)
    assert world.done == ALL, "the replica must not lose what the primary acknowledged"
    assert world.kept == {"generation": 2, "begins-from": {"generation": 1, "backup": BACKUP, "to": TARGET}}
    assert world.asked == ("2026-11-28 14:00:00+00", "0-10-505", "1", "180"), "up to what the primary has"
    assert world.said == [
        "orders: generation 1 is stopped with all that it has; "
        f"generation 2 begins at 2026-11-28 14:00:00+00 ({TARGET})",
        "next: colorway up lab",
    ]


def test_a_dry_run_says_what_would_be_lost_and_changes_nothing():
    world = World()
    world.restore(to=TARGET, dry=True)
    assert world.done == []
    [said] = world.said
    assert said.startswith(
        f"orders: generation 2 begins from the backup {BACKUP} and goes up to {TARGET}. 5 commits came after that: "
    )


@pytest.mark.parametrize(
    ("accept", "said"),
    [(None, "5 commits came after 0-10-500, which would be lost; `--accept-loss 5` does it"), (4, "and not 4")],
)
def test_another_loss_than_the_accepted_one_changes_nothing(accept, said):
    world = World()
    with pytest.raises(MembersError, match=said):
        world.restore(to=TARGET, accept_loss=accept)
    assert world.done == []


def test_whoever_wrote_meanwhile_changes_the_number_and_the_primary_goes_on():
    world = World(meanwhile=2)
    with pytest.raises(MembersError, match="7 commits came after 0-10-500, and not 5"):
        world.restore(to=TARGET, accept_loss=5)
    assert world.done == ["hold", "fence", "unfence"]


@pytest.mark.parametrize(
    ("fails", "done"),
    [
        ("stop db2", ["hold", "fence", "stop db2", "start db1", "start db2", "unfence"]),
        ("commit", [*ALL, "start db1", "start db2", "unfence"]),
        ("fence", ["hold", "fence", "unfence"]),
    ],
)
def test_where_anything_fails_both_members_go_on(fails, done):
    world = World(fails=fails)
    with pytest.raises(ColorwayError):
        world.restore(accept_loss=5)
    assert world.done == done
    assert world.running == {"db1", "db2"}


@pytest.mark.parametrize(
    ("world", "to", "said"),
    [
        ({"writes": False}, TARGET, "nobody takes writes"),
        ({"lead": ("db2",)}, TARGET, "writes are taken by db2, and the stack's file calls db1 the primary"),
        ({"lead": ("db1", "db2")}, TARGET, "writes are taken by db1 and db2, and the stack's file calls"),
        ({"runs": 2}, TARGET, "generation 2 runs, and the stack's file says 1; `colorway up lab` brings that one"),
        ({"fails": "file"}, TARGET, "not committed"),
        ({"spec": pair_spec()}, TARGET, "orders is not backed up"),
        ({}, "release-9", "is no point in time of a MariaDB"),
        ({"printed": "no backup leads to it"}, TARGET, "cannot be counted: no backup leads to it; nothing was changed"),
        ({"printed": ""}, TARGET, "commits came after"),
    ],
    ids=[
        "nobody leads",
        "the other one leads",
        "both lead",
        "another generation",
        "edits",
        "no backup",
        "a name",
        "no way",
        "no loss accepted",
    ],
)
def test_what_cannot_be_done_changes_nothing(world, to, said):
    there = World(**world)
    with pytest.raises(ColorwayError, match=said):
        there.restore(to=to, accept_loss=None if "printed" in world and not world["printed"] else 5)
    assert there.done == []


def test_no_generation_is_begun_twice():
    world = World(highest=3)
    world.volumes["db2"].there.append("lab-orders.5-db2")
    world.restore(accept_loss=5)
    assert world.kept["generation"] == 6, "its folder of the bucket, or its volumes, are another past"


@pytest.mark.parametrize(
    ("position", "count"), [("0-10-505", 5), ("0-10-500", 0), ("1-5-9,0-11-620", 120), ("0-11-501,1-5-900", 1)]
)
def test_transactions_are_counted_in_their_own_domain(position, count):
    assert since(position, TARGET) == count


@pytest.mark.parametrize("position", ["", "0-10-499", "1-10-900"])
def test_a_primary_that_has_less_than_the_archive_is_refused(position):
    with pytest.raises(MembersError, match="does not go up to 0-10-500"):
        since(position, TARGET)


def test_what_the_script_says_is_read_whatever_comes_before():
    found = read_reached(f"warning\n{BACKUP} {TARGET} 12 3\n")
    assert (found.backup, found.to, found.commits, found.highest) == (BACKUP, TARGET, 12, 3)
