"""What a member of a MariaDB with two makes of its volume and of what the other one says; containers do it for real."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from colorway.render.templates import entry, store_script

PROGRAMS = {
    "mariadbd": """
case " $* " in
  *" --version "*) echo "mariadbd  Ver 11.8.9-MariaDB-2 from Debian for debian-linux-gnu on x86_64" ;;
  *" --skip-networking "*) while [ ! -e "$FOLDER/down" ]; do sleep 0.1; done ;;
  *) echo "serving $*" >&2 ;;
esac""",
    "mariadb-install-db": """
for word; do case $word in --datadir=*) made=${word#*=} ;; esac; done
mkdir -p "$made/mysql"; touch "$made/ibdata1" """,
    "mariadb": """
case " $* " in
  *" --host="*" --user=${OTHERS_USER:-member} "*) [ -n "${OTHER:-}" ] && echo "$OTHER" ;;
  *" --host="*) exit 1 ;;
  *SHUTDOWN*) touch "$FOLDER/down" ;;
  *" --execute=RENAME "*) echo "$*" >>"$FOLDER/told" ;;
  *" --execute="*) ;;
  *) cat >>"$FOLDER/told" ;;
esac""",
    "mariadb-dump": '[ -z "${DUMP_FAILS:-}" ] || { echo "a half"; exit 2; }; echo "a copy"',
    "setpriv": 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
    "chown": "exit 0",
}
"""They do to files what the real ones do; OTHER is what the other member says of its read_only, empty = nothing."""


class Host:
    """A volume, and the programs of an image."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.volume = folder, folder / "volume"
        self.data, self.role = self.volume / "data", self.volume / "colorway.role"
        for where in (folder / "bin", self.volume, folder / "sockets"):
            where.mkdir()
        for name, body in PROGRAMS.items():
            (folder / "bin" / name).write_text(f"#!/bin/sh\n{body}\n")
            (folder / "bin" / name).chmod(0o755)

    def has_data(self, *, role: str | None) -> None:
        (self.data / "mysql").mkdir(parents=True)
        (self.data / "ibdata1").write_text("orders")
        if role:
            self.role.write_text(f"{role}\n")

    def start(self, *, begin: bool = False, restores: bool = False, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the script as a container's first program; whoever waits for the other one gives up after a second."""
        if begin:
            (self.folder / "sockets" / "begin").touch()
        text = (
            entry("mariadb-member", restores=restores)
            .replace("! -user mysql", "! -uid $(id -u)")
            .replace("await 600", "await 1")
        )
        env = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "FOLDER": str(self.folder),
            "MARIADB_DATA": str(self.data),
            "COLORWAY_ADDRESS": "10.0.0.14",
            "COLORWAY_CA": "/ca.pem",
            "COLORWAY_ID": "1",
            "COLORWAY_MEMBER": "/member.pem",
            "COLORWAY_OTHER": "10.0.0.15",
            "COLORWAY_PORT": "20026",
            **more,
        }
        words = ["/bin/sh", "-c", text.replace("sockets=/tmp/mariadb", f"sockets={self.folder / 'sockets'}")]
        return subprocess.run(words, env=env, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.mark.parametrize(
    ("role", "other", "becomes"),
    [
        ("primary", "1", "primary"),
        ("primary", "", "primary"),
        ("primary", "0", "replica"),
        ("replica", "0", "replica"),
        ("replica", "1", "replica"),
        ("replica", "", "replica"),
        (None, "0", "replica"),
    ],
    ids=repr,
)
def test_a_member_is_what_it_was_unless_the_other_one_takes_writes(host, role, other, becomes):
    host.has_data(role=role)
    run = host.start(OTHER=other)
    assert f"--read-only={int(becomes == 'replica')} " in run.stderr, run.stderr
    assert ("--init-rpl-role=SLAVE" in run.stderr) is (becomes == "replica"), "it throws away what nobody else had"
    assert ("--rpl-semi-sync-master-enabled=1" in run.stderr) is (becomes == "primary"), "a replica would stall by it"
    assert host.role.read_text() == f"{becomes}\n", "at its next start nobody may answer"
    assert (host.data / "ibdata1").read_text() == "orders"
    assert (host.volume / "colorway.semi-sync").read_text() == "unknown\n", "it may have been away for long"


def test_data_of_which_nobody_knows_whose_they_are_are_not_served(host):
    host.has_data(role=None)
    run = host.start()
    assert run.returncode == 1
    assert "has data and no colorway.role, so nobody knows whether they are the newest" in run.stderr
    assert "serving" not in run.stderr


@pytest.mark.parametrize(("other", "is_moved"), [("0", True), ("1", False), ("", False)])
def test_who_is_to_rejoin_keeps_its_data_beside_and_copies_once_there_is_somebody_to_copy(host, other, is_moved):
    host.has_data(role="replica")
    (host.volume / "colorway.rejoin").write_text("diverged.1\n")
    run = host.start(OTHER=other)
    assert run.returncode == 0, run.stderr
    kept = host.volume / "diverged.1" / "ibdata1"
    assert kept.exists() is is_moved
    assert (kept if is_moved else host.data / "ibdata1").read_text() == "orders", "nothing is deleted"
    assert ("copying all data" in run.stderr) is is_moved
    assert not (host.volume / "colorway.rejoin").exists(), "it was asked for once"


def test_who_was_to_rejoin_and_was_cut_off_goes_on_with_the_copy(host):
    (host.volume / "diverged.1").mkdir()
    (host.volume / "colorway.rejoin").write_text("diverged.1\n")
    run = host.start(OTHER="0")
    assert run.returncode == 0, run.stderr
    assert list((host.volume / "diverged.1").iterdir()) == [], "what was put beside is not touched again"


@pytest.mark.parametrize("other", ["", "1"])
def test_an_empty_volume_begins_nothing_by_itself(host, other):
    """It may be one that was lost: services would find an empty database."""
    run = host.start(OTHER=other)
    assert run.returncode == 1
    assert "this volume is empty and 10.0.0.15 takes no writes, so there is nothing to copy" in run.stderr
    assert not host.data.exists()


def test_the_first_member_begins_where_it_is_told_to(host):
    run = host.start(begin=True)
    assert "--read-only=0 " in run.stderr, run.stderr
    assert "REQUIRE SUBJECT '/CN=member' AND ISSUER '/CN=data stores'" in (host.folder / "told").read_text()
    assert not (host.folder / "sockets" / "begin").exists(), "the word is for one start"
    assert not list(host.volume.glob("initializing.*")), "made beside, then renamed"


def test_a_replica_begins_with_a_copy_even_where_it_is_told_to_begin(host):
    run = host.start(begin=True, OTHER="0")
    assert "--read-only=1 " in run.stderr, run.stderr
    assert (host.folder / "told").read_text() == "SET sql_log_bin = 0;\na copy\n"


def test_a_copy_that_breaks_off_is_none(host):
    run = host.start(OTHER="0", DUMP_FAILS="1")
    assert run.returncode == 1
    assert "the other member could not be read to the end" in run.stderr
    assert not host.data.exists()
    assert not list(host.volume.glob("initializing.*")), "what it made in this run"


UNASKED = {"COLORWAY_PORT": "1", "COLORWAY_CA": "ca", "COLORWAY_MEMBER": "member"}
SECOND = {"COLORWAY_GENERATION": "2", "COLORWAY_FROM": "0a1b2c3d", "COLORWAY_TO": "0-10-500"}


@pytest.mark.parametrize(
    ("generation", "others_user", "becomes"),
    [("", "member", "replica"), ("", "member-2", "primary"), ("2", "member-2", "replica"), ("2", "member", "primary")],
)
@pytest.mark.parametrize("role", ["primary", "replica"])
def test_a_member_follows_none_of_another_generation_which_may_still_take_writes(
    host, generation, others_user, becomes, role
):
    """While `up` goes back, or forward again, the other host still has the generation that is left."""
    host.has_data(role=role)
    run = host.start(restores=bool(generation), OTHER="0", OTHERS_USER=others_user, COLORWAY_GENERATION=generation)
    is_ = "replica" if role == "replica" else becomes
    assert f"--read-only={int(is_ == 'replica')} " in run.stderr, run.stderr
    assert host.role.read_text() == f"{is_}\n"
    user = f"member-{generation}" if generation else "member"
    assert f"MASTER_USER = '{user}'" in (host.folder / "sockets" / "follow.sql").read_text()


def test_an_empty_volume_of_a_later_generation_is_no_copy_of_the_earlier_one(host):
    run = host.start(restores=True, OTHER="0", **SECOND)
    assert run.returncode == 1
    assert "this volume is empty and 10.0.0.15 takes no writes" in run.stderr
    assert not host.data.exists()


@pytest.mark.parametrize(("earlier", "was"), [("", "member"), ("2", "member-2")])
def test_what_a_later_generation_restores_lets_its_own_members_in(host, earlier, was):
    script = host.folder / "from.sh"
    script.write_text('[ "$1" = logs ] || { mkdir "$2/mysql"; touch "$2/ibdata1"; }\n')
    past = {**SECOND, "COLORWAY_GENERATION": "3", "COLORWAY_FROM_SCRIPT": str(script), "COLORWAY_EARLIER": earlier}
    run = host.start(begin=True, restores=True, **past)
    assert "--read-only=0 " in run.stderr, run.stderr
    assert f"RENAME USER '{was}'@'%' TO 'member-3'@'%'" in (host.folder / "told").read_text()


@pytest.mark.parametrize(
    ("has_data", "other", "begins", "code"),
    [(False, "", True, 0), (False, "0", False, 0), (False, "1", False, 1), (True, "", False, 0), (True, "1", False, 0)],
    ids=["nobody has any", "it is copied", "its volume was lost", "it has data", "both have data"],
)
def test_only_where_nobody_has_data_the_first_member_is_told_to_begin(host, has_data, other, begins, code):
    """Going back to an earlier generation, its volume on this host may be gone."""
    if has_data:
        host.has_data(role="primary")
    text = store_script("mariadb-begin").replace("/tmp/mariadb", str(host.folder / "sockets"))
    env = {"MARIADB_DATA": str(host.data), "OTHER": other, "COLORWAY_OTHER": "10.0.0.15", **UNASKED}
    run = subprocess.run(
        ["/bin/sh", "-euc", text, "colorway", "orders", "lab"],
        env={"PATH": f"{host.folder / 'bin'}:{os.environ['PATH']}", **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == code, run.stderr
    assert (host.folder / "sockets" / "begin").exists() is begins
    assert ("make that the primary with colorway data promote lab orders" in run.stderr) is bool(code)
