"""Which dumps are loaded, where, and what is said of one that is not."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from colorway.data.load import END, Load, LoadError, form_of
from colorway.data.members import MembersError
from colorway.errors import ColorwayError
from colorway.swarm.inside import Ran
from tests.support.pairs import pair_spec, says
from tests.support.specs import demo_spec
from tests.support.stores import listed, replicated_spec

DONE = Ran(code=0, said="")
SQL = b"-- PostgreSQL database dump\nCREATE TABLE orders (id int);\n"


class World:
    """A stack, whose database has some tables; what was fed to whom, and what it answers."""

    def __init__(self, spec, *, tables=(), ran=DONE, leads="Leader", take_writes=("db2",)):
        self.spec, self.tables, self.ran, self.leads, self.take_writes = spec, tables, ran, leads, take_writes
        self.fed, self.said, self.held, self.is_held = [], [], [], False
        self.ends = ["looked"]

    def ask(self, host, service, command):
        if "list" in command:
            return listed(("db1", "Replica", "streaming"), ("db2", self.leads, "running"))
        if command[4] == "state":
            return says(writes=host.name in self.take_writes)
        assert command[4] == "look", "what is asked without a file is what is there"
        return "".join(f"{one}\n" for one in (*self.tables, *self.ends))

    def feed(self, host, service, command, *, source, end):
        assert self.is_held, "whoever changes data holds the stack's lock"
        self.fed.append((host.name, service, command[4:], source.read() + end))
        return self.ran

    @contextmanager
    def hold(self, reason):
        self.held.append(reason)
        self.is_held = True
        yield
        self.is_held = False

    def load(self, dump, store="postgres", **how):
        load = Load(spec=self.spec, store=store, ask=self.ask, feed=self.feed, hold=self.hold, say=self.said.append)
        load.run(dump, **how)


@pytest.fixture
def dump(tmp_path):
    (tmp_path / "shop.dump").write_bytes(SQL)
    return tmp_path / "shop.dump"


@pytest.mark.parametrize(
    ("head", "custom", "form"),
    [
        (SQL[:8], True, "sql"),
        (b"/*M!9999", False, "sql"),
        (b"PGDMP\x01\x0e\x00", True, "custom"),
        (b"PGDMP\x01\x0e\x00", False, "is a dump of PostgreSQL, and the store is none"),
        (b"\x1f\x8b\x08\x00", True, "is compressed; unpack it first"),
        (b"toc.dat\0", True, "is pg_dump's tar format; dump with -Fc, or as SQL"),
        (b"", True, "is empty"),
    ],
)
def test_a_dump_is_known_by_its_first_bytes(head, custom, form):
    try:
        found = form_of(head, custom=custom)
    except LoadError as error:
        found = str(error)
    assert found == form


@pytest.mark.parametrize(
    ("spec", "store", "host", "service", "port"),
    [
        (demo_spec, "postgres", "local", "demo-postgres", "5432"),
        (replicated_spec, "postgres", "db2", "lab-postgres-db2", "20016"),
        (lambda: pair_spec(primary="db2"), "orders", "db2", "lab-orders-db2", "20010"),
        (lambda: pair_spec(primary="db1"), "orders", "db2", "lab-orders-db2", "20010"),
    ],
    ids=["one member", "who leads", "the primary", "the primary, whatever the file says"],
)
def test_a_dump_goes_to_the_server_that_takes_writes(dump, spec, store, host, service, port):
    world = World(spec())
    wanted = world.spec.platform.data_stores[store]
    world.load(dump, store)
    [(where, whom, (what, database, owner, at, size), read)] = world.fed
    place = world.spec.members(store)[0].host.name if host == "local" else host
    name = whom if host == "local" else service
    assert (where, whom) == (place, name)
    whose = f"{wanted.user}_owner" if wanted.kind == "postgresql" else wanted.user
    assert (what, database, owner) == ("sql", wanted.database, whose)
    assert at == str(world.spec.store_ports(store).main if wanted.is_replicated else wanted.port)
    assert read == SQL + END
    assert size == str(len(SQL)), "the end is told from a connection that was lost"


@pytest.mark.parametrize(("take_writes", "said"), [((), "nobody takes"), (("db1", "db2"), "both members take")])
def test_no_member_of_a_mariadb_is_given_what_the_other_one_does_not_get(dump, take_writes, said):
    world = World(pair_spec(), take_writes=take_writes)
    with pytest.raises(MembersError, match=f"orders: {said} writes; see `colorway data status lab`"):
        world.load(dump, "orders")
    assert world.fed == [], "its superuser could write to a replica, too"


def test_what_is_in_the_database_is_named_and_stays(dump):
    world = World(replicated_spec(), tables=["public.a", "public.b", "public.c", "public.d"])
    with pytest.raises(LoadError, match=r"demo is not empty, it has public\.a, public\.b, public\.c and 1 more; "):
        world.load(dump)
    assert world.fed == []
    assert world.held == [], "who is refused anyway makes nobody wait"


@pytest.mark.parametrize("ends", [[], ["public.a"]])
def test_half_an_answer_of_what_is_there_is_no_empty_database(dump, ends):
    world = World(replicated_spec())
    world.ends = ends
    with pytest.raises(LoadError, match="what is in the database cannot be read"):
        world.load(dump)
    assert world.fed == []


def test_a_rehearsal_says_where_and_changes_nothing(dump):
    world = World(replicated_spec())
    world.load(dump, dry=True)
    assert (world.fed, world.held) == ([], [])
    [line] = world.said
    assert line.endswith("goes into the database demo on db2, which is empty, as demo")


@pytest.mark.parametrize(
    ("spec", "store", "said"),
    [
        (
            replicated_spec,
            "postgres",
            "postgres: the dump could not be loaded, and nothing of it is there: ERROR:  role shop is not there",
        ),
        (
            pair_spec,
            "orders",
            "orders: the dump could not be loaded, and what came before is in shop; drop it and make it again, before "
            "the next try: ERROR:  role shop is not there",
        ),
    ],
)
def test_a_dump_that_fails_says_what_is_there_now(dump, spec, store, said):
    world = World(spec(), ran=Ran(code=3, said="NOTICE:  so\nERROR:  role shop is not there\nand more\n"))
    with pytest.raises(LoadError) as error:
        world.load(dump, store)
    assert str(error.value) == said


@pytest.mark.parametrize(
    ("store", "message"),
    [
        ("redis", "redis is no database of lab; those are: postgres"),
        ("search", "search is no database of lab; those are: postgres"),
    ],
)
def test_only_a_database_is_loaded(dump, store, message):
    with pytest.raises(ColorwayError) as error:
        World(replicated_spec()).load(dump, store)
    assert str(error.value) == message


def test_nobody_who_leads_and_no_file_are_said(dump):
    with pytest.raises(MembersError, match="nobody leads"):
        World(replicated_spec(), leads="Replica").load(dump)
    with pytest.raises(LoadError, match="cannot be read: No such file or directory"):
        World(replicated_spec()).load(dump.with_name("other"))
