"""docs/your-hosts.md, typed word by word: from bare hosts to a platform, a release, and a load balancer lost."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.command import Command
from tests.support.labs import FOUR, NETWORK, OURS, asked, bare, lab, loaded, says, with_one_color
from tests.support.readme import blocks

pytestmark = [pytest.mark.area("hosts"), pytest.mark.needs("losetup"), pytest.mark.full]


@pytest.fixture
def clone(empty_machine: None, pulumi_cli: Path, tmp_path: Path) -> Iterator[Clone]:
    with bare(tmp_path / "clone", hosts=FOUR) as made:
        with_one_color(made)
        yield made


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
    assert "load balancer lb2 is fenced" in says(clone)["problems"][0]["what"]
    refused = clone.run("release", "2.0.0", "--yes", *stack, code=1).output
    assert "load balancer lb2 is fenced" in refused

    # It comes back with what it had, and serves nobody until it has what the others serve.
    lab(clone, "fault", "cut", "lb2", "--undo")
    assert "load balancer lb2 is let in again; it serves what the others serve" in clone.up().output
    for number in (11, 12):
        assert asked(f"{NETWORK}.{number}")["color"] == "blue"
    assert says(clone)["healthy"]
    clone.settled()
