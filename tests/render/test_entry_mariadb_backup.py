"""When a MariaDB's backup is made, beside which member, and which of its binary logs are archived."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from colorway.render.templates import entry

PROGRAMS = {
    "id": "echo 101",
    "setpriv": "",
    "mariadb-backup": "",
    "mariadb-binlog": 'for last; do :; done; cat "$last"',
    "timeout": 'shift; exec "$@"',
    # As the members answer; empty = it is away.
    "mariadb": r"""
beats=$(wc -l <"$FOLDER/beats")
of() { cat "$FOLDER/$1.$beats" 2>/dev/null || echo "$2"; }
case " $* " in
  *gtid_binlog_state*) said=$(of state "$STATE"); [ -n "$said" ] || exit 0 ;;
  *=FLUSH*)
    [ -n "${OF_ANOTHER:-}" ] ||
      printf '#\tGtid list [%s]\n' "$(of state "$STATE")" >"$MARIADB_DATA/binlog.00000$((10 + beats))"
    exit ;;
  *" --host=here "*) said=$HERE ;;
  *" --host=other "*) said=$(of other "$OTHER") ;;
  *" --socket=socket --user=backup "*) said=$HERE ;;
esac
[ -n "$said" ] || { echo "ERROR 2002 (HY000): Can't connect" >&2; exit 1; }
echo "$said" """,
    "restic": r"""
case " $* " in
  *" snapshots "*--tag=log*) [ "$CODE" = 0 ] || exit "$CODE"
    cat "$FOLDER/logs.$(wc -l <"$FOLDER/beats")" 2>/dev/null || cat "$FOLDER/logs" ;;
  *" snapshots "*) [ "$CODE" = 0 ] || exit "$CODE"; cat "$FOLDER/snapshots" ;;
  *" forget "*--tag=log*) ;;
  *" unlock "*) ;;
  *" backup "*--tag=log*)
    for word; do
      case $word in
        --files-from-verbatim=*) list=${word#*=} ;;
        --tag=*) tags="${tags:-}${word#*=} " ;;
      esac
    done
    echo "$tags$(sed 's/.*binlog\.0*//' "$list" | paste -s -d ' ')" >>"$FOLDER/shipped"
    exit "$FAILS" ;;
  *" backup "*) echo backup >>"$FOLDER/done"; exit "$FAILS" ;;
  *" forget "*) echo forget >>"$FOLDER/done" ;;
  *" init "*) echo init >>"$FOLDER/done" ;;
esac""",
    # One look is enough, and so is one beat: of a shell below the one that looks.
    "sleep": """
[ "$1" != 60 ] || echo beat >>"$FOLDER/beats"
beats=$(wc -l <"$FOLDER/beats")
[ "$1" != "$BEATS" ] || [ "$beats" -lt "$TIMES" ] || kill -TERM "$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$PPID/status")"
[ "$1" = 60 ] || [ "$BEATS" = 60 ] || kill -TERM $PPID
[ "$1" = 60 ] && [ "$beats" -lt "$TIMES" ] || exec /bin/sleep 2""",
}
REPLICA, PRIMARY, BEHIND = "replica ON", "primary OFF", "replica OFF"
DAY = 86400
BESIDE_A_MEMBER = {"ADDRESS": "here", "OTHER": "other", "PORT": "1", "CA": "ca", "MEMBER": "member"}
BESIDE_THE_ONLY_ONE = {"SOCKET": "socket"}


def run_script(folder: Path, tasks: Mapping[str, str], **told: str) -> subprocess.CompletedProcess[str]:
    """Run it until it has looked once, or archived once, where a backup was due 100 s ago."""
    for name, body in PROGRAMS.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    for name in ("done", "shipped", "beats"):
        (folder / name).touch()
    (folder / "data").mkdir(exist_ok=True)
    words = {**tasks, "LOOKUP": "path", "STORE": "orders", "HOST": "db1"}
    return subprocess.run(
        ["/bin/sh", "-c", entry("mariadb-backup"), "backup", str(DAY), str(int(time.time()) - 100), "14"],
        env={
            "PATH": f"{folder}:{os.environ['PATH']}",
            "MARIADB_DATA": str(folder / "data"),
            "FOLDER": str(folder),
            **told,
            **{f"COLORWAY_{key}": value for key, value in words.items()},
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def before(ago: int, **more: object) -> dict[str, object]:
    """Return a snapshot that began so many seconds ago."""
    moment = time.strftime("%FT%TZ", time.gmtime(int(time.time()) - ago))
    return {"time": moment, "tree": "0", "hostname": "db1.1", **more, "short_id": "1"}


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, separators=(",", ":")))


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
    write_json(folder / "snapshots", [] if ago is None else [{"group_key": None, "snapshots": [before(ago)]}])
    write_json(folder / "logs", [])
    told = {
        "HERE": here,
        "OTHER": other,
        "STATE": "",
        "CODE": str(code),
        "FAILS": str(fails),
        "BEATS": "no",
        "TIMES": "0",
    }
    run = run_script(folder, tasks, **told)
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
        (PRIMARY, PRIMARY, False),
        (BEHIND, PRIMARY, False),
        (BEHIND, "", False),
        ("", PRIMARY, False),
    ],
    ids=["replica", "spared", "other behind", "alone", "replaced, or not", "behind", "fenced", "away"],
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


OURS, OLDER = "0-10-9", "0-10-5"
"""States of the member on this host: as it is, and where the archive ends."""


def beat(
    folder: Path,
    *,
    state: str = OURS,
    archived: str | None = OLDER,
    logs: Sequence[str] = ("", OLDER),
    here: str = REPLICA,
    other: str | None = None,
    fails: int = 0,
    is_another: bool = False,
    meanwhile: Sequence[Mapping[str, str]] = (),
) -> tuple[list[str], str]:
    """Return what one beat archives, or several do, and what is said of it.

    Args:
        folder: A folder of the test's own.
        state: The member's state.
        archived: Where the archive ends; none = there is none.
        logs: In which state each of the member's binary logs begins; the last one is open.
        here: What the member is.
        other: What the other one is; none = what it usually is beside that.
        fails: How the program ends that archives.
        is_another: Whether the server that answers has another volume.
        meanwhile: What is otherwise at each further beat: the `state`, what the `other` one is, where the archive ends.
    """
    (folder / "data").mkdir()
    for number, begins in enumerate(logs, start=1):
        log = folder / "data" / f"binlog.{number:06}"
        log.write_text(f"# at 256\n#261129 \tGtid list [{begins}]\n# at 285\n")
        os.utime(log, (1, 1))
    write_json(folder / "snapshots", [before(50)])

    def has(file: str, ends: str | None) -> None:
        write_json(folder / file, [] if ends is None else [before(70, tags=["log", f"at:{ends}"])])

    has("logs", archived)
    for number, otherwise in enumerate(meanwhile, start=1):
        for what, said in otherwise.items():
            if what == "archived":
                has(f"logs.{number}", said)
            else:
                (folder / f"{what}.{number}").write_text(f"{said}\n")
    other = other or (PRIMARY if here == REPLICA else BEHIND)
    told = {"HERE": here, "OTHER": other, "STATE": state, "CODE": "0", "FAILS": str(fails)}
    told |= {"BEATS": "60", "TIMES": str(1 + len(meanwhile))}
    run = run_script(folder, BESIDE_A_MEMBER, **told, **({"OF_ANOTHER": "yes"} if is_another else {}))
    return (folder / "shipped").read_text().splitlines(), run.stderr


def test_what_is_new_is_closed_and_archived_up_to_where_the_open_one_begins(tmp_path):
    assert beat(tmp_path) == ([f"log at:{OURS} 2"], "")


@pytest.mark.parametrize(
    ("how", "shipped"),
    [
        ({"archived": OURS}, []),
        ({"state": "", "archived": None}, []),
        ({"archived": None}, [f"log at:{OURS} 1 2"]),
        ({"archived": "0-10-7", "logs": ("", "0-10-4", "0-10-6", "0-10-8")}, [f"log at:{OURS} 3 4"]),
        ({"archived": "0-10-12"}, []),
        ({"here": BEHIND}, []),
    ],
    ids=["nothing new", "nothing yet", "no archive yet", "the other one has archived", "it is behind", "not its turn"],
)
def test_only_what_the_archive_lacks_is_archived(tmp_path, how, shipped):
    assert beat(tmp_path, **how) == (shipped, "")


@pytest.mark.parametrize(
    ("how", "shipped"),
    [
        ({"archived": "0-10-3", "logs": (OLDER,), "here": PRIMARY}, [f"log at:{OURS} 1"]),
        ({"archived": "0-10-12", "here": PRIMARY}, [f"log at:{OURS} anew 2"]),
        (
            {"archived": "0-10-8", "state": "0-10-6,0-11-20", "logs": ("", "0-10-4"), "here": PRIMARY},
            ["log at:0-10-6,0-11-20 anew 2"],
        ),
    ],
    ids=["logs are gone", "it has lost some", "it went another way"],
)
def test_what_does_not_go_on_from_the_archive_is_said_and_wants_a_new_backup(tmp_path, how, shipped):
    found, said = beat(tmp_path, **how)
    assert found == [one.replace(",", "+") for one in shipped]
    assert "the binary logs do not go on where the archive ends, which is 0-10-" in said


def test_the_logs_of_an_earlier_generation_are_not_taken_for_those_of_the_server_that_answers(tmp_path):
    assert beat(tmp_path, is_another=True, here=PRIMARY, archived="0-10-12") == ([], "")


def test_what_could_not_be_archived_is_said(tmp_path):
    found, said = beat(tmp_path, fails=1)
    assert found
    assert "the binary logs could not be archived; that is tried again" in said


RELIEVED = {"other": REPLICA, "state": "0-10-14"}


def test_whoever_is_relieved_by_a_copy_adds_what_that_has_no_logs_of(tmp_path):
    found, said = beat(tmp_path, here=PRIMARY, meanwhile=[RELIEVED, {**RELIEVED, "state": "0-10-17"}])
    assert found == [f"log at:{OURS} 2", "log at:0-10-14 2 10"], "once, and then the other one does"
    assert said == ""


@pytest.mark.parametrize("before", [PRIMARY, REPLICA], ids=["both took writes", "it has just begun"])
def test_so_does_who_does_not_know_what_was_archived(tmp_path, before):
    found, said = beat(tmp_path, here=PRIMARY, other=before, meanwhile=[RELIEVED, RELIEVED])
    assert len(found) == 1
    assert found[0].startswith("log at:")
    assert said == ""


COPY = {"logs": ("0-10-8",), "state": "0-10-9", "archived": OLDER}
"""A member whose data are a copy, and begin after the end of the archive."""


def test_a_copy_waits_until_the_other_one_has_added_what_came_before_it(tmp_path):
    found, said = beat(tmp_path, **COPY, meanwhile=[{}, {"archived": "0-10-8"}])
    assert (found, said) == (["log at:0-10-9 1 10 11"], "")
    assert (tmp_path / "done").read_text() == "", "no gap, and so no backup at once"


def test_a_copy_that_nobody_adds_anything_before_makes_a_backup_at_once(tmp_path):
    found, said = beat(tmp_path, **COPY, meanwhile=[{}, {}, {}])
    assert [line.partition(" ")[0] for line in found] == ["log"]
    assert said.startswith(f"the binary logs do not go on where the archive ends, which is {OLDER}: a backup is made")
