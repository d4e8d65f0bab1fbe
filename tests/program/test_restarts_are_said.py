"""What is said of an edit of a data store, whether its members restart, is what becomes of their tasks."""

from __future__ import annotations

from functools import cache

import pytest

from colorway.edits.words import sentence
from colorway.outputs import outputs_of
from tests.components.pieces import read_by
from tests.program.stacks import run_spec
from tests.support.pairs import backed_up_pair
from tests.support.stores import backed_up_queue, backed_up_spec

OFTEN = {"every": "12h", "newest": "select max(at) from orders"}
NIGHTLY = {"repository": "offsite", "full": "03:00", "limits": {"cpus": 1, "memory": "300Mi"}}
KEPT = {"repository": "offsite", "keep": "30d"}
NONE = {"backup": None, "verify": None}
SMALL = {"build": "haproxy", "limits": {"cpus": 1, "memory": "96Mi"}}
LATER = {"generation": 2, "begins-from": {"generation": 1, "backup": "0a1b2c3d", "to": "0-10-500"}}
ALONE = {"members": 1, "promotion": None, "entry": None}
MEMBERS = {
    "postgresql": ("postgres", lambda edit: backed_up_spec(**edit)),
    "one postgresql": ("postgres", lambda edit: backed_up_spec(members=1, **edit)),
    "mariadb": ("orders", lambda edit: backed_up_pair(**edit)),
    "later mariadb": ("orders", lambda edit: backed_up_pair(kept=LATER, **edit)),
    "one mariadb": ("orders", lambda edit: backed_up_pair(**ALONE, **edit)),
    "queue": ("redis", lambda edit: backed_up_queue(**edit)),
    "one queue": ("redis", lambda edit: backed_up_queue(members=1, **edit)),
}


@cache
def running(kind):
    """Return a stack as it runs: what it says of itself, and its store's tasks."""
    return looked_at(kind, {})


def looked_at(kind, edit):
    store, edited = MEMBERS[kind]
    spec = edited(edit)
    recording = run_spec(spec)
    services = [recording.one(f"{one.name}-service") for one in spec.members(store)]
    return outputs_of(spec), [(one.inputs["taskSpec"], read_by(recording, one)) for one in services]


@pytest.mark.parametrize(
    ("kind", "edit", "restarts"),
    [
        (
            "postgresql",
            {
                "backup": NIGHTLY,
                "verify": OFTEN,
                "direct": SMALL,
                "pool": {"size": 9},
                "durability": "asynchronous",
                "extensions": ["vector"],
                "parameters": {"work_mem": "8MB"},
                "password": "redis-password",
            },
            False,
        ),
        ("postgresql", {"backup": KEPT}, True),
        ("postgresql", NONE, True),
        ("postgresql", {"stop-grace": "9s"}, True),
        ("one postgresql", {"backup": NIGHTLY, "verify": OFTEN, "password": "redis-password"}, False),
        ("one postgresql", {"backup": KEPT}, True),
        ("one postgresql", {"extensions": ["vector"]}, True),
        ("mariadb", NONE, False),
        ("mariadb", {"backup": KEPT, "verify": OFTEN, "entry": SMALL, "password": "redis-password"}, False),
        ("mariadb", {"parameters": {"max_connections": 90}}, True),
        ("later mariadb", {"backup": {**NIGHTLY, "keep": "30d"}, "verify": OFTEN, "entry": SMALL}, False),
        ("one mariadb", {"backup": {**NIGHTLY, "keep": "30d"}, "verify": OFTEN}, False),
        ("one mariadb", NONE, True),
        ("one mariadb", {"password": "redis-password"}, True),
        ("queue", {"entry": SMALL}, False),
        ("queue", {"password": "database-password"}, True),
        ("one queue", {"password": "database-password"}, True),
    ],
    ids=lambda one: "-".join(one) if isinstance(one, dict) else str(one),
)
def test_a_restart_is_said_where_a_members_task_changes_and_nowhere_else(kind, edit, restarts):
    (before, tasks), (after, others) = running(kind), looked_at(kind, edit)
    assert (tasks != others) is restarts, "the table is of what the program makes"
    said = sentence(before, after)
    of_many = "its members restart one after the other" if restarts else "no member restarts"
    of_one = "restarts, its clients wait" if restarts else "does not restart"
    assert said.endswith(of_one if len(tasks) == 1 else of_many), said


@pytest.mark.parametrize("number", [1, 3])
def test_of_what_an_older_program_made_nobody_knows_whether_it_goes_on(number):
    before = outputs_of(backed_up_queue(members=number))
    older = before.model_copy(
        update={"services": tuple(one.model_copy(update={"told": None}) for one in before.services)}
    )
    after = outputs_of(backed_up_queue(members=number, limits={"cpus": 1, "memory": "300Mi"}))
    assert sentence(older, after).endswith(
        "restarts, its clients wait" if number == 1 else "restart one after the other"
    )
