"""A queue with three members in the lab: its leader is killed, and its leader's host is cut off; nothing is lost."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.labs import bare, lab, with_one_color
from tests.support.queue_writes import LIST, pushing
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("data"), pytest.mark.full, pytest.mark.needs("losetup")]
HOSTS = ("lb1", "app1", "db1", "db2", "mon1")
MEMBERS = ("db1", "db2", "mon1")
"""The host with the role database, then managers; the others see what becomes of one."""
LIMIT = 900
"""Seconds that anything may take on a busy machine."""
FAILOVER = 15
"""Seconds within which writes go on: promised. Three times of it are red."""
ASK = (
    """{ printf 'AUTH "'; sed 's/[\\\\"]/\\\\&/g' "$REDIS_PASSWORD_FILE" | tr -d '\\n'; printf '"\\n%s\\n' "$1"; } | """
    'timeout 10 redis-cli --tls --cacert "$COLORWAY_CA" -h "$COLORWAY_ADDRESS" -p "$COLORWAY_PORT"'
)
"""Asks a member with the store's password, which is in no argument."""


def with_three_members(clone: Clone) -> None:
    """Commit that the queue has a member on each of three hosts."""
    overrides = "  colorway:overrides: {data-stores: {redis: {members: 3}}}\n  colorway:hosts:"
    clone.edit(clone.stack_file.name, r"^  colorway:hosts:$", overrides, subject="Have three members")


def asked(clone: Clone, host: str, question: str) -> list[str]:
    """Return the lines in which the member on a host answers; none where it does not run."""
    label = f"label=com.docker.swarm.service.name={clone.stack}-redis-{host}"
    found = lab(clone, "exec", host, "--", "docker", "ps", "-q", "-f", label).split()
    if not found:
        return []
    command = ("docker", "exec", found[0], "sh", "-c", f"({ASK}) 2>&1 || :", "ask", question)
    said = lab(clone, "exec", host, "--", *command).splitlines()
    return said[1:] if said[:1] == ["OK"] else []


def leaders(clone: Clone, hosts: tuple[str, ...] = MEMBERS) -> list[str]:
    return [host for host in hosts if asked(clone, host, "ROLE")[:1] == ["master"]]


def well(clone: Clone) -> bool:
    """Return whether one leads, and the two others follow it and have what it has."""
    said = {host: "\n".join(asked(clone, host, "INFO replication")) for host in MEMBERS}
    following = [text for text in said.values() if re.search(r"^master_link_status:up", text, re.MULTILINE)]
    [leading] = [text for text in said.values() if "role:master" in text][:1] or [""]
    return len(following) == 2 and re.search(r"^min_slaves_good_slaves:2", leading, re.MULTILINE) is not None


def there(clone: Clone, host: str) -> set[str]:
    """Return the keys that the member on a host has."""
    return set(asked(clone, host, f"LRANGE {LIST} 0 -1"))


@pytest.mark.timeout(2400)
def test_a_queue_whose_leader_is_killed_or_cut_off_loses_nothing(empty_machine: None, pulumi_cli: Path, tmp_path: Path):
    with bare(tmp_path / "clone", hosts=HOSTS) as clone:
        with_one_color(clone)
        with_three_members(clone)
        lab(clone, "up")
        began = time.monotonic()
        clone.up()
        print(f"from bare hosts to the platform: {time.monotonic() - began:.0f} s")
        wait_until(lambda: well(clone), limit=LIMIT, what="all members are well", every=2)
        again = clone.up()
        assert again.changed == {}, again.output
        said = clone.run("data", "status", clone.stack).output
        assert len(re.findall(r"^redis +(?:db1|db2|mon1) +replica +following", said, re.MULTILINE)) == 2, said

        for fault in ("kill-task", "cut"):
            with pushing(clone, service="api-blue", host="app1", to="redis") as writes:
                [lost] = leaders(clone)
                others = tuple(host for host in MEMBERS if host != lost)
                if fault == "cut":
                    lab(clone, "fault", "cut", lost)
                else:
                    lab(clone, "fault", "kill-task", lost, f"{clone.stack}-redis-{lost}")
                wait_until(
                    lambda others=others: len(leaders(clone, others)) == 1,
                    limit=LIMIT,
                    what="another one leads",
                    every=1,
                )
                count = len(writes.done)
                wait_until(
                    lambda count=count, writes=writes: len(writes.done) > count + 50,
                    limit=LIMIT,
                    what="pushes go on",
                    every=1,
                )
                if fault == "cut":
                    said = clone.run("data", "status", clone.stack, code=1).output
                    assert f"redis: the member on {lost} does not answer" in said
                    assert f"redis: the Sentinel on {lost} does not answer; one more" in said
                    lab(clone, "fault", "cut", lost, "--undo")
                wait_until(lambda: well(clone), limit=LIMIT, what="the lost one follows", every=2)
                writes.stop()
                acknowledged = {one.key for one in writes.done}
                gap = writes.longest_gap()
                print(f"{fault} {lost}: {gap:.1f} s without a push, {len(writes.failed)} of {len(writes.all)} failed")
            for host in MEMBERS:
                wait_until(
                    lambda host=host, keys=acknowledged: keys <= there(clone, host),
                    limit=60,
                    what=f"all that was acknowledged is on {host}",
                    every=2,
                )
            assert gap <= 3 * FAILOVER
        assert clone.up().changed == {}
        clone.down()
