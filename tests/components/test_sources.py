"""A store that begins from data that exists: who sees them, how, and who may begin at all."""

from __future__ import annotations

import base64

import pytest

from colorway.render.replication import FROM, FROM_SCRIPT, patroni
from tests.components.pieces import secret_files
from tests.program.stacks import run_spec
from tests.support.recorder import SECRET
from tests.support.specs import demo_spec
from tests.support.stores import backed_up_spec, replicated_spec

VOLUME = {"from": {"volume": "old_pgdata"}}
THEIRS = {"from": {"repository": "offsite", "stanza": "main", "path": "/theirs", "time": "2026-11-28 14:00:00+00"}}


def mounts(one):
    return {mount["source"]: (mount["target"], mount.get("readOnly", False)) for mount in one.container["mounts"]}


def test_only_the_first_member_sees_the_volume_and_cannot_change_it():
    made = run_spec(replicated_spec(**VOLUME))
    first, other = (made.one(f"postgres-{host}-service") for host in ("db1", "db2"))
    assert mounts(first)["old_pgdata"] == (FROM, True)
    assert "old_pgdata" not in mounts(other)
    assert FROM_SCRIPT in {file["fileName"] for file in first.container["configs"]}
    assert first.container["env"]["COLORWAY_FROM"] == FROM
    assert "COLORWAY_FROM" not in other.container["env"]


def test_no_member_but_the_first_may_begin():
    spec = replicated_spec(**VOLUME)
    first, other = (patroni(spec, "postgres", member) for member in spec.members("postgres"))
    assert f"command: /bin/sh {FROM_SCRIPT} volume\n" in first
    assert "\nbootstrap:\n" not in other, "an empty cluster would be there while the first one's copy fails"
    plain = [patroni(replicated_spec(), "postgres", member) for member in replicated_spec().members("postgres")]
    assert all("\nbootstrap:\n" in one for one in plain)


def test_a_repository_of_somebody_elses_is_read_by_a_configuration_of_its_own():
    spec = backed_up_spec(**THEIRS)
    made = run_spec(spec)
    first, other = (made.one(f"postgres-{host}-service") for host in ("db1", "db2"))
    assert "colorway-from.conf" in secret_files(first)
    assert "colorway-from.conf" not in secret_files(other)
    secret = made.of_type(SECRET)["postgres-source-configuration"].inputs["data"]
    text = base64.b64decode(secret if isinstance(secret, str) else secret["value"]).decode()
    assert "repo1-path=/theirs\n" in text
    assert "[main]\n" in text
    assert "retention" not in text, "nothing there ever expires through us"
    told = patroni(spec, "postgres", spec.members("postgres")[0])
    assert f"command: /bin/sh {FROM_SCRIPT} repository main '2026-11-28 14:00:00+00'\n" in told
    assert "recovery_target_time: '2026-11-28 14:00:00+00'\n" in told
    assert (
        'restore_command: pgbackrest --config=/run/secrets/colorway-from.conf --stanza=main archive-get %f "%p"' in told
    )


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_one_member_is_served_from_the_volume_which_no_command_removes(kind):
    store = {"postgres": VOLUME}
    if kind == "mariadb":
        limits = {"cpus": 1, "memory": "512Mi"}
        named = {"database": "shop", "user": "seller", "password": "database-password"}
        store = {"orders": {"kind": "mariadb", "build": "mariadb", **named, "limits": limits, **VOLUME}}
    spec = demo_spec(overrides={"data-stores": store})
    [name] = store
    one = run_spec(spec).one(f"{name}-service")
    assert list(mounts(one).items())[:1] == [
        ("old_pgdata", ("/var/lib/postgresql/data" if kind == "postgresql" else "/var/lib/mysql", False))
    ]
    assert one.container["env"]["COLORWAY_ADOPTS"] == "old_pgdata"
    assert not {"old_pgdata", f"{spec.stack}-{name}"} & {one.name for one in spec.inventory().volumes}
