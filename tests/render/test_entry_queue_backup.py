"""When a queue's backup is made, and beside which member; and what its proof says. Containers do it for real."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from colorway.render.templates import entry

FIRST, SECOND, THIRD = "10.0.0.1", "10.0.0.2", "10.0.0.3"
PASSWORD = 'it\'s a "pass\\word" $x'
RESTIC = """
case " $* " in
  *" snapshots "*) [ "$CODE" = 0 ] || exit "$CODE"; cat "$FOLDER/snapshots" ;;
  *" backup "*)
    echo backup >>"$FOLDER/done"
    while [ "$1" != -- ]; do shift; done; shift; "$@" >"$FOLDER/dump"
    [ "$FAILS" != bucket ] || exit 1 ;;
  *" dump "*) [ "$FAILS" != bucket ] || exit 1; echo REDIS ;;
  *" forget "*) echo forget >>"$FOLDER/done" ;;
  *" init "*) echo init >>"$FOLDER/done" ;;
esac"""
PROGRAMS = {
    "id": "echo 101",
    "setpriv": "",
    "timeout": 'shift; exec "$@"',
    "flock": "exit 0",
    "restic": RESTIC,
    # Says what the test has put down for its address; all that it is told is kept.
    "valkey-cli": """
echo "$*" >>"$FOLDER/arguments"
case " $* " in
  *" -s "*) [ ! -e "$FOLDER/refuses" ] || exit 1; cat "$FOLDER/keys" ;;
  *)
    IFS= read -r password
    [ "$password" = "$(cat "$VALKEY_PASSWORD_FILE")" ] || { echo "NOAUTH Authentication required."; exit 1; }
    case " $* " in
      *" --rdb "*)
        [ "$FAILS" != server ] || { echo "SYNC with master failed" >&2; exit 1; }
        for file in "$@"; do :; done
        echo "REDIS $2" >"$file" ;;
      *) cat "$FOLDER/says-$2" 2>/dev/null || { echo "Could not connect" >&2; exit 1; } ;;
    esac ;;
esac""",
    "valkey-server": "[ ! -e $FOLDER/refuses ] || { echo 'Bad file format'; exit 1; }; exec /bin/sleep 60",
    "valkey-check-rdb": "[ ! -e $FOLDER/corrupt ] || { echo '--- RDB ERROR DETECTED ---'; exit 1; }",
}
ONE_LOOK = {"sleep": "kill -TERM $PPID"}
DAY = 86400
LEADS, FOLLOWS, APART = "role:master\r\n", "role:slave\r\nmaster_link_status:up\r\n", "master_link_status:down\r\n"
SEVERAL = {"COLORWAY_ADDRESS": SECOND, "COLORWAY_MEMBERS": f"{FIRST} {SECOND} {THIRD}", "COLORWAY_CA": "ca.pem"}
ONE = {"COLORWAY_ADDRESS": "queue"}


def begun(
    folder: Path, script: str, *arguments: str, env: Mapping[str, str], more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    for name, body in {**PROGRAMS, **(more or {})}.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    (folder / "password").write_text(f"{PASSWORD}\n")
    (folder / "done").touch()
    (folder / "arguments").touch()
    told = {"CODE": "0", "FAILS": "", "FOLDER": str(folder), "VALKEY_PASSWORD_FILE": str(folder / "password")}
    store = {"COLORWAY_LOOKUP": "path", "COLORWAY_STORE": "queue", "COLORWAY_HOST": "db1", "COLORWAY_PORT": "6379"}
    run = subprocess.run(
        ["/bin/sh", "-c", entry(script, program="valkey"), script, *arguments],
        env={"PATH": f"{folder}:{os.environ['PATH']}", **told, **store, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert PASSWORD not in (folder / "arguments").read_text() + run.stdout + run.stderr, "`ps` and logs would show it"
    return run


def has(folder: Path, *, ago: int | None) -> None:
    """Put down what the repository says: a backup that began so many seconds ago, or none."""
    now = int(time.time())
    made = {"time": time.strftime("%FT%TZ", time.gmtime(now - (ago or 0))), "summary": {"total_bytes_processed": 7}}
    found = [] if ago is None else [{**made, "tree": "0", "id": "0123", "short_id": "01"}]
    groups = [{"group_key": {"tags": ["colorway"]}, "snapshots": found}] if found else []
    (folder / "snapshots").write_text(json.dumps(groups, separators=(",", ":")))


def ran(
    folder: Path,
    says: Mapping[str, str],
    *,
    ago: int | None = None,
    tasks: Mapping[str, str] = SEVERAL,
    **told: str,
) -> list[str]:
    """Return what is done at one look, where a backup was due 100 s ago and the newest one began so long ago."""
    has(folder, ago=ago)
    for address, text in says.items():
        (folder / f"says-{address}").write_text(text)
    run = begun(
        folder, "queue-backup", str(DAY), str(int(time.time()) - 100), "14", env={**tasks, **told}, more=ONE_LOOK
    )
    done = (folder / "done").read_text().split()
    assert ("the repository cannot be read" in run.stderr) is (told.get("CODE", "0") not in {"0", "10"}), run.stderr
    assert ("backup made" in run.stdout) is ("forget" in done), run.stderr
    assert ("SYNC with master failed" in run.stderr) is (told.get("FAILS") == "server"), "its words are the reason"
    return done


@pytest.mark.parametrize(
    ("says", "is_ours"),
    [
        ({FIRST: LEADS, SECOND: FOLLOWS, THIRD: FOLLOWS}, True),
        ({FIRST: FOLLOWS, SECOND: FOLLOWS, THIRD: LEADS}, False),
        ({FIRST: APART, SECOND: FOLLOWS, THIRD: LEADS}, True),
        ({SECOND: FOLLOWS, THIRD: LEADS}, True),
        ({FIRST: LEADS, SECOND: APART, THIRD: FOLLOWS}, False),
        ({FIRST: FOLLOWS, SECOND: LEADS, THIRD: FOLLOWS}, False),
        ({SECOND: LEADS}, False),
        ({FIRST: LEADS}, False),
    ],
    ids=["first to follow", "another before", "other apart", "other away", "apart", "leads", "leads alone", "away"],
)
def test_the_first_member_that_follows_spares_the_leader(tmp_path, says, is_ours):
    assert ran(tmp_path, says) == (["backup", "forget"] if is_ours else [])
    if is_ours:
        assert (tmp_path / "dump").read_text() == f"REDIS {SECOND}\n", "it hands its own data out"
        assert "--tls --cacert ca.pem --askpass" in (tmp_path / "arguments").read_text()


@pytest.mark.parametrize(
    ("says", "ago", "done"),
    [
        ("PONG\n", None, ["backup", "forget"]),
        ("PONG\n", 90, []),
        ("PONG\n", DAY, ["backup", "forget"]),
        ("LOADING Valkey is loading the dataset in memory\n", DAY, []),
    ],
    ids=["none yet", "made", "due", "loads"],
)
def test_the_only_member_is_asked_by_its_name(tmp_path, says, ago, done):
    assert ran(tmp_path, {"queue": says}, ago=ago, tasks=ONE) == done
    assert "--tls" not in (tmp_path / "arguments").read_text()


@pytest.mark.parametrize(("ago", "is_due"), [(50, False), (150, True), (3 * DAY, True)])
def test_what_the_repository_has_is_not_made_again_whoever_made_it(tmp_path, ago, is_due):
    assert ran(tmp_path, {SECOND: FOLLOWS}, ago=ago) == (["backup", "forget"] if is_due else [])


@pytest.mark.parametrize(("code", "done"), [(10, ["init", "backup", "forget"]), (12, []), (1, [])])
def test_only_where_there_is_no_repository_one_is_made(tmp_path, code, done):
    assert ran(tmp_path, {SECOND: FOLLOWS}, CODE=str(code)) == done


@pytest.mark.parametrize(("fails", "done"), [("server", []), ("bucket", ["backup"])])
def test_a_backup_that_fails_is_none_and_removes_no_older_one(tmp_path, fails, done):
    assert ran(tmp_path, {SECOND: FOLLOWS}, FAILS=fails) == done


KEYS = "# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=5\r\ndb7:keys=40,expires=0,avg_ttl=0\r\n"


def proof(folder: Path, *, ago: int | None = 60, keys: str = KEYS, **told: str) -> dict[str, Any]:
    has(folder, ago=ago)
    # Answers PING and the question for keys alike.
    (folder / "keys").write_text(f"PONG\n{keys}")
    run = begun(folder, "queue-verify", "0", "3600", env={"COLORWAY_SCRATCH": str(folder), **told})
    [line] = run.stdout.splitlines()
    found = json.loads(line)
    assert found["verified"] is (run.returncode == 0), "its exit code says the same"
    assert json.loads((folder / "proof.json").read_text()) == found, "the gate of a release reads it there"
    assert list(folder.glob("restored.*")) == [], "nothing is left of it"
    return dict(found)


def test_a_proof_counts_the_keys_of_all_databases(tmp_path):
    found = proof(tmp_path)
    assert (found["store"], found["verified"], found["why"]) == ("queue", True, "")
    assert (found["backup"], found["bytes"], found["keys"]) == ("01", 7, 43)
    assert 60 <= found["backup_age"] < 600


def test_a_queue_that_is_empty_is_proven_too(tmp_path):
    found = proof(tmp_path, keys="# Keyspace\r\n")
    assert (found["verified"], found["keys"]) == (True, 0)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"ago": None}, "there is no backup"),
        ({"CODE": "10"}, "there is no backup"),
        ({"CODE": "12"}, "the passphrase does not open the repository"),
        ({"CODE": "1"}, "the repository cannot be read"),
        ({"FAILS": "bucket"}, "the restore failed"),
        ({"ago": 3700}, "the backup is older than 3600 s"),
        ({"keys": "NOAUTH\r\n"}, "the restored server does not answer"),
    ],
)
def test_what_is_not_proven_is_said(tmp_path, wrong, why):
    found = proof(tmp_path, **wrong)
    assert (found["verified"], found["why"]) == (False, why)


@pytest.mark.parametrize(
    ("what", "why"),
    [("corrupt", "valkey-check-rdb found corruption"), ("refuses", "the restored server does not start")],
)
def test_a_dump_that_no_server_would_load_is_not_proven(tmp_path, what, why):
    (tmp_path / what).touch()
    found = proof(tmp_path)
    assert (found["verified"], found["why"]) == (False, why)
