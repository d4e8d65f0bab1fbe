"""What an edit of the files means for a running stack: refused with its cure, or said in words."""

from __future__ import annotations

import pytest

from colorway.edits.refusals import due_migrations, refusals
from colorway.edits.words import NOTHING, sentence
from colorway.outputs import PlatformOutputs, outputs_of, platform_outputs
from tests.support.specs import MAIL, PUBLIC_HOSTS, REMOTE_HOSTS, ZONE, demo_spec, small_spec
from tests.support.stores import backed_up_queue, backed_up_spec

CURE = "while blue has 100 % of the traffic; write it under `services` of the next version's manifest and release that"
SEARCH = {"port": 9200, "health": {"path": "/"}, "limits": {"cpus": 1, "memory": "64Mi"}}


def outputs(**said):
    return PlatformOutputs.model_validate(platform_outputs(small_spec(**said), generation="0"))


def services(**said):
    return {"overrides": {"services": said}}


def test_what_visitors_notice_of_maintenance_is_said():
    before, closed = outputs(), outputs(settings={"maintenance": {"example.com/api/": "Back soon."}})
    other = outputs(settings={"maintenance": {"example.com/api/": "Back at 14:00."}})
    assert refusals(before, closed) == refusals(closed, before) == []
    assert sentence(before, closed) == (
        "example.com/api/ is closed for maintenance: visitors get a page with 503, whoever has the link goes through, "
        "what is under way is finished, no task restarts"
    )
    assert sentence(closed, other) == "visitors of example.com/api/, which is closed, read something else"
    assert sentence(other, before) == "example.com/api/ is open again after maintenance"


def test_nothing_is_refused_where_nothing_runs():
    assert refusals(None, outputs()) == []


@pytest.mark.parametrize(
    ("edit", "keys"),
    [
        ({"env": {"LOG_LEVEL": "debug"}}, "env.LOG_LEVEL"),
        ({"port": 9000}, "port"),
        ({"command": ["other"]}, "command"),
        ({"health": {"path": "/other"}}, "health"),
        ({"routes": [{"path": "/elsewhere"}]}, "routes"),
        ({"longest-request": "90s"}, "longest-request"),
        ({"port": 9000, "env": {"A": "1", "B": "2"}}, "env.A, env.B, port"),
    ],
)
def test_what_users_would_meet_without_a_verdict_is_refused_with_its_cure(edit, keys):
    assert refusals(outputs(), outputs(**services(shop=edit))) == [f"the service shop of blue changes ({keys}) {CURE}"]


@pytest.mark.parametrize(
    "edit",
    [
        {"replicas": 9},
        {"limits": {"cpus": 2, "memory": "1Gi"}},
        {"restart": {"delay": "9s"}},
        {"update": {"monitor": "9s"}},
    ],
)
def test_what_the_swarm_does_task_by_task_is_allowed_and_said(edit):
    before, after = outputs(), outputs(**services(shop=edit))
    assert refusals(before, after) == []
    key = next(iter(edit))
    assert sentence(before, after) == (
        f"test-shop-blue ({key}) rolls, task by task; test-shop-green ({key}) rolls, task by task"
    )


NAMES_MAIL = {"env": {"MAIL_URL": "http://mail:8025/"}}


def with_mail(*, shop=NAMES_MAIL, **said):
    """A stack whose shop names a shared service, and no route leads to that."""
    return outputs(**services(mail={**MAIL, "routes": [], **said}, shop=shop))


@pytest.mark.parametrize(
    ("edit", "key"),
    [
        ({"env": {"MODE": "debug"}}, "env.MODE"),
        ({"image": MAIL["image"].replace("mail", "post")}, "image"),
        ({"command": ["other"]}, "command"),
        ({"replicas": 3}, "replicas"),
    ],
)
def test_a_shared_service_has_no_version_so_its_edit_rolls_and_says_for_whom(edit, key):
    before, after = with_mail(), with_mail(**edit)
    assert refusals(before, after) == [], "an edit of the platform file is the only way to change it"
    assert sentence(before, after) == (f"test-mail ({key}) rolls, task by task, for the users of both colors at once")


def test_the_one_task_of_a_shared_service_with_data_pauses_and_that_is_said():
    volumes = [{"name": "mails", "target": "/mails"}]
    before, after = with_mail(volumes=volumes), with_mail(volumes=volumes, command=["other"])
    assert refusals(before, after) == [], "as for a data store, nothing else can be done"
    assert sentence(before, after) == "test-mail (command) restarts, its clients in both colors wait"


ANOTHER = "add one of another name, let the next version and the routes name that, then leave this one out"


@pytest.mark.parametrize(
    ("edit", "key"), [({"port": 8026}, "port"), ({"uses": []}, "uses"), ({"networks": ["legacy"]}, "networks")]
)
def test_what_stands_a_shared_service_still_is_refused_while_users_need_it(edit, key):
    named = "shop of blue names it"
    assert refusals(with_mail(), with_mail(**edit)) == [
        f"the shared service mail changes ({key}) while {named}; {ANOTHER}"
    ]
    routed = {"routes": MAIL["routes"]}
    assert refusals(with_mail(shop={}, **routed), with_mail(shop={}, **routed, **edit)) == [
        f"the shared service mail changes ({key}) while routes lead users to it; {ANOTHER}"
    ]
    before, after = with_mail(shop={}), with_mail(shop={}, **edit)
    assert refusals(before, after) == []
    assert sentence(before, after) == (f"test-mail ({key}) stands still for a moment, for the users of both colors")


def test_a_shared_service_goes_only_when_no_color_with_users_names_it():
    assert refusals(with_mail(), outputs(**services(shop=NAMES_MAIL))) == [
        "the shared service mail goes while shop of blue names it; release a version that does without it, then leave "
        "it out"
    ]
    before, after = with_mail(shop={}), outputs()
    assert refusals(before, after) == []
    assert sentence(before, after) == "test-mail goes, under both colors"


def test_a_new_shared_service_touches_nobody():
    before, after = outputs(), with_mail(shop={})
    assert refusals(before, after) == []
    assert sentence(before, after) == "test-mail comes up beside both colors"


def test_a_renamed_service_is_one_that_leaves_and_one_that_comes():
    images = {"1.0.0": ["store", "api", "worker", "scheduler"]}
    shop = {"shop": None, "store": {**SEARCH, "routes": [{"path": "/"}]}}
    after = outputs(services={"1.0.0": shop}, images=images)
    assert refusals(outputs(), after) == [
        f"the service shop leaves blue {CURE}",
        f"the service store comes to blue {CURE}",
    ]


def test_a_color_without_users_may_become_what_it_likes():
    after = outputs(
        services={"2.0.0": {"shop": {"port": 9000}, "worker": None}}, images={"2.0.0": ["shop", "api", "scheduler"]}
    )
    assert refusals(outputs(), after) == [], "green has 0 %: this is how a version is made"


def test_an_edit_of_a_live_manifest_is_one_in_place():
    flags = outputs(flags={"NEW_CART": "true"})
    assert refusals(outputs(), flags) == [
        f"the service {name} of blue changes (env.NEW_CART) {CURE}" for name in ("api", "scheduler", "shop", "worker")
    ]


def test_a_store_does_not_move_to_an_empty_volume():
    hosts = [
        {"name": name, "address": f"10.0.0.{number}", "roles": roles, "host-key": "ssh-ed25519 AAAA" + "B" * 64}
        for number, (name, roles) in enumerate(
            {"m1": ["manager", "web", "load-balancer", "monitoring"], "db1": ["database"], "db2": ["database"]}.items(),
            1,
        )
    ]
    swapped = [hosts[0], hosts[2], hosts[1]]
    found = refusals(outputs(hosts=hosts), outputs(hosts=swapped))
    assert len(found) == 2, "PostgreSQL and Redis"
    assert found[0] == (
        "the data store postgres moves from the host db1 to db2, and its data stays behind; leave it there (hosts with "
        "the role database keep their order), or move it with a backup and a restore"
    )


LAB = {
    "lb1": ["load-balancer"],
    "lb2": ["load-balancer"],
    "app1": ["web", "database"],
    "m1": ["manager", "monitoring"],
    "m2": ["manager"],
    "m3": ["manager"],
}


def several(*names):
    """Return a stack of some hosts."""
    key = "ssh-ed25519 AAAA" + "B" * 64
    numbered = enumerate(LAB, start=1)
    return [
        {"name": name, "address": f"10.0.0.{number}", "roles": LAB[name], "host-key": key}
        for number, name in numbered
        if name in names
    ]


@pytest.mark.parametrize(
    ("kept", "reason"),
    [
        (("lb1", "app1", "m1", "m2", "m3"), None),
        (("lb1", "lb2", "app1", "m1"), "the managers m2, m3 leave, and the 1 that stay would be no majority of 3"),
    ],
    ids=["a load balancer of two", "two managers of three"],
)
def test_hosts_leave_while_the_others_can_do_what_they_did(kept, reason):
    found = refusals(outputs(hosts=several(*LAB)), outputs(hosts=several(*kept)))
    assert found == [] if reason is None else [reason in one for one in found] == [True]


def test_the_last_load_balancer_that_has_users_stays():
    found = refusals(outputs(hosts=several("lb1", "app1", "m1")), outputs(hosts=several("lb2", "app1", "m1")))
    assert [one.partition(";")[0] for one in found] == ["with lb1 the last load balancer leaves that has users"]


def test_a_host_that_leaves_is_said():
    said = sentence(outputs(hosts=several(*LAB)), outputs(hosts=several("lb1", "app1", "m1", "m2", "m3")))
    assert said == "the host lb2 leaves: its tasks move to others, and it is taken out of the swarm"


def test_a_stack_of_an_older_program_lets_its_hosts_go():
    before = outputs(hosts=several(*LAB)).model_copy(update={"hosts": ()})
    assert refusals(before, outputs(hosts=several("lb1", "app1", "m1"))) == []


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (
            {"traffic": "90:10"},
            {"traffic": "50:50"},
            "traffic 90:10 → 50:50 (blue:green), the load balancers reload, no task restarts",
        ),
        (
            {"traffic": "50:50", "active": "blue"},
            {"traffic": "0:100"},
            "traffic 50:50 → 0:100 (blue:green), the load balancers reload, no task restarts; green becomes active: "
            "workers, schedulers and crons move there",
        ),
        (
            {"versions": {"blue": "1.0.0", "green": None}},
            {},
            "green comes up with 2.0.0, seen by no user",
        ),
        ({}, {"versions": {"blue": "1.0.0", "green": "2.0.1"}}, "green changes from 2.0.0 to 2.0.1, seen by no user"),
        ({}, {"versions": {"blue": "1.0.0", "green": None}}, "green (2.0.0) goes off"),
        ({}, {}, "nothing that users would notice"),
        (
            {},
            {"overrides": {"data-stores": {"postgres": {"stop-grace": "9s"}}}},
            "test-postgres (stop-grace) restarts, its clients wait",
        ),
    ],
)
def test_a_preview_begins_with_what_happens_in_words(before, after, words):
    assert sentence(outputs(**before), outputs(**after)) == words


def with_drop(**given):
    return outputs(migrations={"2.0.0": {"0002-drop": False}, "3.0.0": {"0002-drop": False}}, **given)


BOTH = {"blue": "1.0.0", "green": "2.0.0"}


@pytest.mark.parametrize(
    ("before", "after", "due", "words", "refused"),
    [
        (
            {"blue": "1.0.0", "green": None},
            BOTH,
            (),
            "the migration 0002-drop of 2.0.0 waits until the other color",
            "",
        ),
        (BOTH, {"blue": None, "green": "2.0.0"}, ("0002-drop",), "then 0002-drop runs, after which no older", ""),
        (BOTH, {"blue": "1.0.0", "green": None}, (), "green (2.0.0) goes off", ""),
        (
            BOTH,
            {"blue": "3.0.0", "green": "2.0.0"},
            ("0002-drop",),
            "",
            "waits until 1.0.0 is off; turn blue off first",
        ),
    ],
    ids=["comes", "runs", "is undone", "has a version in its way"],
)
def test_a_migration_that_waits_is_said(before, after, due, words, refused):
    traffic = "0:100" if before["green"] and after["green"] else "100:0"
    was = with_drop(versions=before, traffic=traffic)
    wanted = with_drop(versions=after, traffic=traffic)
    assert due_migrations(was, wanted) == due
    assert words in sentence(was, wanted)
    found = refusals(was, wanted)
    assert [refused in one for one in found] == ([True] if refused else [])


def test_a_first_install_says_who_serves():
    assert (
        sentence(None, outputs())
        == "first install: blue at 1.0.0 with 100 % and green at 2.0.0 with 0 % of the traffic"
    )


def test_what_an_older_program_described_is_not_taken_for_a_change():
    plain = outputs()
    older = plain.model_copy(
        update={"services": tuple(one.model_copy(update={"definition": {}}) for one in plain.services)}
    )
    assert refusals(older, outputs(**services(shop={"port": 9000}))) == [], "nobody knows what it was"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"range": "10.64.0.0/16"}, "range changes from 10.90.0.0/16 to 10.64.0.0/16"),
        ({"encrypted": False}, "encrypted changes from true to false"),
        ({"mtu": 1400}, "mtu changes from nothing to 1400"),
    ],
)
def test_what_makes_networks_anew_is_refused(said, words):
    before = outputs(hosts=REMOTE_HOSTS)
    [refusal] = refusals(before, outputs(hosts=REMOTE_HOSTS, settings={"network": said}))
    assert refusal == (
        f"colorway:network's {words}; every service on it would be made anew, which is an outage; "
        "put it back, or take the stack down and up again"
    )


def test_a_changed_slot_is_refused_and_a_store_more_is_not():
    moved = outputs(overrides={"data-stores": {"redis": {"slot": 3}}})
    [refusal] = refusals(outputs(), moved)
    slot = outputs().network.slots["redis"]
    assert refusal == (
        f"the data store redis changes its slot from {slot} to 3; every service on it would be made anew, which is "
        f"an outage; put it back with `slot: {slot}`, or take the stack down and up again"
    )
    assert refusals(outputs(overrides={"data-stores": {"redis": {"slot": slot}}}), outputs()) == []


def test_a_stack_of_a_program_from_before_fixed_networks_says_what_to_do():
    old = outputs().model_copy(update={"network": None})
    [refusal] = refusals(old, outputs())
    assert refusal.endswith("take the stack down first")


def stores(**said):
    return outputs(overrides={"data-stores": said})


def of_queue(*, members=3, kept="db1 db2 m1", **said):
    """A queue on hosts with these names, and a database on the first."""
    names = [*kept.split(), "app1"]
    roles = {"m1": ["manager", "monitoring"], "app1": ["web", "load-balancer"]}
    if "m1" not in names:
        roles["app1"] += ["manager", "monitoring"]
    key = "ssh-ed25519 AAAA" + "B" * 64
    hosts = [
        {"name": name, "address": f"10.0.0.{number}", "roles": roles.get(name, ["database"]), "host-key": key}
        for number, name in enumerate(names, start=1)
    ]
    entry = {"image": MAIL["image"]}
    return outputs(hosts=hosts, overrides={"data-stores": {"redis": {"members": members, "entry": entry, **said}}})


@pytest.mark.parametrize(("few", "many"), [("one member", "several"), ("several members", "one")])
def test_a_queue_does_not_get_members_that_begin_without_its_data(few, many):
    [refusal] = refusals(*(of_queue(members=3 if "several" in word else 1) for word in (few, many)))
    assert refusal == (
        f"the data store redis has {few} and would have {many}, which begin without its data; add one of another name, "
        "bring the data there with a dump, and let the next version use that"
    )


def test_members_move_one_at_a_time():
    before = of_queue(kept="db1 db2 db3")
    assert refusals(before, of_queue(kept="db1 db2 db4")) == [], "the two others have all that it had"
    [refusal] = refusals(before, of_queue(kept="db1 db4 db5"))
    assert refusal == (
        "the data store redis would lose its members on db2, db3 at once, and with them what only those have; take out "
        "one at a time, each with its own `up`"
    )


def test_what_is_wrong_with_a_store_is_said_once_and_not_of_each_member():
    [refusal] = refusals(of_queue(), of_queue(kind="valkey"))
    assert refusal.startswith("the data store redis changes its kind, and its volume has another program's data; ")


OF_ANOTHER_NAME = "add one of another name, let the next version use that, and leave this one out once nobody does"
NO_START = (
    "which is made on an empty volume only, so that it would not start; put it back, or make the new one by hand and "
    "say --in-place"
)


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        (
            {},
            {"redis": {"kind": "valkey"}},
            [f"the data store redis changes its kind, and its volume has another program's data; {OF_ANOTHER_NAME}"],
        ),
        (
            {},
            {"postgres": {"from": {"volume": "old_pgdata"}}},
            [
                "the data store postgres changes its `from`, and would be served from another volume than now; "
                f"{OF_ANOTHER_NAME}"
            ],
        ),
        ({}, {"postgres": {"database": "other"}}, [f"the data store postgres changes its database, {NO_START}"]),
        ({}, {"postgres": {"user": "other"}}, [f"the data store postgres changes its user, {NO_START}"]),
        (
            {},
            {"redis": {"use": "cache"}},
            [f"the data store redis becomes a cache, and what is queued in it is gone; {OF_ANOTHER_NAME}"],
        ),
        ({"redis": {"use": "cache"}}, {"redis": {"use": "queue"}}, []),
        ({}, {"redis": {"use": "queue"}}, []),
    ],
)
def test_a_store_is_not_told_to_serve_what_its_volume_does_not_have(before, after, refused):
    assert refusals(stores(**before), stores(**after)) == refused


def test_other_settings_of_a_store_restart_it_which_is_said():
    said = {"postgres": {"parameters": {"max_connections": 300}, "extensions": ["vector"]}}
    assert refusals(stores(), stores(**said)) == []
    assert sentence(stores(), stores(**said)) == "test-postgres (extensions, parameters) restarts, its clients wait"


def test_what_the_environment_of_a_custom_store_says_counts():
    search = {
        "kind": "custom",
        "image": MAIL["image"],
        "port": 7700,
        "volume": "/data",
        "health": {"path": "/"},
        "limits": {"cpus": 1, "memory": "64Mi"},
    }
    before, after = stores(search=search), stores(search={**search, "env": {"MODE": "fast"}})
    assert sentence(before, after) == "test-search (env.MODE) restarts, its clients wait"


# --- data stores with several members

KEPT = ["lb1", "app1", "m1", "m2", "m3", "db1", "db2"]


def members(number, *, hosts=KEPT, addresses=None, network=None, certificates=1, **postgres):
    """A stack whose PostgreSQL has some members, and whose hosts have some addresses."""
    roles = {"l": ["load-balancer"], "a": ["web"], "m": ["manager"], "d": ["database"]}
    known = ["lb1", "app1", "m1", "m2", "m3", "m4", "m5", "db1", "db2", "db3", "db4"]
    said = [
        {
            "name": name,
            "address": (addresses or {}).get(name, f"10.0.0.{index}"),
            "roles": [*roles[name[0]], *(["monitoring"] if name == "m1" else [])],
            "host-key": "ssh-ed25519 AAAA" + "B" * 64,
        }
        for index, name in enumerate(known, start=1)
        if name in hosts
    ]
    spec = demo_spec(
        settings={"environment": "lab", "hosts": said, "network": network or {}, "certificates": certificates},
        overrides={"data-stores": {"postgres": {"members": number, **postgres}}},
        stack="lab",
    )
    return PlatformOutputs.model_validate(platform_outputs(spec, generation="0"))


BY_A_DUMP = (
    "which begin without its data; add one of another name, bring the data there with a dump, and let the next version "
    "use that"
)


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        (
            {"number": 1},
            {"number": 2},
            [f"the data store postgres has one member and would have several, {BY_A_DUMP}"],
        ),
        (
            {"number": 2},
            {"number": 1},
            [f"the data store postgres has several members and would have one, {BY_A_DUMP}"],
        ),
        ({"number": 2}, {"number": 3, "hosts": [*KEPT, "db3"]}, []),
        ({"number": 3, "hosts": [*KEPT, "db3"]}, {"number": 2}, []),
        ({"number": 2, "hosts": [*KEPT, "db3"]}, {"number": 2}, []),
        # The new one has a copy before the old one goes, since what is left out goes last.
        ({"number": 2, "hosts": [*KEPT, "db3"]}, {"number": 2, "hosts": [*KEPT[:-1], "db3"]}, []),
        (
            {"number": 4, "hosts": [*KEPT, "db3", "db4"]},
            {"number": 2},
            [
                "the data store postgres would lose its members on db3, db4 at once, and with them what only those "
                "have; take out one at a time, each with its own `up`"
            ],
        ),
    ],
    ids=["one to several", "several to one", "one more", "one less", "a spare host goes", "another host", "two less"],
)
def test_members_come_and_go_while_others_have_the_data(before, after, refused):
    assert refusals(members(**before), members(**after)) == refused


OTHER_PORTS = {"host-ports": 21000}


@pytest.mark.parametrize(
    ("edit", "refused"),
    [
        (
            {"network": OTHER_PORTS},
            "colorway:network's host-ports changes from 20000 to 21000, and members of data stores know each other by "
            "their ports; put it back",
        ),
        ({"certificates": 2}, None),
        (
            {"certificates": 3},
            "colorway:certificates changes from 1 to 3, and members of data stores trust those of one number more or "
            "less only; write 2 first",
        ),
        ({"hosts": [*KEPT, "m4", "m5"]}, None),
        (
            {"hosts": [*(host for host in KEPT if host != "m3"), "m4"]},
            "the manager m3 leaves, and etcd, which knows who leads the members of data stores, would count it among "
            "those that are lost; keep it: a machine in its place takes its name and its address",
        ),
        (
            {"addresses": {"m3": "10.0.1.5"}},
            "the manager m3 changes its address from 10.0.0.5 to 10.0.1.5, and etcd, which knows who leads the members "
            "of data stores, would count it among those that are lost; put it back",
        ),
        ({"addresses": {"db2": "10.0.1.9"}}, None),
        ({"addresses": {"app1": "10.0.1.2"}}, None),
    ],
    ids=[
        "ports",
        "the next certificates",
        "certificates further on",
        "two managers more",
        "another manager",
        "address of a manager",
        "address of a member",
        "address of a web host",
    ],
)
def test_what_members_know_each_other_by_stays(edit, refused):
    assert refusals(members(2), members(2, **edit)) == ([refused] if refused else [])
    assert refusals(members(1), members(1, **edit)) == [], "one member knows nobody"


def test_a_shared_service_that_becomes_a_store_is_no_store_with_other_members():
    before = outputs(**services(search={**MAIL, "routes": []}))
    search = {"kind": "valkey", "image": MAIL["image"], "password": "cache-password", "limits": MAIL["limits"]}
    assert refusals(before, stores(search=search)) == []


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"parameters": {"work_mem": "8MB"}}, "(parameters), no member restarts"),
        ({"pool": {"size": 9}, "durability": "asynchronous"}, "(durability, pool), no member restarts"),
        (
            {"stop-grace": "9s", "extensions": ["vector"]},
            "(extensions, stop-grace), its members restart one after the other",
        ),
    ],
)
def test_what_an_edit_does_to_members_is_said_once(edit, words):
    assert sentence(members(2), members(2, **edit)) == f"the data store postgres changes {words}"


@pytest.mark.parametrize("number", [1, 3])
def test_a_queue_that_is_backed_up_from_now_on_is_nothing_that_users_would_notice(number):
    before, after = backed_up_queue(members=number, backup=None, verify=None), backed_up_queue(members=number)
    assert sentence(outputs_of(before), outputs_of(after)) == NOTHING


def generation(number=1, begins=None, to="release-9"):
    """A stack whose PostgreSQL is some generation, which began from an earlier one."""
    came = {"generation": begins, "backup": "20261128-020000F", "to": to}
    spec = backed_up_spec(kept={"generation": number, "begins-from": came} if begins else None)
    return PlatformOutputs.model_validate(platform_outputs(spec, generation="0"))


BEGINS_ONE = "put it back: `colorway data restore lab postgres --to POINT` begins a new one"


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        (generation(), generation(2, 1), []),
        (generation(2, 1), generation(3, 2), []),
        # One that was gone back from keeps its number.
        (generation(), generation(3, 1), []),
        (generation(2, 1), generation(), []),
        (
            generation(2, 1),
            generation(3, 1),
            [
                "the data store postgres changes its generation from 2 to 3, which begins from another one; "
                f"{BEGINS_ONE}"
            ],
        ),
        (
            generation(3, 2),
            generation(),
            [
                "the data store postgres changes its generation from 3 to 1, and it began from 2; go back to that one "
                "first, by reverting the commit that began generation 3"
            ],
        ),
        (
            generation(2, 1),
            generation(2, 1, to="release-8"),
            [
                "the data store postgres says something else of how its generation 2 began, and it has begun; "
                f"{BEGINS_ONE}"
            ],
        ),
    ],
    ids=["first restore", "second", "after going back", "back", "from another one", "back by two", "another point"],
)
def test_a_generation_follows_from_the_one_that_runs(before, after, refused):
    assert refusals(before, after) == refused


def test_what_another_generation_lacks_is_said():
    first, second = generation(), generation(2, 1)
    assert sentence(first, second) == (
        "the data store postgres goes from generation 1 to 2, which begins at release-9: what came after that is not "
        "in it; nobody can write until it has begun, and generation 1 stays beside it"
    )
    assert sentence(second, first) == (
        "the data store postgres goes back from generation 2 to 1: what was written since generation 2 began is not in "
        "it, and stays beside it"
    )


def test_an_older_program_knew_one_generation_only():
    before = generation().model_copy(update={"generations": {}})
    assert refusals(before, generation(2, 1)) == []
    assert refusals(before, generation(3, 2)) != []


def with_login(number):
    """A stack whose PostgreSQL has had some logins."""
    spec = demo_spec(settings={"stores": {"postgres": {"login": number}}})
    return PlatformOutputs.model_validate(platform_outputs(spec, generation="0"))


def test_another_login_is_no_edit_of_its_services_and_goes_one_after_the_other():
    assert refusals(with_login(1), with_login(2)) == [], "a color's users notice nothing"
    assert sentence(with_login(1), with_login(2)) == (
        "the data store postgres goes from login 1 to 2: its services restart one after the other, and both logins "
        "count until the last one has"
    )
    assert refusals(with_login(2), with_login(1)) == []
    assert refusals(with_login(1), with_login(3)) == [
        "the data store postgres changes its login from 1 to 3, and there are two in turn, so that a password in use "
        "could end; write 2, with an `up` of its own"
    ]


def behind(**lock_down):
    said = {"lock-down": lock_down} if lock_down else {}
    return outputs(hosts=PUBLIC_HOSTS, settings={"environment": "staging", "zones": {"main": ZONE}, **said})


def locked(mode: str, certificate: int = 1):
    return behind(mode=mode, certificate=certificate)


ALONE = outputs(hosts=PUBLIC_HOSTS, settings={"environment": "staging"})
"""What has no zone."""


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (ALONE, behind(), "goes from open to closed at once"),
        (locked("open"), locked("closed"), "write colorway:lock-down: ready"),
        (ALONE, locked("ready"), None),
        (locked("ready"), behind(), None),
        (locked("closed"), locked("open"), None),
        (locked("closed"), ALONE, None),
        (locked("closed"), locked("closed", 2), None),
        (locked("closed", 2), locked("ready", 1), None),
        (locked("closed"), locked("closed", 3), "certificate changes from 1 to 3, and load balancers know the next"),
        (locked("ready", 3), locked("ready", 1), "write 2, and go on some minutes after its `up`"),
        (locked("open"), locked("ready", 3), None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_nobody_is_locked_out_before_cloudflare_shows_its_certificate(before, after, reason):
    found = refusals(before, after)
    assert found == [] if reason is None else [reason in one for one in found] == [True]


def test_a_lock_down_is_said():
    assert sentence(locked("ready"), locked("closed")) == (
        "requests that come past Cloudflare are refused (lock-down: closed)"
    )
