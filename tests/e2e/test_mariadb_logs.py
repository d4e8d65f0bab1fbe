"""Binary logs of a MariaDB, archived and read again for real: containers of its image on this machine, and a bucket."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from colorway.render import backups
from colorway.render.templates import entry, store_script
from components.database import mariadb
from components.x509 import new_authority, new_member, without_key
from tests.support.containers import built, docker
from tests.support.s3 import Bucket, running_s3
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("data"), pytest.mark.full]
PREFIX = "colorway-test"
LIMIT = 90.0
HOSTS = {"db1": "127.0.21.1", "db2": "127.0.21.2"}
"""Members are on their hosts' own networks, which all are this machine's here."""
PORT = "33871"
SECRETS = {"key": "AKIA", "secret": "secret", "passphrase": "two words"}
NEWEST = "select max(at) from events where id > 1000"
"""Rows that no backup has, but only the logs."""
ROWS = "SELECT GROUP_CONCAT(id ORDER BY id) FROM shop.events WHERE id > 1000"
DAY = 86400


@dataclass(kw_only=True)
class Store:
    """A MariaDB of one member or two, what archives it, and what proves that."""

    image: str
    folder: Path
    bucket: Bucket
    hosts: tuple[str, ...]
    past: dict[str, str] = field(default_factory=dict)
    """What a later generation is told of what it begins from."""
    name: str = field(default_factory=lambda: f"{PREFIX}-{uuid.uuid4().hex[:8]}")
    listed: dict[str, tuple[list[str], list[dict[str, Any]]]] = field(default_factory=dict)
    """What the repository was last seen to have of each kind, beside the objects that this was read from."""

    def __post_init__(self) -> None:
        authority = new_authority()
        self.folder.mkdir()
        self._write("ca.pem", without_key(authority))
        for host, address in HOSTS.items():
            self._write(f"{host}.pem", new_member(authority, address=IPv4Address(address)))
        self._write("password", "password\n")
        self._write("s3.pem", self.bucket.certificate)
        self._write("keys", backups.restic_keys(SECRETS))
        self._write("passphrase", SECRETS["passphrase"])
        self._write("mariadb-verify", entry("mariadb-verify"))
        self._write("mariadb-member", entry("mariadb-member", restores=False))
        self._write("mariadb-member-restores", entry("mariadb-member", restores=True))
        self._write("from", store_script("mariadb-from"))
        self._write("mariadb", entry("mariadb", has_backup=True))
        # A beat of seconds.
        text = entry("mariadb-backup")
        assert "run sleep 60" in text
        assert "pause=20" in text
        self._write("mariadb-backup", text.replace("run sleep 60", "run sleep 2").replace("pause=20", "pause=2"))

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")
        (self.folder / name).chmod(0o644)

    @property
    def is_pair(self) -> bool:
        return len(self.hosts) > 1

    def volume(self, host: str) -> str:
        return f"{self.name}-{host}{'-later' if self.past else ''}"

    def _run(self, what: str, *words: str, script: str, env: dict[str, str], mounts: dict[str, str]) -> str:
        """Start a container as the swarm does."""
        name = f"{self.name}-{what}"
        docker("rm", "--force", "--volumes", name, check=False)
        told = [f"--env={key}={value}" for key, value in env.items()]
        seen = [f"--volume={source}:{target}" for source, target in mounts.items()]
        capabilities = [f"--cap-add={one}" for one in mariadb.CAPABILITIES]
        network = "none" if what in self.hosts and not self.is_pair else "host"
        memory = "256m" if what.startswith("backup") else "512m"
        begun = ("run", "--detach", "--init", "--network", network, "--memory", memory, "--cap-drop", "ALL")
        script_at = f"--volume={self.folder / script}:/colorway-entry.sh:ro"
        docker(
            *begun,
            *(f"--name={name}", *capabilities, *told, *seen, script_at),
            *(self.image, "/bin/sh", "/colorway-entry.sh", *words),
        )
        return name

    def _member_env(self, host: str) -> dict[str, str]:
        if not self.is_pair:
            return {"MARIADB_DATA": f"{mariadb.DATA}/data"}
        [other] = [address for name, address in HOSTS.items() if name != host]
        return ({"COLORWAY_GENERATION": "2"} if self.past else {}) | {
            "MARIADB_DATA": f"{mariadb.DATA}/data",
            "COLORWAY_ADDRESS": HOSTS[host],
            "COLORWAY_OTHER": other,
            "COLORWAY_PORT": PORT,
            "COLORWAY_CA": "/ca.pem",
            "COLORWAY_MEMBER": "/member.pem",
        }

    def _certificates(self, host: str) -> dict[str, str]:
        if not self.is_pair:
            return {}
        return {str(self.folder / "ca.pem"): "/ca.pem:ro", str(self.folder / f"{host}.pem"): "/member.pem:ro"}

    def begin(self, host: str) -> None:
        """Start the member on a host."""
        mounts = {self.volume(host): mariadb.DATA, **self._certificates(host)}
        if self.is_pair:
            number = str(int(IPv4Address(HOSTS[host])))
            env = self._member_env(host) | {"COLORWAY_ID": number}
            script = "mariadb-member"
            if self.past:
                script += "-restores"
                env |= self._restic | self.past | {"COLORWAY_FROM_SCRIPT": "/colorway-from.sh"}
                mounts |= self._openers | {str(self.folder / "from"): "/colorway-from.sh:ro"}
            self._run(host, "--innodb-buffer-pool-size=32M", script=script, env=env, mounts=mounts)
            return
        mounts[str(self.folder / "password")] = "/run/secrets/password:ro"
        words = {"DATABASE": "shop", "USER": "seller", "PASSWORD_FILE": "/run/secrets/password"}
        env = self._member_env(host) | {f"MARIADB_{key}": value for key, value in words.items()}
        self._run(host, "--innodb-buffer-pool-size=32M", script="mariadb", env=env, mounts=mounts)

    def end(self, host: str) -> None:
        """Kill the member on a host."""
        docker("rm", "--force", f"{self.name}-{host}")

    def sql(self, host: str, statement: str, *, check: bool = True) -> str:
        """Return what a member answers."""
        socket = "/tmp/mariadb/mariadb.sock" if self.is_pair else f"{mariadb.DATA}/sockets/mariadb.sock"
        command = ("mariadb", "--no-defaults", f"--socket={socket}", "--user=mysql", "--batch", "-N", "-e", statement)
        return docker("exec", "--user=mysql", f"{self.name}-{host}", *command, check=check)

    def part(self, host: str, *words: str) -> str:
        """Tell a member its part, as `colorway data promote` does."""
        command = ("sh", "-euc", store_script("mariadb-part"), "part", *words)
        return docker("exec", f"{self.name}-{host}", *command)

    @property
    def _restic(self) -> dict[str, str]:
        return {
            "RESTIC_REPOSITORY": f"s3:https://{self.bucket.endpoint}/backups/restic",
            "RESTIC_PASSWORD_FILE": "/run/secrets/passphrase",
            "RESTIC_CACHE_DIR": "/tmp/restic",
            "AWS_SHARED_CREDENTIALS_FILE": "/run/secrets/keys",
            "AWS_DEFAULT_REGION": "us-east-1",
            "RESTIC_CACERT": "/s3.pem",
            "COLORWAY_LOOKUP": "path",
            "COLORWAY_STORE": "orders",
        }

    @property
    def _openers(self) -> dict[str, str]:
        files = {name: f"/run/secrets/{name}:ro" for name in ("keys", "passphrase")}
        return {str(self.folder / name): target for name, target in {**files, "s3.pem": "/s3.pem:ro"}.items()}

    def back_up(self, host: str, *, first: int = 0) -> None:
        """Start what backs up and archives beside the member on a host, where backups are due once a day."""
        socket = {} if self.is_pair else {"COLORWAY_SOCKET": f"{mariadb.DATA}/sockets/mariadb.sock"}
        env = self._restic | self._member_env(host) | socket | {"COLORWAY_HOST": host}
        mounts = {self.volume(host): f"{mariadb.DATA}:ro", **self._certificates(host), **self._openers}
        self._run(f"backup-{host}", str(DAY), str(first), "14", script="mariadb-backup", env=env, mounts=mounts)

    def snapshots(self, tag: str) -> list[dict[str, Any]]:
        """Return what the repository has of a kind, oldest first."""
        # Waiting is asking, and restic takes half a second of a processor; what a snapshot is never changes.
        objects = self.bucket.objects("restic/snapshots/")
        if tag in self.listed and self.listed[tag][0] == objects:
            return self.listed[tag][1]
        words = ("--option=s3.bucket-lookup=path", "--quiet", "--no-cache", "--no-lock", "snapshots", "--json")
        for host in self.hosts:
            command = ("restic", *words, f"--tag={tag}")
            said = docker("exec", "--user=mysql", f"{self.name}-backup-{host}", *command, check=False)
            if said.startswith("["):
                found = sorted(json.loads(said), key=lambda one: str(one["time"]))
                self.listed[tag] = objects, found
                return found
        return []

    def archived(self) -> str:
        """Return up to which state the archive has all."""
        known = [tag for one in self.snapshots("log") for tag in one["tags"] if tag.startswith("at:")]
        return known[-1].removeprefix("at:").replace("+", ",") if known else ""

    def since(self, host: str, point: str) -> list[str]:
        """Return what is said of a point: the backup, the last transaction, how many came after it, the generation."""
        end = self.sql(host, "SELECT @@gtid_current_pos")
        script = ("/bin/sh", "-euc", store_script("mariadb-since"), "since", point, end, "1", str(int(LIMIT)))
        said = docker("exec", "--user=mysql", f"{self.name}-backup-{host}", *script)
        return said.splitlines()[-1].split()

    def await_archived(self, host: str) -> None:
        """Wait until all that a member has is in the archive."""
        state = self.sql(host, "SELECT @@gtid_binlog_state")
        wait_until(lambda: same(self.archived(), state), limit=LIMIT, what=f"{state} is archived", every=1)

    def proof(self) -> dict[str, Any]:
        """Return what one proof says, made now."""
        name = f"{self.name}-verify"
        env = {**self._restic, "COLORWAY_SCRATCH": "/scratch"}
        mounts = {f"{self.name}-scratch": "/scratch", **self._openers}
        self._run("verify", "0", "shop", NEWEST, "600", script="mariadb-verify", env=env, mounts=mounts)
        code = docker("wait", name)
        said = docker("logs", name)
        [line] = [line for line in said.splitlines() if line.startswith("{")]
        found: dict[str, Any] = json.loads(line)
        assert (code == "0") is found["verified"], said
        print(said)
        return found

    def remove(self) -> None:
        """Remove all that was made here."""
        for kind, list_ in (("container", ("ps", "--all")), ("volume", ("volume", "ls"))):
            for one in docker(*list_, "--quiet", f"--filter=name={self.name}").split():
                if kind == "container":
                    # Pytest shows it where the test has failed.
                    print(docker("inspect", "--format={{.Name}}", one), docker("logs", "--tail=20", one))
                docker(kind, "rm", "--force", one)


def same(one: str, other: str) -> bool:
    """Return whether two states are the same, in whatever order they are said."""
    return sorted(one.split(",")) == sorted(other.split(","))


@contextmanager
def running(image: str, folder: Path, *hosts: str) -> Iterator[Store]:
    """Run a store with an empty bucket until the end; of a pair the first host has the primary."""
    with ExitStack() as stack:
        bucket = stack.enter_context(running_s3(folder / "s3", address="127.0.0.1"))
        store = Store(image=image, folder=folder / "store", bucket=bucket, hosts=hosts)
        stack.callback(store.remove)
        for host in hosts:
            store.begin(host)
        if store.is_pair:
            docker("exec", f"{store.name}-{hosts[0]}", "sh", "-c", "mkdir -p /tmp/mariadb; touch /tmp/mariadb/begin")
        for host in hosts:
            await_answer(store, host)
        if store.is_pair:
            store.sql(hosts[0], "CREATE DATABASE shop")
        store.sql(hosts[0], "CREATE TABLE shop.events (id int PRIMARY KEY, at timestamp NOT NULL DEFAULT now())")
        store.sql(hosts[0], "USE shop; INSERT INTO events (id) SELECT seq FROM seq_1_to_1000")
        yield store


def await_answer(store: Store, host: str) -> None:
    wait_until(lambda: store.sql(host, "SELECT 1", check=False) == "1", limit=LIMIT, what=f"{host} answers", every=1)


def await_following(store: Store, host: str) -> None:
    asked = "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'SLAVE_RUNNING'"
    wait_until(lambda: store.sql(host, asked, check=False) == "ON", limit=LIMIT, what=f"{host} follows", every=1)


def insert(store: Store, host: str, *ids: int) -> None:
    for one in ids:
        store.sql(host, f"INSERT INTO shop.events (id) VALUES ({one})")


@pytest.fixture(scope="module")
def image(swarm: None) -> str:
    return built("mariadb")


def test_logs_are_archived_by_whoever_has_them_and_read_again_in_order(image, tmp_path):
    with running(image, tmp_path, "db1", "db2") as store:
        await_following(store, "db2")
        for host in store.hosts:
            store.back_up(host)
        wait_until(lambda: store.snapshots("colorway"), limit=LIMIT, what="a first backup is made", every=1)
        assert store.proof()["why"] == "there is no newest row", "the backup alone has none"
        insert(store, "db1", 1001, 1002, 1003)
        store.await_archived("db1")
        assert {one["hostname"].partition(".")[0] for one in store.snapshots("log")} == {"db2"}, "it spares the primary"
        assert store.proof()["verified"]

        store.end("db1")
        store.part("db2", "lead")
        insert(store, "db2", 1004, 1005)
        store.await_archived("db2")
        store.begin("db1")
        await_following(store, "db1")
        rows = count(1006)

        def archives(host: str) -> bool:
            insert(store, "db2", next(rows))
            store.await_archived("db2")
            return str(store.snapshots("log")[-1]["hostname"]).startswith(host)

        # The other one may go on for a moment, until it has seen who follows.
        wait_until(
            lambda: archives("db1"), limit=LIMIT, what="who is the replica now goes on where the other one ended"
        )
        earlier = set(store.bucket.objects("restic/data/"))
        assert archives("db1")
        assert len(store.snapshots("colorway")) == 1, "none of that was a break"
        assert store.proof()["verified"]

        with ExitStack() as later:
            for name in set(store.bucket.objects("restic/data/")) - earlier:
                later.enter_context(store.bucket.spoiled(name))
            assert store.proof()["why"] == "the archive is spoiled"
        with ExitStack() as lost:
            for one in store.snapshots("log"):
                if one["hostname"].startswith("db2"):
                    lost.enter_context(store.bucket.without(f"restic/snapshots/{one['id']}"))
            assert store.proof()["why"] == "the archive has a gap"
        assert store.proof()["verified"], "nothing was wrong but what the test took away"


def test_after_a_promotion_that_lost_commits_a_new_backup_is_made_and_only_that_counts(image, tmp_path):
    with running(image, tmp_path, "db1", "db2") as store:
        await_following(store, "db2")
        for host in store.hosts:
            store.back_up(host)
        wait_until(lambda: store.snapshots("colorway"), limit=LIMIT, what="a first backup is made", every=1)
        store.await_archived("db1")
        # The primary goes on alone, and what it writes is archived from there.
        store.end("db2")
        insert(store, "db1", *range(1001, 1011))
        store.await_archived("db1")
        store.end("db1")
        store.begin("db2")
        await_answer(store, "db2")
        store.part("db2", "lead")
        for one in range(1501, 1506):
            insert(store, "db2", one)
        wait_until(lambda: len(store.snapshots("colorway")) > 1, limit=LIMIT, what="a new backup is made", every=1)
        insert(store, "db2", 1506)
        store.await_archived("db2")
        assert store.proof()["verified"]
        [old, _] = store.snapshots("colorway")
        newer = store.snapshots("colorway")[-1]
        with store.bucket.without(f"restic/snapshots/{newer['id']}"):
            assert store.proof()["why"] == "the archive has a gap", f"{old['id']} is of another past"


def test_a_later_generation_begins_exactly_at_a_point(image, tmp_path):
    with running(image, tmp_path, "db1", "db2") as store:
        await_following(store, "db2")
        for host in store.hosts:
            store.back_up(host)
        wait_until(lambda: store.snapshots("colorway"), limit=LIMIT, what="a first backup is made", every=1)
        insert(store, "db1", 1001, 1002, 1003)
        target = store.sql("db1", "SELECT @@gtid_current_pos")
        # Times in logs have whole seconds.
        point = store.sql("db1", "SELECT SLEEP(1.1); SELECT CONCAT(UTC_TIMESTAMP(), '+00')").splitlines()[-1]
        insert(store, "db1", 1004, 1005)
        [backup] = [one["short_id"] for one in store.snapshots("colorway")]
        assert store.since("db1", point) == [backup, target, "2", "1"]
        assert store.since("db1", target) == [backup, target, "2", "1"]

        for host in store.hosts:
            store.end(host)
        store.past = {"COLORWAY_FROM": backup, "COLORWAY_TO": target}
        for host in store.hosts:
            store.begin(host)
        docker("exec", f"{store.name}-db1", "sh", "-c", "mkdir -p /tmp/mariadb; touch /tmp/mariadb/begin")
        for host in store.hosts:
            await_answer(store, host)
        await_following(store, "db2")
        assert store.sql("db1", ROWS) == "1001,1002,1003", "what came after the point is not there"
        insert(store, "db1", 1006)
        position = store.sql("db1", "SELECT @@gtid_current_pos")
        assert int(position.rpartition("-")[2]) == int(target.rpartition("-")[2]) + 1, "it goes on counting there"
        wait_until(
            lambda: store.sql("db2", "SELECT @@gtid_current_pos") == position, limit=LIMIT, what="the other one has it"
        )
        assert store.sql("db2", ROWS) == "1001,1002,1003,1006"

        # More than the earlier one has lost: its members would take these for what comes after theirs.
        insert(store, "db1", *range(1007, 1012))
        later = store.past
        become(store, {}, has="1001,1002,1003,1004,1005")
        insert(store, "db1", *range(1107, 1117))
        become(store, later, has="1001,1002,1003,1006,1007,1008,1009,1010,1011")


def become(store: Store, past: dict[str, str], *, has: str) -> None:
    """Go to the other generation as `up` does: the replica first, while the primary of the one that is left writes."""
    asked = "SELECT @@gtid_current_pos"
    position = store.sql("db1", asked)
    wait_until(lambda: store.sql("db2", asked) == position, limit=LIMIT, what="both have all", every=1)
    docker("stop", f"{store.name}-db2")
    store.past = past
    store.begin("db2")
    await_answer(store, "db2")
    why = "SHOW SLAVE STATUS"
    wait_until(lambda: "Access denied" in store.sql("db2", why), limit=LIMIT, what="it is not let in", every=1)
    assert store.sql("db2", ROWS) == has, f"it has nothing that the other generation's primary wrote up to {position}"
    docker("stop", f"{store.name}-db1")
    store.begin("db1")
    await_answer(store, "db1")
    await_following(store, "db2")
    assert [store.sql(host, ROWS) for host in store.hosts] == [has, has]


def test_one_member_archives_through_its_socket(image, tmp_path):
    with running(image, tmp_path, "db1") as store:
        store.back_up("db1")
        wait_until(lambda: store.snapshots("colorway"), limit=LIMIT, what="a first backup is made", every=1)
        insert(store, "db1", 1001, 1002)
        store.await_archived("db1")
        insert(store, "db1", 1003)
        store.await_archived("db1")
        assert store.proof()["verified"]
        assert len(store.snapshots("colorway")) == 1
