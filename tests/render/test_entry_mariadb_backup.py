"""When a MariaDB's backup is made, and beside which member; containers do it for real."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from colorway.render.templates import entry

PROGRAMS = {
    "id": "echo 101",
    "setpriv": "",
    "mariadb-backup": "",
    "timeout": 'shift; exec "$@"',
    # As the members answer; empty = it is away.
    "mariadb": """
case " $* " in
  *" --host=here "*) said=$HERE ;;
  *" --host=other "*) said=$OTHER ;;
  *" --socket=socket --user=backup "*) said=$HERE ;;
esac
[ -n "$said" ] || { echo "ERROR 2002 (HY000): Can't connect" >&2; exit 1; }
echo "$said" """,
    "restic": """
case " $* " in
  *" snapshots "*) [ "$CODE" = 0 ] || exit "$CODE"; cat "$FOLDER/snapshots" ;;
  *" backup "*) echo backup >>"$FOLDER/done"; exit "$FAILS" ;;
  *" forget "*) echo forget >>"$FOLDER/done" ;;
  *" init "*) echo init >>"$FOLDER/done" ;;
esac""",
    # One look is enough.
    "sleep": "kill -TERM $PPID",
}
REPLICA, PRIMARY, BEHIND = "replica ON", "primary OFF", "replica OFF"
DAY = 86400
BESIDE_A_MEMBER = {"ADDRESS": "here", "OTHER": "other", "PORT": "1", "CA": "ca", "MEMBER": "member"}
BESIDE_THE_ONLY_ONE = {"SOCKET": "socket"}


def ran(
    folder: Path,
    *,
    here: str,
    other: str,
    ago: int | None = None,
    code: int = 0,
    fails: int = 0,
    tasks: Mapping[str, str] = BESIDE_A_MEMBER,
) -> list[str]:
    """Return what is done at one look, where a backup was due 100 s ago and the newest one began so long ago."""
    for name, body in PROGRAMS.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    now = int(time.time())
    made = [] if ago is None else [{"time": time.strftime("%FT%TZ", time.gmtime(now - ago)), "tree": "0", "id": "1"}]
    groups = [{"group_key": {"tags": ["colorway"]}, "snapshots": made}] if made else []
    (folder / "snapshots").write_text(json.dumps(groups, separators=(",", ":")))
    (folder / "done").touch()
    told = {"HERE": here, "OTHER": other, "CODE": str(code), "FAILS": str(fails), "FOLDER": str(folder)}
    run = subprocess.run(
        ["/bin/sh", "-c", entry("mariadb-backup"), "backup", str(DAY), str(now - 100), "14"],
        env={
            "PATH": f"{folder}:{os.environ['PATH']}",
            "MARIADB_DATA": "data",
            **told,
            **{
                f"COLORWAY_{key}": value
                for key, value in {**tasks, "LOOKUP": "path", "STORE": "orders", "HOST": "db1"}.items()
            },
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ("the repository cannot be read" in run.stderr) is (code not in {0, 10}), run.stderr
    assert ("backup made" in run.stdout) is ("forget" in (folder / "done").read_text()), run.stderr
    return (folder / "done").read_text().split()


@pytest.mark.parametrize(
    ("here", "other", "is_ours"),
    [
        (REPLICA, PRIMARY, True),
        (PRIMARY, REPLICA, False),
        (PRIMARY, BEHIND, True),
        (PRIMARY, "", True),
        (BEHIND, PRIMARY, False),
        (BEHIND, "", False),
        ("", PRIMARY, False),
    ],
    ids=["replica", "spared", "other behind", "alone", "behind", "fenced", "away"],
)
def test_the_replica_spares_the_primary_as_long_as_it_is_well(tmp_path, here, other, is_ours):
    assert ran(tmp_path, here=here, other=other) == (["backup", "forget"] if is_ours else [])


@pytest.mark.parametrize(("ago", "is_due"), [(50, False), (150, True), (3 * DAY, True)])
def test_what_the_repository_has_is_not_made_again_whoever_made_it(tmp_path, ago, is_due):
    assert ran(tmp_path, here=REPLICA, other=PRIMARY, ago=ago) == (["backup", "forget"] if is_due else [])


@pytest.mark.parametrize(("code", "done"), [(10, ["init", "backup", "forget"]), (12, []), (1, [])])
def test_only_where_there_is_no_repository_one_is_made(tmp_path, code, done):
    assert ran(tmp_path, here=REPLICA, other=PRIMARY, code=code) == done


def test_a_backup_that_fails_removes_no_older_one(tmp_path):
    assert ran(tmp_path, here=REPLICA, other=PRIMARY, fails=1) == ["backup"]


@pytest.mark.parametrize(
    ("here", "ago", "done"),
    [("1", None, ["backup", "forget"]), ("1", 90, []), ("1", DAY, ["backup", "forget"]), ("", DAY, [])],
    ids=["none yet", "made", "due", "it is away"],
)
def test_the_only_member_is_asked_through_its_socket(tmp_path, here, ago, done):
    assert ran(tmp_path, here=here, other="", ago=ago, tasks=BESIDE_THE_ONLY_ONE) == done
