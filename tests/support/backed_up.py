"""A PostgreSQL with two members in a lab that is backed up into a bucket: what is there, and what a proof says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colorway.config import stack_files
from colorway.spec import names
from tests.support.clone import Clone
from tests.support.labs import NETWORK, bare, connected, end_faults, lab, on_host, with_few_checks, with_one_color
from tests.support.members import LIMIT, MEMBERS, PSQL, in_task, inside, well, with_two_members
from tests.support.s3 import Bucket, running_s3
from tests.support.wait import wait_until

DATABASES = ("db1", "db2")
EVENTS = "CREATE TABLE events (id int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())"
"""The table that a proof asks for its newest row."""
BACKED_UP = (
    "members: 2, backup: {repository: offsite, keep: 2d}, "
    "verify: {every: 24h, newest: select max(at) from events, age: 1h}"
)


@dataclass(frozen=True, kw_only=True)
class BackedUp:
    """A platform whose PostgreSQL is backed up."""

    clone: Clone
    bucket: Bucket

    @property
    def generation(self) -> int:
        """Which generation the stack's file names."""
        spec = stack_files.from_file(root=self.clone.path, stack=self.clone.stack)
        return spec.kept("postgres").generation

    @property
    def segments(self) -> dict[str, str]:
        """The objects of the generation's archived segments by the segment's name, oldest first."""
        pattern = re.compile(rf"archive/{self._stanza}/18-1/[0-9A-F]{{16}}/(?P<name>[0-9A-F]{{24}})-")
        found = {match["name"]: one for one in self.bucket.objects() if (match := pattern.search(one))}
        return dict(sorted(found.items(), key=lambda pair: pair[0][8:]))

    @property
    def fulls(self) -> list[str]:
        """The manifests of the generation's full backups that are whole."""
        pattern = rf"backup/{self._stanza}/\d{{8}}-\d{{6}}F/backup\.manifest$"
        return [one for one in self.bucket.objects() if re.search(pattern, one)]

    @property
    def _stanza(self) -> str:
        return re.escape(names.generation("postgres", self.generation))

    def await_backup(self) -> None:
        """Wait until the generation has a backup, which is made by itself."""
        wait_until(lambda: self.fulls, limit=LIMIT, what="a first backup is made by itself", every=2)

    @contextmanager
    def archived(self) -> Iterator[None]:
        """End the segment after a change, and wait until it is in the bucket."""
        yield
        name = told(self.clone, "SELECT pg_walfile_name(pg_switch_wal())")
        wait_until(lambda: name in self.segments, limit=LIMIT, what=f"{name} is archived", every=1)

    def await_members(self) -> None:
        """Wait until one leads and the other one follows."""
        wait_until(lambda: well(self.clone), limit=LIMIT, what="both members are well", every=2)


@contextmanager
def backed_up(folder: Path, *, down: bool) -> Iterator[BackedUp]:
    """Yield a checkout whose platform is up, its two members well, their table made; all is gone at the end.

    Args:
        folder: Where the checkout and the bucket are made.
        down: Whether `down` removes the platform before its hosts go.
    """
    with bare(folder / "clone", hosts=MEMBERS) as clone:
        with_one_color(clone)
        with_few_checks(clone)
        with_two_members(clone)
        # The demo's own refusal, of a migration without a backup, is none: the gate's is another one.
        way = r"^  env: \{DATABASE_HOST: postgres-direct\}$"
        to = "  env: {DATABASE_HOST: postgres-direct, DEMO_BACKUP: verified}"
        clone.edit("platforms/demo.yaml", way, to, subject="Let migrations pass")
        lab(clone, "up")
        with connected(clone), running_s3(folder / "s3", address=f"{NETWORK}.1") as bucket:
            with_backups(clone, bucket)
            clone.up()
            made = BackedUp(clone=clone, bucket=bucket)
            made.await_members()
            told(clone, EVENTS)
            yield made
            end_faults(clone, *MEMBERS)
            if down:
                clone.down()
                assert volumes(clone) == {host: [] for host in DATABASES}, "of all generations"


def volumes(clone: Clone) -> dict[str, list[str]]:
    """Return the volumes of PostgreSQL on each of its hosts."""
    filters = ("--filter", f"name={clone.stack}-postgres")
    return {
        host: sorted(on_host(clone, host, "docker", "volume", "ls", "--quiet", *filters).split()) for host in DATABASES
    }


def with_backups(clone: Clone, bucket: Bucket) -> None:
    """Commit that PostgreSQL is backed up into a bucket, whose server only its own certificate knows."""
    (clone.path / "platforms" / "s3.pem").write_text(bucket.certificate, encoding="ascii")
    clone.git("add", "platforms/s3.pem")
    named = "key: backup-key, secret: backup-secret, passphrase: backup-passphrase"
    place = f"kind: s3, endpoint: '{bucket.endpoint}', bucket: backups, path-style: true, ca: platforms/s3.pem, {named}"
    secrets = "secrets: {backup-key: {}, backup-secret: {}, backup-passphrase: {}}"
    more = rf"{secrets}, backups: {{offsite: {{{place}}}}}, data-stores: {{postgres: {{{BACKED_UP}}}}}"
    clone.edit(clone.stack_file.name, r"data-stores: \{postgres: \{members: 2\}\}", more, subject="Back it up")


def told(clone: Clone, statement: str) -> str:
    """Return what the leader answers."""
    # Asked of the servers: Patroni's own tool takes a second on a busy machine.
    follows = "follows\n"
    unless = f'[ "$(ask "SELECT pg_is_in_recovery()" "$2")" = f ] || {{ printf {follows!r}; exit; }}'
    for host in DATABASES:
        said = inside(clone, host, "sh", "-euc", f'{PSQL}{unless}; ask "$@"', "sql", statement, "demo")
        if said != follows:
            return said.strip()
    raise AssertionError(f"nobody leads who could be told: {statement}")


def proof(clone: Clone) -> dict[str, Any]:
    """Return what one proof says, made now in the task that makes them."""
    once = "sh /colorway-entry.sh 0 demo 'select max(at) from events' 3600 || echo '{\"ended\": \"with an error\"}'"
    said = in_task(clone, "mon1", "postgres-verify", once)
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    [found] = [line for line in lines if "verified" in line]
    assert found["verified"] is ({"ended": "with an error"} not in lines), "its exit code says the same"
    return dict(found)


def still(clone: Clone) -> None:
    """End what writes by itself, as whoever restores does before, and wait until nobody writes any more."""
    scheduler = f"{clone.stack}-scheduler-blue=0"
    on_host(clone, "mon1", "docker", "service", "scale", "--detach", scheduler)
    seen = [""]

    def is_still() -> bool:
        seen.append(told(clone, "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables"))
        return seen[-1] == seen[-2]

    wait_until(is_still, limit=LIMIT, what="nobody writes", every=5)


def lost(said: str) -> int:
    """Return how many commits a restore says that it would lose."""
    found = re.search(r"(\d+) commits came after", said)
    assert found, said
    return int(found[1])
