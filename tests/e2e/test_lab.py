"""Bare hosts on one machine: each its own, reached by SSH under the key of the file, and nothing left of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from colorway.config import stack_files
from colorway.lab.lab import Lab
from colorway.spec import names
from colorway.swarm.ssh import docker_command
from tests.support.clone import Clone
from tests.support.command import Command
from tests.support.labs import ALL, DOMAIN, FEW, FOUR, NETWORK, OURS, asked, lab, left, make
from tests.support.load import Load, LoadPlan, Target
from tests.support.readme import blocks
from tests.support.releasing import add_versions

# In the gate once the whole way, with its load, is short enough for it.
pytestmark = [pytest.mark.area("lab"), pytest.mark.needs("losetup"), pytest.mark.full]


@pytest.fixture
def clone(request: pytest.FixtureRequest, empty_machine: None, pulumi_cli: Path, tmp_path: Path) -> Iterator[Clone]:
    """A checkout with a stack of such hosts; its lab is gone at the end."""
    made = make(tmp_path / "clone", hosts=request.param)
    if request.param == FOUR:
        made.versions(blue="1.0.0", green=None)
        add_versions(made)
    # Of a run that was killed.
    lab(made, "down")
    yield made
    lab(made, "down")
    assert left() == []


@pytest.mark.timeout(900)
@pytest.mark.parametrize("clone", [FEW], indirect=True, ids=["three hosts"])
def test_bare_hosts_are_up_reached_apart_and_gone(clone: Clone):
    assert f"started: {', '.join(FEW)}" in lab(clone, "up")
    assert "all hosts of the lab run already" in lab(clone, "up"), "the second time there is nothing to do"
    made = Lab(spec=stack_files.from_file(root=clone.path, stack=clone.stack), root=clone.path)
    environment = {**os.environ, "SSH_AUTH_SOCK": str(made.switch.agent)}
    for host in made.spec.settings.hosts:
        # What Docker's API goes through is `docker system dial-stdio` after the same options.
        reached = [*docker_command(host)[:-3], "hostname; command -v docker sshd; pgrep dockerd || echo bare"]
        said = subprocess.run(reached, env=environment, capture_output=True, text=True, check=False)
        assert said.returncode == 0, f"{host.name}: the key of the stack's file is its own: {said.stderr}"
        assert said.stdout.split()[0] == host.name
        assert said.stdout.split()[-1] == "bare", "Docker is there, and nobody started it"

    lab(clone, "exec", "lb1", "--", "sh", "-c", "echo mine >/mark; apt-get --version >/dev/null")
    lab(clone, "exec", "app1", "--", "test", "-e", "/mark", code=1)
    reach = "timeout 5 bash -c '</dev/tcp/{}/22'"
    lab(clone, "exec", "lb1", "--", "sh", "-c", reach.format(f"{NETWORK}.21"))

    for fault in ("cut", "pause", "stop-sshd"):
        assert offered(f"{NETWORK}.21"), "it is well before"
        lab(clone, "fault", fault, "app1")
        lab(clone, "fault", fault, "app1")
        assert not offered(f"{NETWORK}.21"), f"{fault} keeps everybody out, twice no more than once"
        assert offered(f"{NETWORK}.31"), "and only there"
        lab(clone, "fault", fault, "app1", "--undo")
    assert offered(f"{NETWORK}.21")
    ping = ("exec", "lb1", "--", "ping", "-c", "3", "-W", "2", "-M", "do", "-s", "1450", f"{NETWORK}.21")
    lab(clone, *ping)
    lab(clone, "fault", "mtu", "app1", "1450")
    lab(clone, *ping, code=1)
    assert offered(f"{NETWORK}.21"), "what is short comes through"
    lab(clone, "fault", "mtu", "app1", "--undo")
    lab(clone, *ping)
    assert "is no length of packets" in lab(clone, "fault", "mtu", "app1", "many", code=1)
    line = ("exec", "app1", "--", "sh", "-c", "tc qdisc show dev eth0; iptables -S INPUT")
    lab(clone, "fault", "slow", "app1")
    lab(clone, "fault", "slow", "app1")
    slow = lab(clone, *line)
    assert "tbf" in slow
    assert slow.count("--probability") == 1, slow
    assert offered(f"{NETWORK}.21"), "a slow line is one"
    lab(clone, "fault", "slow", "app1", "--undo")
    assert not re.search("tbf|probability", lab(clone, *line))
    refused = lab(clone, "fault", "read-only", "app1", code=1)
    assert "read-only app1: needs the path behind it" in refused
    # A lab is taken down also while a host stands still.
    lab(clone, "fault", "pause", "app1")

    made.host("lb1").stop()
    assert re.search(r"lb1 .* does not run", lab(clone, "status", code=1)), "one that lost its power"
    assert "started: lb1" in lab(clone, "up")
    assert lab(clone, "exec", "lb1", "--", "cat", "/mark").strip() == "mine", "comes back with its disk"
    assert re.search(r"lb1 .* runs", lab(clone, "status"))
    assert f"gone, with their disks: {', '.join(FEW)}" in lab(clone, "down")
    assert left() == []

    try:
        said = clone.run("lab", "up", "--like", "staging").output
        assert "wrote Pulumi.staging-lab.yaml" in said
        assert "started: lb1, app1, db1" in said
        assert "stays as it is" in clone.run("lab", "up", "--like", "staging").output
        checked = clone.run("hosts", "check", "staging-lab").output
        assert [row.split()[0] for row in checked.splitlines()[1:]] == ["lb1", "app1", "db1"]
    finally:
        clone.run("lab", "down", "--stack", "staging-lab")


def offered(address: str) -> str:
    """Return the SSH host key that an address offers; empty where it offers none."""
    scan = ["ssh-keyscan", "-T", "3", "-t", "ed25519", address]
    return subprocess.run(scan, capture_output=True, text=True, check=False).stdout


SHIM = 'printf "#!/bin/sh\\n{}\\n" >/usr/local/bin/{name}; chmod +x /usr/local/bin/{name}'
"""Makes a program that says something else to whoever comes over SSH."""


@pytest.mark.timeout(900)
@pytest.mark.parametrize("clone", [ALL], indirect=True, ids=["seven hosts"])
def test_all_that_is_wrong_with_hosts_is_one_table_and_nothing_is_changed(clone: Clone):
    lab(clone, "up")
    lab(clone, "fault", "cut", "lb1")
    lab(clone, "exec", "lb2", "--", "sh", "-c", SHIM.format("[ \\$1 != -m ] || exec echo riscv64", name="uname"))
    lab(clone, "fault", "fill-disk", "app1")
    other = re.compile(r"(name: app2,.*host-key: )(ssh-ed25519 \S+)(})")
    key = re.search(r"name: app1,.*host-key: (ssh-ed25519 [^}\s]+)", clone.stack_file.read_text(encoding="utf-8"))
    assert key
    text = other.sub(rf"\g<1>{key[1]}\g<3>", clone.stack_file.read_text(encoding="utf-8"))
    text = re.sub(r"(name: db1,.*)(roles:)", r"\1user: deploy, \2", text)
    clone.stack_file.write_text(text, encoding="utf-8")
    clone.commit("Have a user without rights, and a wrong key")
    deploy = (
        "useradd -m deploy; mkdir ~deploy/.ssh; cp ~root/.ssh/authorized_keys ~deploy/.ssh/; chown -R deploy: ~deploy"
    )
    lab(clone, "exec", "db1", "--", "sh", "-ec", deploy)
    lab(clone, "exec", "db2", "--", "sh", "-c", SHIM.format("echo \\$(( \\$(/bin/date +%%s) + 3600 ))", name="date"))

    for command in (("hosts", "check"), ("up",)):
        said = clone.run(*command, clone.stack, code=1).output
        table = {(row[0], row[1]): row for row in (line.split() for line in said.splitlines()) if len(row) > 1}
        for found in (
            ("lb1", "SSH"),
            ("lb2", "architecture"),
            ("app1", "disk"),
            ("app2", "SSH"),
            ("db1", "rights"),
            ("db2", "clock"),
        ):
            assert found in table, f"{found} is missing:\n{said}"
        of_mon1 = [what for host, what in table if host == "mon1"]
        assert of_mon1 == ["architecture"], f"nobody knows whose is the wrong one, and nothing else is:\n{said}"
        assert "7 hosts are not ready; nothing was changed" in said
        assert "Host key verification failed" in said, "another key is no host that is gone"
    for host in ("app2", "db2", "mon1"):
        lab(clone, "exec", host, "--", "pgrep", "dockerd", code=1)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("clone", [ALL], indirect=True, ids=["seven hosts"])
def test_seven_bare_hosts_carry_the_platform_and_traffic_moves_on_both_load_balancers(clone: Clone):
    lab(clone, "up")
    begun = time.monotonic()
    first = clone.up()
    print(f"from bare hosts to the platform: {time.monotonic() - begun:.0f} s, {first.changed}")
    assert "a swarm" in first.output, "Docker and swarm are the first step"
    again = clone.up()
    assert again.changed == {}, f"nothing is left to do:\n{again.output}"
    clone.run("status", clone.stack)
    checked = clone.run("hosts", "check", clone.stack).output
    assert [row.split()[0] for row in checked.splitlines()[1:]] == list(ALL)
    assert re.search(r"^db1 .* manager$", checked.replace(" \n", "\n"), re.MULTILINE), "what is in the swarm as what"
    lab(clone, "status")
    assert f"{NETWORK}.11" in lab(clone, "exec", "lb1", "--", "ip", "address")

    for blue, answers in ((0, "green"), (100, "blue")):
        clone.traffic(blue)
        clone.up()
        for number in (11, 12):
            assert asked(f"{NETWORK}.{number}")["color"] == answers, "both load balancers are in step"

    # A host rests, is restarted, and works again: who is served by another one notices nothing.
    with loaded(clone, 11) as load:
        load.wait_for(lambda report: len(report.users("start")) >= 10, timeout=120)
        assert "app2 rests" in clone.run("hosts", "drain", clone.stack, "app2").output
        refused = clone.run("hosts", "drain", clone.stack, "app1", code=1).output
        assert "app2 rests already" in refused
        clone.run("hosts", "activate", clone.stack, "app2")
        # Swarm leaves all where it is.
        refused = clone.run("hosts", "reboot", clone.stack, "app1", code=1).output
        assert re.search(r"all tasks of labtest-\w+-blue run on app1, and none would be left while they move", refused)
        clone.run("hosts", "reboot", clone.stack, "app2")
        clone.run("hosts", "reboot", clone.stack, "lb2")
        report = load.stop()
    print(report.summary())
    assert report.problems() == []
    assert clone.up().changed == {}, "nobody has to do anything"
    refused = clone.run("hosts", "drain", clone.stack, "db1", code=1).output
    assert "run on db1 and nowhere else" in refused

    clone.traffic(0)
    edge = f"/var/lib/colorway/{clone.stack}/load-balancer"
    lab(clone, "fault", "read-only", "lb2", edge)
    failed = clone.up(code=1).output
    assert "routing-check-lb2" in failed, f"the check is what fails:\n{failed}"
    assert colors_of_both() == ["blue", "blue"], "one whose check fails: neither changes"
    lab(clone, "fault", "read-only", "lb2", edge, "--undo")
    # In the place of the link that the apply makes, and nothing that the check looks at.
    lab(clone, "exec", "lb2", "--", "mkdir", "-p", f"{edge}/current.new/in-the-way")
    failed = clone.up(code=1).output
    assert re.search(r"load balancer lb1 serves generation \w+ again: lb2 could not be told the new one", failed)
    assert colors_of_both() == ["blue", "blue"], "one whose apply fails: both go back"
    lab(clone, "exec", "lb2", "--", "rm", "-r", f"{edge}/current.new")
    clone.up()
    assert colors_of_both() == ["green", "green"]
    clone.down()


ROLE = r"^ +- \{name: app2, .*\n"


@pytest.mark.timeout(2400)
@pytest.mark.parametrize("clone", [ALL], indirect=True, ids=["seven hosts"])
def test_a_role_is_removed_a_host_is_replaced_and_leaves_the_file_and_nothing_is_lost(clone: Clone):
    lab(clone, "up")
    clone.up()
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
        assert f"colorway-{clone.stack}-web" not in lab(clone, "exec", "db1", "--", "docker", "node", "inspect", "app2")
        write(clone, text, "Have two again")
        clone.up()

        # Another machine under its name.
        spread(clone)
        assert services_on(clone, "app2"), "there is something to lose"
        replaced = clone.run("hosts", "replace", clone.stack, "app2").output
        assert "app2 has left the swarm" in replaced
        assert (
            lab(clone, "exec", "app2", "--", "docker", "info", "-f", "{{.Swarm.LocalNodeState}}").strip() == "inactive"
        )
        lab(clone, "renew", "app2")
        assert "app2 joins as a worker" in clone.up().output
        assert "app2" in nodes(clone)
        assert clone.up().changed == {}, "it is a host like the others"

        # It dies, and comes back anew without a word to anybody.
        lab(clone, "renew", "app2")
        assert "app2 was installed anew; the swarm has forgotten what it was" in clone.up().output
        assert nodes(clone).count("app2") == 1, "its name is not ambiguous"

        spread(clone)
        write(clone, text.replace(line, ""), "Do without app2")
        assert "the host app2 leaves" in clone.run("preview", clone.stack).output
        assert "app2 has left the swarm" in clone.up().output
        assert "app2" not in nodes(clone)
        assert clone.up().changed == {}
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
    assert lab(clone, "exec", "db1", "--", "docker", "volume", "ls", "-q").split()
    gone = clone.down().output
    assert f"removed on db1: {clone.stack}-postgres, {clone.stack}-redis" in gone
    for host in ("lb1", "db1", "mon1"):
        assert (
            lab(clone, "exec", host, "--", "sh", "-c", "docker volume ls -q; ls /var/lib/colorway 2>/dev/null || :")
            == ""
        )


def write(clone: Clone, text: str, subject: str) -> None:
    """Commit another text of the stack's file."""
    clone.stack_file.write_text(text, encoding="utf-8")
    clone.commit(subject)


def nodes(clone: Clone) -> str:
    """Return the swarm's nodes, each with its state."""
    return lab(clone, "exec", "db1", "--", "docker", "node", "ls", "--format", "{{.Hostname}} {{.Status}}")


def spread(clone: Clone) -> None:
    """Let each web host have tasks of every colored service, as the tool says it where all are on one."""
    for color in ("blue", "green"):
        for service in ("api", "web"):
            update = ("docker", "service", "update", "--quiet", "--force", f"{clone.stack}-{service}-{color}")
            lab(clone, "exec", "db1", "--", *update)


def services_on(clone: Clone, host: str) -> set[str]:
    """Return the services that have a container on a host."""
    label = '{{.Label "com.docker.swarm.service.name"}}'
    return set(lab(clone, "exec", host, "--", "docker", "ps", "--format", label).split())


def colors_of_both() -> list[object]:
    return [asked(f"{NETWORK}.{number}")["color"] for number in (11, 12)]


GENTLE = LoadPlan(
    rate_total=25,
    fresh_per_second=6,
    returning_per_second=5,
    posts_per_second=4,
    keep_alive_connections=8,
    max_in_flight=50,
    request_timeout=60,
)
"""For each load balancer: four engines and their platform share the machine with it."""


def loaded(clone: Clone, number: int) -> Load:
    """Return a load on one load balancer."""
    cookie = names.color_cookie(clone.stack)
    return Load(target=Target(host=f"{NETWORK}.{number}", server_name=DOMAIN, cookie_name=cookie), plan=GENTLE)


def percent(clone: Clone) -> int:
    """Return green's share as the last commit has it."""
    text = clone.git("show", f"HEAD:{clone.stack_file.name}")
    found = re.search(r"^ *colorway:traffic: .*green: (\d+)", text, re.MULTILINE)
    assert found
    return int(found[1])


@dataclass(kw_only=True)
class Guide:
    """The commands of docs/your-hosts.md, typed one after the other for the stack under test."""

    clone: Clone
    left: list[str]

    @classmethod
    def of(cls, clone: Clone) -> Guide:
        return cls(clone=clone, left=blocks((clone.path / "docs/your-hosts.md").read_text(encoding="utf-8")))

    def type(self, expected: str, code: int = 0) -> str:
        """Type the next one, which has to be the one that the test is about."""
        line = self.left.pop(0)
        assert line.removeprefix(".venv/bin/colorway ") == expected, "the page says it in another order, or other words"
        words = [OURS.name if word == "lab" and number else word for number, word in enumerate(expected.split())]
        if words[0] == "lab":
            words += ["--stack", OURS.name]
        if words[0] == "release" or words[0] == "rollback":
            # Where nobody can be asked, nobody is.
            words.append("--yes")
        return self.clone.run(*words, code=code).output


@pytest.mark.timeout(2400)
@pytest.mark.parametrize("clone", [FOUR], indirect=True, ids=["four hosts"])
def test_the_guide_to_ones_own_hosts_a_release_and_a_load_balancer_lost(clone: Clone):
    guide, stack = Guide.of(clone), ("--stack", clone.stack)
    guide.type("lab up")
    scan = guide.left.pop(0).replace("10.77.0", NETWORK).split()
    key = subprocess.run(scan, capture_output=True, text=True, check=True).stdout.split(maxsplit=1)[1].strip()
    assert f"host-key: {key}}}" in clone.stack_file.read_text(encoding="utf-8"), "as it is to be written down"
    guide.type("hosts check lab")
    guide.type("preview lab")
    guide.type("up lab")
    guide.type("status lab")

    # A release and its rollback under load on both load balancers: nothing is lost on either.
    stages = "  stages: [{percent: 50, bake: 20s}]"
    clone.edit("platforms/demo.yaml", r"^  stages: .*$", stages, subject="Have one short stage")
    with loaded(clone, 11) as first, loaded(clone, 12) as second:
        loads = (first, second)
        for load in loads:
            load.wait_for(lambda report: len(report.users("start")) >= 10, timeout=120)
        guide.type("release 2.0.0 --stack lab")
        assert percent(clone) == 100
        guide.type("rollback --stack lab")
        assert percent(clone) == 0
        reports = [load.stop() for load in loads]
    for report in reports:
        print(report.summary())
    assert [report.problems() for report in reports] == [[], []]

    lose_a_load_balancer_at_a_bad_moment(clone, stack)

    # The same without a release, by name.
    lab(clone, "fault", "stop-sshd", "lb2")
    refused = clone.run("up", clone.stack, code=1).output
    told = rf"^To go on without a load balancer: \S*colorway up {clone.stack} --without lb2$"
    assert re.search(told, refused, re.MULTILINE), refused
    assert "is fenced, as asked for" in guide.type("up lab --without lb2")
    lab(clone, "fault", "stop-sshd", "lb2", "--undo")
    assert "lb2 is let in again" in guide.type("up lab")
    assert asked(f"{NETWORK}.12")["color"] == "blue"
    assert "nowhere else" in guide.type("hosts drain lab app1", code=1), "it is the only one of its kind here"
    guide.type("hosts activate lab app1")
    guide.type("hosts reboot lab lb2")
    # Another machine under its name, and who is on the other one notices nothing.
    with loaded(clone, 11) as other:
        other.wait_for(lambda report: len(report.users("start")) >= 5, timeout=120)
        assert "lb2 has left the swarm" in guide.type("hosts replace lab lb2")
        guide.type("lab renew lb2")
        assert "lb2 was installed anew and has its roles again" in guide.type("up lab")
        report = other.stop()
    assert report.problems() == []
    assert asked(f"{NETWORK}.12")["color"] == "blue", "it serves what the others serve"
    guide.type("down lab")
    guide.type("lab down")
    assert guide.left == []


def lose_a_load_balancer_at_a_bad_moment(clone: Clone, stack: tuple[str, str]) -> None:
    """Half of the users are on green, and one load balancer's cable is pulled: back goes everybody on the other one."""
    begun = Command.start(clone, "release", "2.0.0", "--stages", "50", "--bake", "30m", "--yes", *stack)
    begun.wait_for("watching green at 50 %", limit=900)
    lab(clone, "fault", "cut", "lb2")
    begun.process.terminate()
    begun.process.wait(300)
    with loaded(clone, 11) as left:
        left.wait_for(lambda report: len(report.users("start")) >= 5, timeout=120)
        back = clone.run("rollback", "--yes", *stack, code=5).output
        report = left.stop()
    assert report.problems() == [], "who is on the other one loses nothing"
    assert "Load balancer lb2" in back
    assert "is fenced" in back
    assert asked(f"{NETWORK}.11")["color"] == "blue", "everybody who can be reached is back"
    assert "lb2" in clone.git("log", "-1", "--format=%b"), "git says so"
    assert "load balancer lb2 is fenced" in clone_says(clone)["problems"][0]["what"]
    refused = clone.run("release", "2.0.0", "--yes", *stack, code=1).output
    assert "load balancer lb2 is fenced" in refused

    # It comes back with what it had, and serves nobody until it has what the others serve.
    lab(clone, "fault", "cut", "lb2", "--undo")
    assert "load balancer lb2 is let in again; it serves what the others serve" in clone.up().output
    for number in (11, 12):
        assert asked(f"{NETWORK}.{number}")["color"] == "blue"
    assert clone_says(clone)["healthy"]
    assert clone.up().changed == {}


def clone_says(clone: Clone) -> dict[str, Any]:
    """Return what `status --json` says, whatever its exit code."""
    output, _ = clone.start("status", clone.stack, "--json").communicate(timeout=300)
    found: dict[str, Any] = json.loads(output)
    return found
