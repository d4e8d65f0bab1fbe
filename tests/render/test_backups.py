"""What pgBackRest is told, and when the entry script of the backups makes which."""

from __future__ import annotations

import json
import os
import subprocess
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from colorway.render import backups, replication
from colorway.render.templates import entry, store_script
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores.backups import beat
from tests.support.pairs import backed_up_pair
from tests.support.stores import backed_up_spec, replicated_spec

SECRETS = {"key": "AKIA", "secret": "s=#'\"x", "passphrase": "two words"}
WEEK, DAY = 7 * 86400, 86400


def configuration(spec: PlatformSpec | None = None, **secrets: str) -> str:
    spec = spec or backed_up_spec()
    wanted = spec.backed_up["postgres"].backup
    assert wanted is not None
    return backups.configuration(spec, "postgres", wanted=wanted, secrets=SECRETS | secrets)


def test_restic_finds_a_folder_beside_pgbackrests_and_reads_each_secret_from_a_file():
    spec = backed_up_pair()
    env = backups.restic_environment(spec, "orders")
    assert env["RESTIC_REPOSITORY"] == "s3:https://s3.example.com:9000/acme-backups/colorway/lab/restic/orders"
    assert (env["COLORWAY_LOOKUP"], env["AWS_DEFAULT_REGION"]) == ("path", "us-east-1")
    assert "RESTIC_CACERT" not in env, "the image's list is enough"
    openers = backups.openers(spec, "orders")
    files = {f"/run/secrets/{one.path}": one.text(SECRETS) for one in openers.values()}
    assert files[env["RESTIC_PASSWORD_FILE"]] == "two words"
    keys = files[env["AWS_SHARED_CREDENTIALS_FILE"]]
    assert keys == "[default]\naws_access_key_id = `AKIA`\naws_secret_access_key = `s=#'\"x`\n", "# begins a comment"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"secret": "a`b"}, "the secret must have no backtick"),
        ({"passphrase": "two\nlines"}, "must be one line of text"),
    ],
)
def test_a_secret_that_restic_would_read_as_another_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        backups.openers(backed_up_pair(), "orders")["keys"].text(SECRETS | wrong)


def test_a_mariadb_is_copied_whole_each_day():
    wanted = backed_up_pair(backup={"repository": "offsite", "full": "03:30", "keep": "7d"}).backed_up["orders"].backup
    assert wanted is not None
    assert backups.backup_arguments(wanted) == (str(DAY), str(3 * 3600 + 30 * 60), "7")


def told(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


def test_the_repository_is_encrypted_and_each_stack_has_a_folder_of_its_own():
    found = told(configuration())
    assert found["repo1-path"] == "/colorway/lab"
    assert found["repo1-cipher-type"] == "aes-256-cbc"
    assert (found["repo1-s3-key"], found["repo1-s3-key-secret"], found["repo1-cipher-pass"]) == tuple(SECRETS.values())
    assert (found["repo1-retention-full-type"], found["repo1-retention-full"]) == ("time", "14")
    assert found["repo1-bundle"] == "y", "or each small file of a cluster is an object"
    assert "archive-push-queue-max" not in found, "it throws away what is not archived, with a warning only"
    assert found["pg1-path"] == replication.PGDATA


@pytest.mark.parametrize("text", ["", "two\nlines", " before", "after ", "tab\there"])
def test_a_secret_that_the_configuration_cannot_say_is_refused_without_its_text(text):
    with pytest.raises(ValueError, match="the passphrase must be one line of text without spaces around it") as error:
        configuration(passphrase=text)
    assert not text.strip() or text.strip() not in str(error.value)


def test_members_archive_where_there_is_a_repository_and_can_begin_to_without_a_restart():
    plain, backed_up = (spec.platform.data_stores["postgres"] for spec in (replicated_spec(), backed_up_spec()))
    settings = [json.loads(replication.settings(store))["postgresql"] for store in (plain, backed_up)]
    assert [one["parameters"]["archive_mode"] for one in settings] == ["on", "on"], "it is read at a start only"
    assert [one["parameters"]["archive_command"] for one in settings] == ["true", replication.PUSH]
    assert [one.get("recovery_conf") for one in settings] == [None, {"restore_command": replication.GET}]


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("02:00", datetime(2026, 11, 28, 2, tzinfo=UTC)),
        ("23:59", datetime(2026, 11, 27, 23, 59, tzinfo=UTC)),
        ("Sat 14:00", datetime(2026, 11, 28, 14, tzinfo=UTC)),
        ("Sun 02:00", datetime(2026, 11, 22, 2, tzinfo=UTC)),
        ("Sat 14:01", datetime(2026, 11, 21, 14, 1, tzinfo=UTC)),
    ],
)
def test_a_time_of_a_day_or_a_week_is_counted_as_the_script_counts_it(text, last):
    now, found = int(datetime(2026, 11, 28, 14, tzinfo=UTC).timestamp()), beat(text)
    assert now - (now - found.first) % found.period == last.timestamp()


PROGRAMS = {
    "id": "echo 101",
    "psql": 'echo "$LEADS"',
    "openssl": "",
    "setpriv": "",
    "pgbackrest": """case $1 in info) cat "$FOLDER/info" ;; *) echo "$*" >>"$FOLDER/done" ;; esac""",
    # One look is enough.
    "sleep": "kill -TERM $PPID",
}


def made(kind: str, ago: int, *, error: bool = False) -> dict[str, object]:
    """Return a backup; when it began is said by how long ago, since a test may run long after it was collected."""
    return {"type": kind, "error": error, "ago": ago}


def listed(backup: dict[str, Any], *, now: int) -> dict[str, object]:
    """Return a backup as pgBackRest lists it."""
    return {**backup, "timestamp": {"start": now - backup["ago"], "stop": 0}}


@pytest.mark.parametrize(
    ("leads", "code", "backups_made", "wanted"),
    [
        ("t", 2, [], ["stanza-create", "backup --type=full"]),
        ("f", 2, [], []),
        ("t", 0, [made("full", 50)], ["stanza-create"]),
        ("t", 0, [made("full", 300)], ["stanza-create", "backup --type=full"]),
        ("t", 0, [made("full", 150)], ["stanza-create", "backup --type=incr"]),
        ("t", 0, [made("full", 150), made("incr", 50)], ["stanza-create"]),
        ("t", 0, [made("full", 300), made("incr", 50)], ["stanza-create", "backup --type=full"]),
        ("t", 0, [made("full", 150), made("incr", 50, error=True)], ["stanza-create", "backup --type=incr"]),
        ("t", 99, [], ["stanza-create"]),
    ],
    ids=[
        "none yet",
        "follows",
        "nothing due",
        "full due",
        "incremental due",
        "incremental made",
        "full due before",
        "spoiled",
        "unreadable",
    ],
)
def test_the_leaders_host_makes_what_the_repository_lacks(tmp_path, leads, code, backups_made, wanted):
    for name, body in PROGRAMS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    # Full ones were due 200 s ago, incremental ones 100 s ago.
    now = int(time.time())
    listing = [listed(one, now=now) for one in backups_made]
    (tmp_path / "info").write_text(json.dumps([{"status": {"code": code}, "backup": listing}]))
    (tmp_path / "done").touch()
    run = subprocess.run(
        ["/bin/sh", "-c", entry("postgresql-backup"), "backup", str(WEEK), str(now - 200), str(DAY), str(now - 100)],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "FOLDER": str(tmp_path), "LEADS": leads},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (tmp_path / "done").read_text().splitlines() == wanted, run.stderr
    assert ("the repository cannot be read" in run.stderr) is (code == 99), "a repository that is away asks for no copy"


def test_the_only_member_is_found_at_its_own_port():
    several = backed_up_spec()
    assert told(configuration(several))["pg1-port"] == str(several.store_ports("postgres").main)
    assert told(configuration(backed_up_spec(members=1)))["pg1-port"] == "5432"


@pytest.mark.parametrize(("tasks", "wanted"), [({"COLORWAY_MEMBER": "member"}, ["pkey", "x509"]), ({}, [])])
def test_who_asks_a_member_by_its_certificate_puts_it_where_clients_read_it(tmp_path, tasks, wanted):
    said = 'echo "$1" >>"$FOLDER/done"'
    programs = PROGRAMS | {"id": "echo 0", "openssl": said, "cp": "", "chown": "", "setpriv": said}
    if not tasks:
        del programs["openssl"]
    for name, body in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    words = {"COLORWAY_TLS": str(tmp_path / "tls"), "COLORWAY_CA": "ca"}
    words |= dict.fromkeys(("PGSSLROOTCERT", "PGSSLKEY", "PGSSLCERT"), "anywhere")
    run = subprocess.run(
        ["/bin/sh", "-c", entry("postgresql-backup"), "backup"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "FOLDER": str(tmp_path), **tasks, **(words if tasks else {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "done").read_text().splitlines() == [*wanted, "--reuid=postgres"], "the only one has none"


def later(to: str) -> PlatformSpec:
    """Return the store as its second generation, which began at a point of the first one."""
    begins = {"generation": 1, "backup": "20261128-141203F", "to": to}
    return backed_up_spec(kept={"generation": 2, "begins-from": begins})


@pytest.mark.parametrize(
    ("to", "target"), [("release-9", "name: 'release-9'"), ("2026-11-28 14:00:00+00", "time: '2026-11-28 14:00:00+00'")]
)
def test_a_generation_that_begins_from_a_point_reads_on_from_the_earlier_one(to, target):
    first, then = backed_up_spec(), later(to)
    assert "method: point" not in replication.patroni(first, "postgres", first.members("postgres")[0])
    text = replication.patroni(then, "postgres", then.members("postgres")[0])
    assert "command: /bin/sh /colorway-point.sh postgres 20261128-141203F\n" in text
    assert f"recovery_target_{target}\n" in text
    assert "recovery_target_action: promote\n" in text, "it would wait for somebody, and Patroni with it"
    assert 'restore_command: pgbackrest --stanza=postgres archive-get %f "%p"\n' in text, "its own has nothing yet"


def test_a_later_generation_has_names_of_its_own_and_the_first_one_those_of_the_store():
    first, then = backed_up_spec(), later("release-9")
    for spec, called, volume in ((first, "postgres", "postgres-db1"), (then, "postgres.2", "postgres.2-db1")):
        [member, *_] = spec.members("postgres")
        assert (member.name, member.volume) == ("postgres-db1", volume), "a service of the same name is replaced"
        assert f"\nscope: {called}\n" in replication.patroni(spec, "postgres", member)
        assert f'"scope": "{called}"' in replication.direct(spec, "postgres", ca="/ca"), (
            "another one's member leads nobody"
        )
        assert f"\n[{called}]\n" in configuration(spec)
    assert "\n[postgres]\n" in configuration(then), "it is read from there once"
    kept = {one.name for one in then.inventory().volumes if "postgres" in one.name}
    assert {"lab-postgres-db1", "lab-postgres-db2", "lab-postgres.2-db1"} <= kept, "`down --data` removes all of it"


@pytest.mark.parametrize("name", ["postgresql-since", "postgresql-point", "postgresql-meanwhile"])
def test_scripts_of_a_restore_are_understood(name):
    checked = subprocess.run(["/bin/sh", "-n"], input=store_script(name), text=True, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
