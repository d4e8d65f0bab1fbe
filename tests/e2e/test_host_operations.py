"""Hosts that rest, are restarted, lose a role, are replaced and leave: who is served by others notices nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.labs import ALL, NETWORK, bare, lab, loaded, on_host
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("hosts"), pytest.mark.needs("losetup"), pytest.mark.full]


@pytest.fixture(scope="module")
def clone(empty_machine: None, pulumi_cli: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """The platform on seven hosts, for all tests of this file in their order."""
    with bare(tmp_path_factory.mktemp("hosts") / "clone", hosts=ALL) as made:
        lab(made, "up")
        made.up()
        yield made


@pytest.mark.timeout(1800)
def test_a_host_rests_and_is_restarted_and_nobody_notices(clone: Clone):
    checked = clone.run("hosts", "check", clone.stack).output
    assert [row.split()[0] for row in checked.splitlines()[1:]] == list(ALL)
    assert re.search(r"^db1 .* manager$", checked.replace(" \n", "\n"), re.MULTILINE), "what is in the swarm as what"
    lab(clone, "status")
    assert f"{NETWORK}.11" in on_host(clone, "lb1", "ip", "address")
    with loaded(clone, 11) as load:
        load.wait_for(lambda report: len(report.users("start")) >= 10, timeout=120)
        assert "app2 rests" in clone.run("hosts", "drain", clone.stack, "app2").output
        refused = clone.run("hosts", "drain", clone.stack, "app1", code=1).output
        assert "app2 rests already" in refused
        clone.run("hosts", "activate", clone.stack, "app2")
        # Swarm leaves all where it is, and what has all its tasks there begins elsewhere first.
        assert "app1 is at work again" in clone.run("hosts", "reboot", clone.stack, "app1").output
        clone.run("hosts", "reboot", clone.stack, "app2")
        clone.run("hosts", "reboot", clone.stack, "lb2")
        report = load.stop()
    print(report.summary())
    assert report.problems() == []
    clone.settled()
    refused = clone.run("hosts", "drain", clone.stack, "db1", code=1).output
    assert "run on db1 and nowhere else" in refused


ROLE = r"^ +- \{name: app2, .*\n"


@pytest.mark.timeout(2400)
def test_a_role_is_removed_a_host_is_replaced_and_leaves_the_file_and_nothing_is_lost(clone: Clone):
    text = clone.stack_file.read_text(encoding="utf-8")
    [line] = re.findall(ROLE, text, re.MULTILINE)
    with loaded(clone, 11) as load:
        load.wait_for(lambda report: len(report.users("start")) >= 10, timeout=120)

        # Last in the file: the first host of a role has what there is once.
        watches = line.replace("roles: [web]", "roles: [monitoring]")
        write(
            clone, text.replace(line, "").replace("\nencryptionsalt", f"\n{watches}encryptionsalt"), "Have one web host"
        )
        clone.up()
        assert services_on(clone, "app2") == set(), "a role that goes leaves no task"
        assert f"colorway-{clone.stack}-web" not in on_host(clone, "db1", "docker", "node", "inspect", "app2")
        write(clone, text, "Have two again")
        clone.up()

        # Another machine under its name; all tasks of what answers requests are on it, as a swarm does it by chance.
        gather(clone, "app2")
        replaced = clone.run("hosts", "replace", clone.stack, "app2").output
        assert "app2 has left the swarm" in replaced
        assert on_host(clone, "app2", "docker", "info", "-f", "{{.Swarm.LocalNodeState}}").strip() == "inactive"
        lab(clone, "renew", "app2")
        assert "app2 joins as a worker" in clone.up().output
        assert "app2" in nodes(clone)
        clone.settled()

        # It dies, and comes back anew without a word to anybody.
        lab(clone, "renew", "app2")
        assert "app2 was installed anew; the swarm has forgotten what it was" in clone.up().output
        assert nodes(clone).count("app2") == 1, "its name is not ambiguous"

        write(clone, text.replace(line, ""), "Do without app2")
        assert "the host app2 leaves" in clone.run("preview", clone.stack).output
        assert "app2 has left the swarm" in clone.up().output
        assert "app2" not in nodes(clone)
        clone.settled()
        report = load.stop()
    print(report.summary())
    assert report.problems() == []

    two = text.replace(line, "").replace("roles: [manager]", "roles: [manager, database]")
    first, second = (re.findall(rf"^ +- \{{name: {name}, .*\n", two, re.MULTILINE)[0] for name in ("db1", "db2"))
    write(clone, two.replace(second, "").replace(first, second + first), "Swap the database hosts")
    assert "the data store postgres moves from the host db1 to db2" in clone.run("preview", clone.stack, code=1).output
    write(clone, text.replace(line, ""), "Swap them back")

    kept = clone.run("down", clone.stack, "--yes").output
    assert f"kept on db1: {clone.stack}-postgres, {clone.stack}-redis" in kept
    assert on_host(clone, "db1", "docker", "volume", "ls", "-q").split()
    gone = clone.down().output
    assert f"removed on db1: {clone.stack}-postgres, {clone.stack}-redis" in gone
    for host in ("lb1", "db1", "mon1"):
        assert on_host(clone, host, "sh", "-c", "docker volume ls -q; ls /var/lib/colorway 2>/dev/null || :") == ""


def write(clone: Clone, text: str, subject: str) -> None:
    """Commit another text of the stack's file."""
    clone.stack_file.write_text(text, encoding="utf-8")
    clone.commit(subject)


def nodes(clone: Clone) -> str:
    """Return the swarm's nodes, each with its state."""
    return on_host(clone, "db1", "docker", "node", "ls", "--format", "{{.Hostname}} {{.Status}}")


def gather(clone: Clone, host: str) -> None:
    """Have all tasks of the services that answer requests on one web host."""
    manager = ("exec", "db1", "--", "docker")
    other = "app1" if host == "app2" else "app2"
    lab(clone, *manager, "node", "update", "--availability", "pause", other)
    for color in ("blue", "green"):
        for service in ("api", "web"):
            lab(clone, *manager, "service", "update", "--quiet", "--force", f"{clone.stack}-{service}-{color}")
    lab(clone, *manager, "node", "update", "--availability", "active", other)
    wait_until(
        lambda: not [name for name in services_on(clone, other) if "-web-" in name or "-api-" in name],
        limit=300,
        what="the tasks that gave way have ended",
        every=2,
    )


def services_on(clone: Clone, host: str) -> set[str]:
    """Return the services that have a container on a host."""
    label = '{{.Label "com.docker.swarm.service.name"}}'
    return set(on_host(clone, host, "docker", "ps", "--format", label).split())
