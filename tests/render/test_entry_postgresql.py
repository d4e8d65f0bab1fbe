"""What PostgreSQL's entry script does with the volume that it finds; the real server does the same in tests/e2e."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from colorway.render.templates import entry

FOREIGN = "/var/run/postgresql"
PROGRAMS = {
    "postgres": """
case $1 in
  --version) echo "postgres (PostgreSQL) 18.1 (Debian 18.1-2)" ;;
  --single) { cat; echo "-- of $*"; } >>"$TOLD"
    case $* in *" shop") exit "${SINGLE_ENDS_WITH_AT_SHOP:-0}" ;; *) exit "${SINGLE_ENDS_WITH:-0}" ;; esac ;;
  *) echo "serving $2"; echo "$*" >"$TOLD.argv" ;;
esac""",
    "initdb": """
[ -z "${INITDB_FAILS:-}" ] || exit 1
for word; do case $word in --pgdata=*) made=${word#*=} ;; esac; done
mkdir -p "$made/global"; echo 18 >"$made/PG_VERSION"; touch "$made/global/pg_control" "$made/pg_hba.conf" """,
    "setpriv": 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
    "chown": "exit 0",
    "pgbackrest": "exit 1",
}
"""They do to files what the real ones do, and fail where a test says so."""


def script(extensions: Sequence[str] = (), *, parameters: bool = False, has_backup: bool = False) -> str:
    """The script of a store."""
    return entry("postgresql", extensions=extensions, parameters=parameters, has_backup=has_backup)


@dataclass(frozen=True, kw_only=True)
class Host:
    """A volume, and the programs of an image."""

    folder: Path

    @property
    def volume(self) -> Path:
        return self.folder / "volume"

    @property
    def data(self) -> Path:
        return self.volume / "pgdata"

    @property
    def sockets(self) -> Path:
        return self.folder / "sockets"

    @property
    def told(self) -> str:
        """What the server was told without its network."""
        file = self.folder / "told"
        return file.read_text() if file.exists() else ""

    def cluster(self, where: Path, *, version: str = "18") -> None:
        """Put a cluster there, with something in it that can be missed."""
        (where / "global").mkdir(parents=True)
        (where / "global" / "pg_control").touch()
        (where / "PG_VERSION").write_text(f"{version}\n")
        (where / "precious").write_text("orders")

    def pid_file(self, sockets: Path | str) -> Path:
        file = self.data / "postmaster.pid"
        file.write_text(f"1\n{self.data}\n1764219600\n5432\n{sockets}\n*\n")
        return file

    def start(
        self, text: str | None = None, arguments: Sequence[str] = (), **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the script as a container's first program, with what would be outside of the test's folder inside."""
        text = (text or script()).replace("! -user postgres", "! -uid $(id -u)")
        return subprocess.run(
            ["/bin/sh", "-c", text.replace("sockets=/tmp/postgresql", f"sockets={self.sockets}"), "sh", *arguments],
            env={
                "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                "PGDATA": str(self.data),
                "POSTGRES_USER": "seller",
                "POSTGRES_DB": "shop",
                "TOLD": str(self.folder / "told"),
                **more,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@pytest.fixture
def host(tmp_path: Path) -> Host:
    (tmp_path / "bin").mkdir()
    for name, body in PROGRAMS.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "volume").mkdir()
    return Host(folder=tmp_path)


def files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "colorway.lock"
    }


def test_an_empty_volume_becomes_a_cluster_in_one_step(host):
    run = host.start()
    assert run.stdout == f"serving {host.data}\n", run.stderr
    assert {path.name for path in host.volume.iterdir()} == {"pgdata", "colorway.lock"}, "made beside, then renamed"
    assert 'CREATE DATABASE "shop" OWNER "seller";' in host.told
    assert "PASSWORD" not in host.told, "who may log in it is told while it runs, so that no new password restarts it"
    assert "host all all all scram-sha-256" in (host.data / "pg_hba.conf").read_text()


@pytest.mark.parametrize("where", ["pgdata", ".", "18/docker"])
def test_a_whole_cluster_without_any_mark_of_ours_is_served_as_it_is(host, where):
    host.cluster(host.volume / where)
    before = files(host.volume)
    run = host.start()
    assert run.stdout.startswith("serving "), run.stderr
    assert (Path(run.stdout.removeprefix("serving ").strip()) / "precious").read_text() == "orders"
    assert files(host.volume) == before, "nothing is added and nothing is gone"
    assert "CREATE" not in host.told, "it has its own roles and databases"


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("half", "holds something that is no whole cluster"),
        ("two", "there are several clusters on this volume"),
        ("version", "was made by PostgreSQL 16 and this image has 18: run an image of 16, or upgrade"),
        ("pid", "was written by a PostgreSQL that this script did not start"),
    ],
)
def test_what_cannot_be_served_is_refused_in_one_sentence_and_left_alone(host, what, said):
    if what == "half":
        (host.data / "base").mkdir(parents=True)
        (host.data / "base" / "1").write_text("orders")
    if what == "two":
        host.cluster(host.volume / "one")
        host.cluster(host.volume / "other")
    if what == "version":
        host.cluster(host.data, version="16")
    if what == "pid":
        host.cluster(host.data)
        host.pid_file(FOREIGN)
    before = files(host.volume)
    run = host.start()
    assert run.returncode == 1
    assert said in run.stderr
    assert "nothing was changed" in run.stderr
    assert files(host.volume) == before
    assert not host.told, "no server was started on it"


def test_a_volume_that_is_to_be_adopted_is_no_place_for_a_new_cluster(host):
    run = host.start(COLORWAY_ADOPTS="shop_pgdta")
    assert run.returncode == 1
    assert run.stderr == (
        "the volume shop_pgdta holds no cluster: look for its name with `docker volume ls` on this host; nothing was "
        "changed\n"
    )
    assert [path.name for path in host.volume.iterdir()] == ["colorway.lock"]


def test_an_adopted_cluster_gets_the_role_and_the_database_that_it_lacks(host):
    host.cluster(host.volume / "18" / "docker")
    run = host.start(COLORWAY_ADOPTS="shop_pgdata")
    assert run.stdout.startswith("serving "), run.stderr
    assert 'CREATE ROLE "seller" LOGIN;' in host.told
    assert 'CREATE DATABASE "shop" OWNER "seller";' in host.told
    assert (host.volume / "18" / "docker" / "precious").read_text() == "orders"


def test_the_pid_file_of_our_own_killed_server_is_removed_under_the_lock(host):
    host.cluster(host.data)
    file = host.pid_file(host.sockets)
    assert host.start().stdout == f"serving {host.data}\n"
    assert not file.exists(), "its number may be anybody's in this container"


def test_what_a_first_start_left_that_was_cut_off_is_named_and_kept(host):
    host.cluster(host.volume / "initializing.abcdef")
    run = host.start()
    assert run.stdout == f"serving {host.data}\n", run.stderr
    assert "initializing.abcdef is left of a first start that was cut off" in run.stderr
    assert (host.volume / "initializing.abcdef" / "precious").exists(), "this run did not make it"


@pytest.mark.parametrize("failing", [{"INITDB_FAILS": "1"}, {"SINGLE_ENDS_WITH": "1"}])
def test_a_first_start_that_fails_takes_its_own_half_away(host, failing):
    assert host.start(**failing).returncode != 0
    assert [path.name for path in host.volume.iterdir()] == ["colorway.lock"], "a loop of restarts fills no disk"


def test_who_waits_in_vain_for_the_volume_says_who_has_it(host):
    lock = host.volume / "colorway.lock"
    lock.write_text("PostgreSQL in container 0123456789ab, begun 2026-11-27T04:00:00Z,\n")
    with subprocess.Popen(
        ["flock", str(lock), "sh", "-c", "echo held; read ended"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None, "it is a pipe"
        assert holder.stdout.readline() == "held\n", "the lock is taken"
        run = host.start(script().replace("flock -w 30 9", "flock -w 0.2 9"))
        holder.communicate("\n")
    assert run.returncode == 1
    assert (
        "PostgreSQL in container 0123456789ab, begun 2026-11-27T04:00:00Z, still has this volume after 30 s"
        in run.stderr
    )
    assert list(host.volume.iterdir()) == [lock]


def test_a_store_without_the_newer_keys_has_the_text_that_it_had():
    last = script().splitlines()[-2:]
    assert last[-1].endswith("-c max_connections=200"), "new text replaces the task of a database that nobody changed"
    assert "EXTENSION" not in script()
    assert '"$@"' not in last[-1]


def test_extensions_are_made_in_the_applications_database_at_every_start(host):
    text = script(["vector", "uuid-ossp"], parameters=True)
    for _ in range(2):
        run = host.start(text, ["-c", "shared_preload_libraries=vector"])
        assert run.stdout == f"serving {host.data}\n", run.stderr
    told = host.told.split("-- of ")
    made = [said for said in told if "EXTENSION" in said]
    assert len(made) == 2, "a volume from before the key was written gets them, too"
    assert 'CREATE EXTENSION IF NOT EXISTS "vector" CASCADE;\n\n' in made[0]
    assert 'CREATE EXTENSION IF NOT EXISTS "uuid-ossp" CASCADE;\n\n' in made[0], "a dash needs quotes"
    assert "WHERE name = 'vector') THEN RAISE EXCEPTION 'this image has no extension vector, it has: %'," in made[0]
    [of, *_] = told[told.index(made[0]) + 1].splitlines()
    assert of.endswith(" shop"), "not in the superuser's own database"
    assert "-c shared_preload_libraries=vector" in of, "some extensions have to be loaded beforehand"


def test_a_database_that_cannot_have_its_extensions_says_which_and_does_not_serve(host):
    host.cluster(host.data)
    run = host.start(script(["nope"]), SINGLE_ENDS_WITH_AT_SHOP="1")
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.splitlines()[-1] == (
        'the database "shop" could not be given its extensions (nope); the lines above say why'
    )


def test_parameters_come_after_what_the_script_says_by_default(host):
    host.start(script(parameters=True), ["-c", "max_connections=300"])
    argv = (host.folder / "told.argv").read_text()
    assert argv.index("max_connections=200") < argv.index("max_connections=300"), "the last one counts"


def test_extensions_of_a_store_that_was_restored_by_hand_can_be_made(host):
    host.cluster(host.data)
    assert host.start(script(["vector"], parameters=True, has_backup=True)).returncode == 0
    [asked] = [line for line in host.told.splitlines() if line.startswith("-- of --single")]
    assert " -c hot_standby=off " in asked, "a server alone fails at a recovery while it may be read"


def test_a_store_that_is_backed_up_has_a_second_socket_on_its_volume(host):
    stale = host.volume / "sockets" / ".s.PGSQL.5432.lock"
    stale.parent.mkdir()
    stale.write_text("7\n")
    run = host.start(script(has_backup=True))
    assert run.returncode == 0, run.stderr
    argv = (host.folder / "told.argv").read_text()
    assert f"unix_socket_directories={host.sockets},{host.volume}/sockets " in argv, "another container finds it there"
    assert not stale.exists(), "a number in it may be anybody's here, and the server would not begin"
    assert (host.volume / "sockets").stat().st_mode & 0o777 == 0o700, "nobody else of the host comes in"


@pytest.mark.parametrize("has_backup", [False, True])
def test_who_gets_backups_and_who_has_them_no_more_begin_after_a_kill(host, has_backup):
    host.cluster(host.data)
    pid = host.pid_file(host.sockets)
    run = host.start(script(has_backup=has_backup))
    assert run.stdout.startswith("serving "), run.stderr
    assert not pid.exists(), "the first socket is the same with and without"


@pytest.mark.parametrize("where", [".", "18/docker"])
def test_a_cluster_that_the_backups_would_not_find_is_not_served(host, where):
    host.cluster(host.volume / where)
    before = files(host.volume)
    run = host.start(script(has_backup=True))
    assert run.returncode == 1
    assert f"and who backs it up looks for it in {host.data}" in run.stderr
    assert files(host.volume) == before, "nothing was changed"
    assert host.told == "", "and nobody was asked"
