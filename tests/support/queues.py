"""Queues in a lab, of three members and of one, backed up into a bucket: how they are, and what is there."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.clone import Clone
from tests.support.labs import NETWORK, bare, connected, end_faults, lab, on_host, with_few_checks, with_one_color
from tests.support.mariadb import flow
from tests.support.members import LIMIT, container, in_task
from tests.support.members import MEMBERS as HOSTS
from tests.support.queue_writes import LIST
from tests.support.s3 import Bucket, running_s3
from tests.support.stores import OPENERS
from tests.support.wait import wait_until

MEMBERS = ("db1", "db2", "mon1")
"""The host with the role database, then managers; the others see what becomes of one."""
STORES = {
    "redis": {"members": 3},
    "jobs": {
        "kind": "redis",
        "build": "redis",
        "password": "redis-password",
        "limits": {"cpus": 1, "memory": "64Mi"},
    },
}
_BACKUP = {"backup": {"repository": "offsite", "keep": "2d"}, "verify": {"age": "25h"}}
_ASK = (
    """{ printf 'AUTH "'; sed 's/[\\\\"]/\\\\&/g' "$REDIS_PASSWORD_FILE" | tr -d '\\n'; printf '"\\n%s\\n' "$1"; } | """
    'timeout 10 redis-cli --tls --cacert "$COLORWAY_CA" -h "$COLORWAY_ADDRESS" -p "$COLORWAY_PORT"'
)
"""Asks a member with the store's password, which is in no argument."""


@dataclass(frozen=True, kw_only=True)
class Queues:
    """A platform whose queues are backed up."""

    clone: Clone
    bucket: Bucket
    before: dict[str, str]
    """The members' containers by service, as they were before anybody backed them up."""

    def asked(self, host: str, question: str) -> list[str]:
        """Return the lines in which the member of `redis` on a host answers; none where it does not run."""
        label = f"label=com.docker.swarm.service.name={self.clone.stack}-redis-{host}"
        found = on_host(self.clone, host, "docker", "ps", "-q", "-f", label).split()
        if not found:
            return []
        command = ("docker", "exec", found[0], "sh", "-c", f"({_ASK}) 2>&1 || :", "ask", question)
        said = on_host(self.clone, host, *command).splitlines()
        return said[1:] if said[:1] == ["OK"] else []

    def leaders(self, hosts: Collection[str] = MEMBERS) -> list[str]:
        """Return which of some hosts have a member that leads."""
        return [host for host in hosts if self.asked(host, "ROLE")[:1] == ["master"]]

    def is_well(self) -> bool:
        """Return whether one leads, and the two others follow it and have what it has."""
        said = ["\n".join(self.asked(host, "INFO replication")) for host in MEMBERS]
        following = [text for text in said if re.search(r"^master_link_status:up", text, re.MULTILINE)]
        leading = next((text for text in said if "role:master" in text), "")
        return len(following) == 2 and re.search(r"^min_slaves_good_slaves:2", leading, re.MULTILINE) is not None

    def await_members(self) -> None:
        """Wait until all three are well."""
        wait_until(self.is_well, limit=LIMIT, what="all members are well", every=2)

    def there(self, host: str) -> set[str]:
        """Return the keys of what clients pushed that the member on a host has."""
        return set(self.asked(host, f"LRANGE {LIST} 0 -1"))

    def made_on(self, store: str) -> list[str]:
        """Return the hosts whose tasks made the backups that the repository has, oldest first."""
        listed = in_task(
            self.clone,
            "db1",
            f"{store}-backup-db1",
            'restic --option="s3.bucket-lookup=$COLORWAY_LOOKUP" -q --no-lock --no-cache snapshots --json || echo "[]"',
        )
        return [one["hostname"] for line in listed.splitlines() if line.startswith("[") for one in json.loads(line)]

    def proof(self, store: str) -> dict[str, Any]:
        """Return what one proof says, made now in the task that makes them."""
        said = in_task(self.clone, "mon1", f"{store}-verify", "sh /colorway-entry.sh 0 3600 || :")
        [found] = [json.loads(line) for line in said.splitlines() if '"verified"' in line]
        return dict(found)

    def containers(self) -> dict[str, str]:
        """Return the members' containers by service."""
        tasks = {**{f"redis-{host}": host for host in MEMBERS}, "jobs": "db1"}
        return {service: container(self.clone, host, service) for service, host in tasks.items()}


@contextmanager
def backed_up_queues(folder: Path) -> Iterator[Queues]:
    """Yield a checkout whose platform is up, its members well, and something in the queue; all is gone at the end.

    Args:
        folder: Where the checkout and the bucket are made.
    """
    with bare(folder / "clone", hosts=HOSTS) as clone:
        with_one_color(clone)
        with_few_checks(clone)
        line = f"  colorway:overrides: {flow({'data-stores': STORES})}\n  colorway:hosts:"
        clone.edit(clone.stack_file.name, r"^  colorway:hosts:$", line, subject="Have two queues")
        lab(clone, "up")
        clone.up()
        with connected(clone), running_s3(folder / "s3", address=f"{NETWORK}.1") as bucket:
            made = Queues(clone=clone, bucket=bucket, before={})
            made.await_members()
            made.before.update(made.containers())
            # The first backup is of this, too.
            [leader] = made.leaders()
            made.asked(leader, "RPUSH list a b c")
            _with_backups(clone, bucket)
            clone.up()
            yield made
        end_faults(clone, *MEMBERS)
        clone.down("--data")


def _with_backups(clone: Clone, bucket: Bucket) -> None:
    """Commit that both queues are backed up into a bucket, whose server only its own certificate knows."""
    (clone.path / "platforms" / "s3.pem").write_text(bucket.certificate, encoding="ascii")
    clone.git("add", "platforms/s3.pem")
    place = {"kind": "s3", "endpoint": f"'{bucket.endpoint}'", "bucket": "backups", "path-style": "true"}
    overrides = {
        "secrets": {name: {} for name in OPENERS.values()},
        "backups": {"offsite": {**place, "ca": "platforms/s3.pem", **OPENERS}},
        "data-stores": {name: {**store, **_BACKUP} for name, store in STORES.items()},
    }
    line = f"  colorway:overrides: {flow(overrides)}"
    clone.edit(clone.stack_file.name, r"^  colorway:overrides: .*$", line, subject="Back them up")
