"""Whom a member of a queue follows when it begins, and what a Sentinel keeps; with a clock that only a sleep moves."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from colorway.render.templates import entry

ME, SECOND, THIRD = "10.0.0.1", "10.0.0.2", "10.0.0.3"
PROGRAMS = {
    "date": 'case $1 in +%s) cat "$FOLDER/clock" ;; *) echo 2026 ;; esac',
    # Five times as fast, so that a test takes no minute.
    "sleep": 'echo $(($(cat "$FOLDER/clock") + 5 * $1)) >"$FOLDER/new"; cat "$FOLDER/new" >"$FOLDER/clock"',
    "timeout": 'shift; exec "$@"',
    "flock": "exit 0",
    "chown": "exit 0",
    "setpriv": 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
    # Answers what the test has put down for an address and a port, once its time has come.
    "valkey-cli": """
while [ $# -gt 0 ]; do
  case $1 in -h) host=$2; shift ;; -p) port=$2; shift ;; esac
  shift
done
[ "$port" = 2 ] || grep -q "^AUTH member between$" || { echo "NOAUTH Authentication required."; exit 0; }
for at in $(ls "$FOLDER/says/$host:$port" 2>/dev/null | sort -rn); do
  [ "$at" -gt "$(cat "$FOLDER/clock")" ] || { cat "$FOLDER/says/$host:$port/$at"; exit 0; }
done
echo "Could not connect to Valkey at $host:$port: Connection refused" >&2
exit 1
""",
    "valkey-server": 'cat "$1" >"$FOLDER/begun"',
}


@dataclass(frozen=True, kw_only=True)
class Host:
    """A host whose member begins, and what it would be told."""

    folder: Path

    def says(self, address: str, *, leader: str, epoch: int = 1, others: int = 2, at: int = 0) -> None:
        """Let a Sentinel name a leader, from some second on."""
        text = f"name\nqueue\nip\n{leader}\nconfig-epoch\n{epoch}\nnum-slaves\n{others}\nflags\nmaster\n"
        self._put(f"{address}:2", at, text)

    def leads(self, address: str, *, at: int = 0) -> None:
        self._put(f"{address}:1", at, "OK\nmaster\n0\n")

    def follows(self, address: str) -> None:
        self._put(f"{address}:1", 0, f"OK\nslave\n{ME}\n1\nconnected\n0\n")

    def has_data(self) -> None:
        (self.folder / "data" / "appendonlydir").mkdir()

    def _put(self, who: str, at: int, text: str) -> None:
        (self.folder / "says" / who).mkdir(exist_ok=True)
        (self.folder / "says" / who / str(at)).write_text(text)

    def begin(self, script: str) -> subprocess.CompletedProcess[str]:
        text = entry(script, program="valkey").replace("/tmp/", f"{self.folder}/")
        variables = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "FOLDER": str(self.folder),
            "COLORWAY_ADDRESS": ME,
            "COLORWAY_CA": "ca.pem",
            "COLORWAY_CONFIG": str(self.folder / "config"),
            "COLORWAY_DATA": str(self.folder / "data"),
            "COLORWAY_INTERNAL": str(self.folder / "internal"),
            "COLORWAY_MEMBER": "member.pem",
            "COLORWAY_MEMBERS": f"{ME} {SECOND} {THIRD}",
            "COLORWAY_PORT": "1",
            "COLORWAY_SENTINEL_PORT": "2",
            "COLORWAY_STORE": "queue",
            "VALKEY_PASSWORD_FILE": str(self.folder / "password"),
        }
        return subprocess.run(
            ["/bin/sh", "-c", text], env=variables, capture_output=True, text=True, check=False, timeout=120
        )

    def follow(self) -> tuple[str | None, int]:
        """Let a member begin; return whom it follows, none where it leads, and after how many seconds."""
        ran = self.begin("queue-member")
        assert ran.returncode == 0, ran.stderr
        told = (self.folder / "begun").read_text()
        found = [line.split()[1] for line in told.splitlines() if line.startswith("replicaof ")]
        return (found[0] if found else None), int((self.folder / "clock").read_text())


@pytest.fixture
def host(tmp_path: Path) -> Host:
    for name in ("bin", "data", "says"):
        (tmp_path / name).mkdir()
    for name, text in PROGRAMS.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "clock").write_text("0\n")
    (tmp_path / "config").write_text("dir /data\n")
    (tmp_path / "internal").write_text("between")
    (tmp_path / "password").write_text('s"e\\cret')
    return Host(folder=tmp_path)


def all_say(host: Host, **said) -> None:
    for address in (ME, SECOND, THIRD):
        host.says(address, **said)


def test_the_first_of_a_new_store_leads_at_once(host):
    all_say(host, leader=ME, others=0)
    assert host.follow() == (None, 0)


def test_a_member_follows_who_leads(host):
    all_say(host, leader=SECOND)
    host.leads(SECOND)
    assert host.follow() == (SECOND, 0)


def test_who_led_and_was_away_waits_for_the_election_that_it_caused(host):
    host.has_data()
    all_say(host, leader=ME)
    for address in (SECOND, THIRD):
        host.says(address, leader=SECOND, epoch=2, at=10)
    host.leads(SECOND, at=5)
    assert host.follow() == (SECOND, 10), "two leaders would take writes, and one of them lose its own"


def test_who_led_before_a_restart_of_all_leads_again(host):
    host.has_data()
    all_say(host, leader=ME)
    assert host.follow() == (None, 15), "the others wait for it, for it has the newest data"


def test_after_a_restart_of_all_nobody_is_chosen_before_the_one_that_led_had_its_time(host):
    host.has_data()
    all_say(host, leader=SECOND)
    host.leads(SECOND, at=60)
    assert host.follow() == (SECOND, 60)


def test_one_that_never_comes_back_is_waited_for_with_a_limit(host):
    host.has_data()
    all_say(host, leader=SECOND)
    assert host.follow() == (SECOND, 120), "as a follower, which the Sentinels may choose"


def test_one_without_data_never_leads_those_that_have_some(host):
    all_say(host, leader=ME)
    for address in (SECOND, THIRD):
        host.says(address, leader=THIRD, epoch=2, at=130)
    host.leads(THIRD, at=130)
    assert host.follow() == (THIRD, 130), "they would empty themselves to be like it"


def test_the_newest_election_counts_and_not_the_majority(host):
    host.says(ME, leader=ME, epoch=3)
    host.says(SECOND, leader=ME, epoch=3)
    host.says(THIRD, leader=THIRD, epoch=4)
    host.leads(THIRD)
    assert host.follow() == (THIRD, 0), "two were away while the third chose; it had their votes before"


def test_two_sentinels_are_believed_after_a_while(host):
    for address in (ME, SECOND):
        host.says(address, leader=SECOND)
    host.leads(SECOND)
    assert host.follow() == (SECOND, 15)


def test_one_sentinel_alone_is_not_believed_and_that_is_said(host):
    host.says(ME, leader=ME)
    ran = host.begin("queue-member")
    assert ran.returncode == 1
    assert ran.stderr == (
        "after 180 s nobody leads queue: 1 of 3 Sentinels answer, they name 10.0.0.1; look at them and at that host, "
        "this one begins again by itself\n"
    )


def test_no_sentinel_that_answers_is_said_too(host):
    assert "nobody leads queue: 0 of 3 Sentinels answer; look at them" in host.begin("queue-member").stderr


def test_a_follower_is_not_taken_for_the_leader_that_is_named(host):
    all_say(host, leader=SECOND)
    host.follows(SECOND)
    host.leads(SECOND, at=30)
    assert host.follow() == (SECOND, 30)


def test_passwords_reach_the_server_in_a_file_of_its_own(host):
    all_say(host, leader=ME, others=0)
    host.follow()
    told = (host.folder / "begun").read_text()
    assert 'requirepass "s\\"e\\\\cret"\n' in told
    assert "masteruser member\nmasterauth between\n" in told
    assert (host.folder / "valkey.conf").stat().st_mode & 0o077 == 0


STATE = """\
port 0
sentinel monitor queue 10.0.0.2 1 2
sentinel current-epoch 7
sentinel known-sentinel queue 10.0.0.3 2 abc
sentinel known-sentinel queue 10.0.0.9 2 def
sentinel known-replica queue 10.0.0.1 1
sentinel known-replica queue 10.0.0.9 1
"""


def test_a_sentinel_keeps_what_it_knows_but_for_hosts_that_are_none_of_the_store(host):
    (host.folder / "data" / "sentinel.conf").write_text(STATE)
    ran = host.begin("sentinel")
    assert ran.returncode == 0, ran.stderr
    kept = [line for line in STATE.splitlines() if "10.0.0.9" not in line]
    assert (host.folder / "begun").read_text().splitlines() == kept, "a dead voter would count in every majority"


def test_a_new_sentinel_begins_with_its_settings_and_the_password_of_members(host):
    assert host.begin("sentinel").returncode == 0
    assert (host.folder / "begun").read_text() == "dir /data\nsentinel auth-pass queue between\n"
    assert (host.folder / "data" / "sentinel.conf").stat().st_mode & 0o077 == 0
