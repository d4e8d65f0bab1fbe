"""A MariaDB with two members in a lab that is backed up into a bucket: how it is, what is there, what a proof says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colorway.config import stack_files
from colorway.spec import names
from tests.support.clone import Clone
from tests.support.labs import NETWORK, bare, connected, end_faults, lab, on_host, with_few_checks, with_one_color
from tests.support.members import LIMIT, MEMBERS, container, in_task, inside
from tests.support.pairs import ORDERS
from tests.support.s3 import Bucket, running_s3
from tests.support.wait import wait_until

DATABASES = ("db1", "db2")
NEWEST = "select max(at) from events"
SECRETS = {"key": "backup-key", "secret": "backup-secret", "passphrase": "backup-passphrase"}
CLIENT = {
    "kind": "shared",
    "build": "mariadb",
    "command": ["sleep", "infinity"],
    "health": {"command": ["CMD", "mariadb", "--version"]},
    "limits": {"cpus": 1, "memory": "128Mi"},
    "uses": ["orders"],
    "secrets": ["database-password"],
    "placement": {"hosts": ["app1"]},
}
"""A task whose image has MariaDB's client."""


def flow(value: object) -> str:
    """Return a value as YAML writes it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return str(value)


def asked(clone: Clone, host: str, *words: str) -> str:
    """Return what a program says in the member on a host; empty where none runs, or it fails."""
    try:
        return inside(clone, host, "sh", "-c", '"$@" 2>/dev/null || :', "ask", *words, beside="mariadbd")
    except AssertionError:
        return ""


def sql(clone: Clone, host: str, statement: str) -> str:
    client = ("mariadb", "--no-defaults", "-S", "/tmp/mariadb/mariadb.sock", "-u", "mysql", "-NB", "-E")
    return asked(clone, host, *client, "-e", statement)


def there(clone: Clone, host: str) -> set[str]:
    """Return the keys of all rows that the writers have written, asked of the member on a host."""
    return set(sql(clone, host, "SELECT id FROM shop.writes").split())


@dataclass(frozen=True, kw_only=True)
class BackedUpPair:
    """A platform whose MariaDB is backed up."""

    clone: Clone
    bucket: Bucket
    before: dict[str, str]
    """The members' containers by host, as they were before anybody backed them up."""

    @property
    def generation(self) -> int:
        """Which generation the stack's file names."""
        spec = stack_files.from_file(root=self.clone.path, stack=self.clone.stack)
        return spec.kept("orders").generation

    @property
    def primary(self) -> str:
        """The host whose member takes writes; empty where none does."""
        return next((host for host in DATABASES if self._takes_writes(host)), "")

    def _takes_writes(self, host: str) -> bool:
        return sql(self.clone, host, "SELECT @@read_only").split()[-1:] == ["0"]

    def told(self, statement: str) -> str:
        """Return what the primary answers, without the lines between rows."""
        lines = sql(self.clone, self.primary or "db1", statement).splitlines()
        return "\n".join(line for line in lines if not line.startswith("***")).strip()

    def is_well(self, primary: str | None = None) -> bool:
        """Return whether one takes writes, the other one follows, and has heard that commits wait for it."""
        leads = primary or self.primary
        if not leads:
            return False
        [replica] = set(DATABASES) - {leads}
        heard = asked(self.clone, replica, "cat", "/var/lib/mysql/colorway.semi-sync").startswith("ON ")
        follows = sql(self.clone, replica, "SHOW SLAVE STATUS").split().count("Yes")
        return heard and follows >= 2 and self._takes_writes(leads)

    def await_members(self, primary: str | None = None) -> None:
        """Wait until each commit waits for the replica."""

        def is_well() -> bool:
            if self.primary:
                # One that went on alone waits for the replica again from its next commit on.
                self.told("CREATE DATABASE IF NOT EXISTS shop")
            return self.is_well(primary)

        wait_until(is_well, limit=LIMIT, what="each commit waits for the replica", every=2)

    def made_on(self) -> list[str]:
        """Return the hosts whose tasks made the generation's backups that the repository has, oldest first."""
        listed = in_task(
            self.clone,
            "db1",
            "orders-backup-db1",
            'restic -o "s3.bucket-lookup=$COLORWAY_LOOKUP" -q --no-lock --no-cache snapshots --tag=colorway --json '
            '|| echo "[]"',
        )
        return [one["hostname"] for line in listed.splitlines() if line.startswith("[") for one in json.loads(line)]

    def await_backup(self, *, more_than: int = 0) -> None:
        """Wait until there are more backups than so many: the first one of a generation is made by itself."""
        wait_until(lambda: len(self.made_on()) > more_than, limit=LIMIT, what="a backup is made by itself", every=2)

    def proof(self, *, before: str = ":") -> dict[str, Any]:
        """Return what one proof says, made now in the task that makes them, after what a shell does before."""
        once = f"sh /colorway-entry.sh 0 shop '{NEWEST}' 3600 || echo '{{\"ended\": \"with an error\"}}'"
        said = in_task(self.clone, "mon1", "orders-verify", f"{before}; {once}")
        lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        [found] = [line for line in lines if "verified" in line]
        assert found["verified"] is ({"ended": "with an error"} not in lines), "its exit code says the same"
        return dict(found)

    def has(self, generation: int) -> list[str]:
        """Return the hosts that have a volume of a generation."""
        return [
            host
            for host, volumes in kept(self.clone).items()
            if names.generation_volume(self.clone.stack, "orders", host, generation) in volumes
        ]


@contextmanager
def backed_up_pair(folder: Path) -> Iterator[BackedUpPair]:
    """Yield a checkout whose platform is up, its two members well, their table made; all is gone at the end.

    Args:
        folder: Where the checkout and the bucket are made.
    """
    with bare(folder / "clone", hosts=MEMBERS) as clone:
        with_one_color(clone)
        with_few_checks(clone)
        _with_a_pair(clone)
        lab(clone, "up")
        clone.up()
        before = {host: container(clone, host, f"orders-{host}") for host in DATABASES}
        with connected(clone), running_s3(folder / "s3", address=f"{NETWORK}.1") as bucket:
            _with_backups(clone, bucket)
            clone.up()
            made = BackedUpPair(clone=clone, bucket=bucket, before=before)
            made.await_members()
            made.told("CREATE TABLE shop.events (id int PRIMARY KEY, at timestamp NOT NULL DEFAULT now())")
            yield made
            end_faults(clone, *DATABASES)
            clone.down("--data")
            assert kept(clone) == {host: [] for host in DATABASES}, "of all generations"


def kept(clone: Clone) -> dict[str, list[str]]:
    """Return the volumes of the store on each of its hosts."""
    filters = ("--filter", f"name={clone.stack}-orders")
    return {
        host: sorted(on_host(clone, host, "docker", "volume", "ls", "--quiet", *filters).split()) for host in DATABASES
    }


def _with_a_pair(clone: Clone) -> None:
    """Commit that there is a MariaDB with a member on each of two hosts, and somebody who writes there."""
    clone.edit(clone.stack_file.name, r"(name: db2,.*roles: \[manager)\]", r"\1, database]", subject="Have two")
    overrides = flow({"data-stores": {"orders": ORDERS}, "services": {"buyer": CLIENT}})
    line = f"  colorway:overrides: {overrides}\n  colorway:hosts:"
    clone.edit(clone.stack_file.name, r"^  colorway:hosts:$", line, subject="Have a MariaDB with two members")


def _with_backups(clone: Clone, bucket: Bucket) -> None:
    """Commit that the pair is backed up into a bucket, whose server only its own certificate knows."""
    (clone.path / "platforms" / "s3.pem").write_text(bucket.certificate, encoding="ascii")
    place = {"kind": "s3", "endpoint": f"'{bucket.endpoint}'", "bucket": "backups", "path-style": "true"}
    backup = {"backup": {"repository": "offsite", "keep": "2d"}, "verify": {"newest": NEWEST, "age": "1h"}}
    overrides = {
        "secrets": {name: {} for name in SECRETS.values()},
        "backups": {"offsite": {**place, "ca": "platforms/s3.pem", **SECRETS}},
        "data-stores": {"orders": {**ORDERS, **backup}},
        "services": {"buyer": CLIENT},
    }
    clone.edit(
        clone.stack_file.name,
        r"^  colorway:overrides: .*$",
        f"  colorway:overrides: {flow(overrides)}",
        subject="Back it up",
    )
