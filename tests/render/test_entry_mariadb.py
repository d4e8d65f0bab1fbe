"""What MariaDB's entry script does with the volume that it finds; the real server does the same in tests/e2e."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from colorway.render.templates import entry

PASSWORD = 'it\'s a "pass\\word"'
PROGRAMS = {
    "mariadbd": """
case " $* " in
  *" --version "*) echo "mariadbd  Ver 11.8.9-MariaDB-2 from Debian for debian-linux-gnu on x86_64"; exit ;;
  *" --bootstrap "*)
    cat >>"$TOLD"
    [ -z "${BOOTSTRAP_SAYS:-}" ] || { echo "2026-11-28 [Note] noise"; echo "$BOOTSTRAP_SAYS"; exit 1; } ;;
  *) echo "serving $*" >&2 ;;
esac""",
    "mariadb-install-db": """
[ -z "${INSTALL_FAILS:-}" ] || { echo "noise"; echo "[ERROR] no room"; exit 1; }
for word; do case $word in --datadir=*) made=${word#*=} ;; esac; done
mkdir -p "$made/mysql"; touch "$made/ibdata1"; echo 11.8.9-MariaDB >"$made/mariadb_upgrade_info"
echo "$*" >"$made/made-with" """,
    "mariadb": "exit 0",
    "setpriv": 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
    "chown": "exit 0",
}
"""They do to files what the real ones do, and fail where a test says so."""


@dataclass(frozen=True, kw_only=True)
class Host:
    """A volume, and the programs of an image."""

    folder: Path

    @property
    def volume(self) -> Path:
        return self.folder / "volume"

    @property
    def data(self) -> Path:
        return self.volume / "data"

    @property
    def told(self) -> str:
        """What the server was told without its network."""
        file = self.folder / "told"
        return file.read_text() if file.exists() else ""

    def has_data(self, where: Path, *, version: str | None = "11.8.2-MariaDB", file: str = "mariadb_upgrade_info"):
        """Put all of a server's data there, with something in it that can be missed."""
        (where / "mysql").mkdir(parents=True)
        (where / "ibdata1").write_text("orders")
        if version:
            (where / file).write_text(version)

    def start(self, *arguments: str, text: str | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the script as a container's first program, with what would be outside of the test's folder inside."""
        text = (text or entry("mariadb", has_backup=False)).replace("! -user mysql", "! -uid $(id -u)")
        return subprocess.run(
            [
                "/bin/sh",
                "-c",
                text.replace("sockets=/tmp/mariadb", f"sockets={self.folder / 'sockets'}"),
                "sh",
                *arguments,
            ],
            env={
                "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                "MARIADB_DATA": str(self.data),
                "MARIADB_USER": "seller",
                "MARIADB_DATABASE": "my_shop",
                "MARIADB_PASSWORD_FILE": str(self.folder / "password"),
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
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    (tmp_path / "volume").mkdir()
    return Host(folder=tmp_path)


def files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "colorway.lock"
    }


def served(run: subprocess.CompletedProcess[str]) -> str:
    """Return the data that is served."""
    [line] = [line for line in run.stderr.splitlines() if line.startswith("serving ")]
    return line.partition("--datadir=")[2].partition(" ")[0]


def test_a_volume_that_is_to_be_adopted_is_no_place_for_new_data(host):
    run = host.start(COLORWAY_ADOPTS="shop_db")
    assert run.returncode == 1
    assert "the volume shop_db holds no data of MariaDB: look for its name" in run.stderr
    assert [path.name for path in host.volume.iterdir()] == ["colorway.lock"]


def test_an_empty_volume_becomes_data_in_one_step(host):
    run = host.start()
    assert served(run) == str(host.data), run.stderr
    assert {path.name for path in host.volume.iterdir()} == {"data", "colorway.lock"}, "made beside, then renamed"
    assert "CREATE DATABASE IF NOT EXISTS `my_shop`;" in host.told
    assert "GRANT ALL PRIVILEGES ON `my\\_shop`.* TO 'seller'@'%';" in host.told, "_ means any character in a grant"
    assert "IDENTIFIED BY 'it''s a \"pass\\word\"';\n" in host.told, "a quote in a password is no end of it"
    assert "NO_BACKSLASH_ESCAPES" in host.told, "a backslash is one"
    assert host.told.count("FLUSH PRIVILEGES;") == 2, "without it the server refuses to change users"


def test_the_servers_arguments_reach_all_that_opens_the_data_and_come_before_ours(host):
    run = host.start("--innodb-page-size=8k", "--datadir=/elsewhere")
    assert "--innodb-page-size=8k" in (host.data / "made-with").read_text(), "else the server could not read it"
    [line] = [line for line in run.stderr.splitlines() if line.startswith("serving ")]
    words = line.split()
    assert words[1] == "--no-defaults", "no file of the image's is read, and the option counts at the first place only"
    assert words.index(f"--datadir={host.data}") > words.index("--datadir=/elsewhere"), "the last one counts"
    assert {"--bind-address=*", "--port=3306"} <= set(words)


@pytest.mark.parametrize("where", ["data", ".", "mysql-data"])
def test_whole_data_without_any_mark_of_ours_is_served_as_it_is(host, where):
    host.has_data(host.volume / where)
    before = files(host.volume)
    run = host.start()
    assert (Path(served(run)) / "ibdata1").read_text() == "orders"
    assert files(host.volume) == before, "nothing is added and nothing is gone"
    assert "CREATE" not in host.told, "it has its own users and databases"


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("half", "holds something that is not all of MariaDB's data (ibdata1 or the folder mysql is missing)"),
        ("half of another image", "(the folder mysql is missing): restore it whole"),
        ("two", "there is data of several servers on this volume"),
        ("older", "is of MariaDB 10.11 and this image has 11.8: run an image of 10.11, or upgrade the data"),
        ("older name", "is of MariaDB 10.6 and this image has 11.8"),
        ("newer", "is of MariaDB 12.0 and this image has 11.8"),
    ],
)
def test_what_cannot_be_served_is_refused_in_one_sentence_and_left_alone(host, what, said):
    match what:
        case "half":
            (host.data / "shop").mkdir(parents=True)
            (host.data / "shop" / "orders.ibd").write_text("orders")
        case "half of another image":
            (host.volume / "ibdata1").write_text("orders")
        case "two":
            host.has_data(host.volume / "one")
            host.has_data(host.volume / "other")
        case "older":
            host.has_data(host.data, version="10.11.6-MariaDB")
        case "older name":
            host.has_data(host.volume, version="10.6.1-MariaDB", file="mysql_upgrade_info")
        case "newer":
            host.has_data(host.data, version="12.0.2-MariaDB")
    before = files(host.volume)
    run = host.start()
    assert run.returncode == 1
    assert said in run.stderr
    assert "nothing was changed" in run.stderr
    assert files(host.volume) == before
    assert not host.told, "no server was started on it"


def test_data_that_does_not_say_its_version_is_left_to_the_server(host):
    host.has_data(host.data, version=None)
    assert served(host.start()) == str(host.data)


def test_what_a_first_start_left_that_was_cut_off_is_named_and_kept(host):
    host.has_data(host.volume / "initializing.abcdef")
    run = host.start()
    assert served(run) == str(host.data), run.stderr
    assert "initializing.abcdef is left of a first start that was cut off" in run.stderr
    assert (host.volume / "initializing.abcdef" / "ibdata1").exists(), "this run did not make it"


@pytest.mark.parametrize("failing", [{"INSTALL_FAILS": "1"}, {"BOOTSTRAP_SAYS": "ERROR: 1"}])
def test_a_first_start_that_fails_takes_its_own_half_away(host, failing):
    assert host.start(**failing).returncode != 0
    assert [path.name for path in host.volume.iterdir()] == ["colorway.lock"], "a loop of restarts fills no disk"


def test_a_statement_that_fails_is_said_without_the_password(host):
    host.has_data(host.data)
    run = host.start(BOOTSTRAP_SAYS=f"ERROR: 1064 wrong syntax to use near '{PASSWORD};' at line 1")
    assert run.returncode == 1
    assert run.stderr.splitlines() == [
        "ERROR: 1064 wrong syntax to use near …",
        'the password of the user "seller" could not be set; the lines above say why (data that is adopted needs '
        "that user, from every host: '%')",
    ]


def test_who_waits_in_vain_for_the_volume_says_who_has_it(host):
    lock = host.volume / "colorway.lock"
    lock.write_text("MariaDB in container 0123456789ab, begun 2026-11-27T04:00:00Z,\n")
    with subprocess.Popen(
        ["flock", str(lock), "sh", "-c", "echo held; read ended"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None, "it is a pipe"
        assert holder.stdout.readline() == "held\n", "the lock is taken"
        run = host.start(text=entry("mariadb", has_backup=False).replace("flock -w 30 9", "flock -w 0.2 9"))
        holder.communicate("\n")
    assert run.returncode == 1
    assert (
        "MariaDB in container 0123456789ab, begun 2026-11-27T04:00:00Z, still has this volume after 30 s" in run.stderr
    )
    assert list(host.volume.iterdir()) == [lock]


def test_a_store_that_is_backed_up_is_asked_through_a_socket_on_its_volume_without_a_password(host):
    run = host.start(text=entry("mariadb", has_backup=True))
    assert f"--socket={host.volume}/sockets/mariadb.sock" in run.stderr, "another container of the host finds it there"
    lines = host.told.splitlines()
    assert "CREATE OR REPLACE USER 'backup'@'localhost' IDENTIFIED VIA unix_socket AS 'mysql';" in lines
    [granted] = [line for line in lines if "'backup'" in line and line.startswith("GRANT")]
    assert "ALL" not in granted, "it only reads"


def test_data_that_the_backups_would_not_find_is_not_served(host):
    host.has_data(host.volume)
    run = host.start(text=entry("mariadb", has_backup=True))
    assert run.returncode == 1
    assert f"the data is in {host.volume}, and who backs it up looks for it in {host.data}" in run.stderr
    assert host.told == "", "nothing was changed"
