"""What befalls hosts and operators in the middle of their work: the next command names it, and goes on or undoes."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from colorway.config import stack_files
from colorway.lab.faults import Fault, Faults
from colorway.lab.lab import Lab
from tests.support.clone import Clone
from tests.support.command import Command
from tests.support.labs import ALL, bare, colors, is_well, lab, loaded, on_both_colors, on_host, with_one_color
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("lab"), pytest.mark.needs("losetup"), pytest.mark.full]
STAGE = 900
"""Seconds that a stage may take to begin, or to be over, on a busy machine."""
WATCHING = "watching green at 50 %"


@pytest.fixture(scope="module")
def clone(empty_machine: None, pulumi_cli: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """The demo on seven hosts, for all tests of this file."""
    with bare(tmp_path_factory.mktemp("faults") / "clone", hosts=ALL) as made:
        with_one_color(made)
        lab(made, "up")
        made.up()
        yield made


@pytest.fixture
def quiet(clone: Clone) -> Iterator[Clone]:
    """Blue alone, and all hosts well, whatever a test left."""
    yield clone
    made = lab_of(clone)
    for host in made.hosts:
        for fault in (Fault.CUT, Fault.STOP_SSHD, Fault.FILL_DISK):
            Faults(host=host, switch=made.switch).end(fault)
    clone.traffic(100)
    clone.versions(blue="1.0.0", green=None)
    clone.up("--in-place", "a test begins with one color")


def lab_of(clone: Clone) -> Lab:
    return Lab(spec=stack_files.from_file(root=clone.path, stack=clone.stack), root=clone.path)


def release(clone: Clone, version: str, *more: str) -> Command:
    begun = Command.start(clone, "release", version, "--stages", "50", *more, "--yes", "--stack", clone.stack)
    begun.wait_for(WATCHING, limit=STAGE)
    return begun


@pytest.mark.timeout(2400)
def test_a_release_is_held_while_the_monitoring_host_is_lost_and_goes_on_afterwards(quiet: Clone):
    with loaded(quiet, 11) as load:
        begun = release(quiet, "2.0.0", "--bake", "20s")
        lab(quiet, "fault", "cut", "mon1")
        begun.wait_for(r"\| held: .*readings in a row failed: Prometheus does not answer", limit=STAGE)
        lab(quiet, "fault", "cut", "mon1", "--undo")
        print(begun.end(code=0, limit=STAGE))
        report = load.stop()
    assert report.problems() == [], "users notice nothing"
    assert colors() == ["green", "green"]
    quiet.run("rollback", "--yes", "--stack", quiet.stack)


@pytest.mark.timeout(2400)
def test_a_bad_color_goes_back_by_itself_although_a_load_balancer_is_lost(quiet: Clone):
    with loaded(quiet, 11) as load:
        begun = release(quiet, "3.0.2", "--bake", "30m")
        lab(quiet, "fault", "cut", "lb2")
        cut = time.monotonic()
        output = begun.end(code=3, limit=STAGE)
        failed = begun.when("^failed: at 50 %: ") - cut
        load.mark("back")
        load.wait_for(lambda report: len(report.users("back")) >= 5, timeout=300)
        report = load.stop()
    print(f"failed {failed:.0f} s after the load balancer was lost, back {report.marks[-1].at - cut:.0f} s after it")
    assert "load balancer lb2 is fenced" in output
    assert set(report.shares("back")) == {"blue"}, "everybody who can be reached is back"
    lab(quiet, "fault", "cut", "lb2", "--undo")
    assert "load balancer lb2 is let in again" in quiet.up().output
    assert colors() == ["blue", "blue"]


@pytest.mark.timeout(2400)
def test_a_release_survives_the_loss_of_a_web_host(quiet: Clone):
    with loaded(quiet, 11) as load:
        begun = release(quiet, "2.0.0", "--bake", "60s")
        load.mark("lost")
        lab(quiet, "fault", "cut", "app2")
        output = begun.end(code=0, limit=STAGE)
        report = load.stop()
    print(report.summary())
    print(output)
    assert colors() == ["green", "green"]
    assert "app2: is gone" in quiet.up().output, "nobody waits for it"
    lab(quiet, "fault", "cut", "app2", "--undo")
    wait_until(lambda: is_well(quiet), limit=STAGE, what="all is well again", every=3)
    quiet.settled()
    quiet.run("rollback", "--yes", "--stack", quiet.stack)


@pytest.mark.timeout(2400)
def test_work_goes_on_by_another_manager_when_the_first_is_lost(quiet: Clone):
    on_both_colors(quiet, 50)
    lab(quiet, "fault", "cut", "db1")
    # While they choose a leader, they know nothing.
    listed = "docker node ls --format '{{.Hostname}} {{.Status}}' || :"
    nodes = ("exec", "db2", "--", "sh", "-c", listed)
    wait_until(lambda: "db1 Down" in lab(quiet, *nodes), limit=300, what="the others know", every=2)
    quiet.traffic(0)
    # It is the database's host, too.
    output = quiet.up(code=1).output
    assert "db1: is gone" in output
    assert "applied, and not everything goes on running" in output
    assert "migrations" not in output, "what is applied needs no database to be so"
    assert colors() == ["green", "green"], "traffic still moves, on both"
    lab(quiet, "fault", "cut", "db1", "--undo")
    wait_until(lambda: is_well(quiet), limit=STAGE, what="all is well again", every=3)
    # What another manager was told to run is the first one's again.
    quiet.up()
    quiet.settled()


@contextmanager
def cable_pulled(clone: Clone) -> Iterator[None]:
    """Have nobody on this machine reach any host."""
    cable = lab_of(clone).switch.cable
    subprocess.run(["ip", "link", "set", cable, "down"], check=True)
    try:
        yield
    finally:
        subprocess.run(["ip", "link", "set", cable, "up"], check=True)


@pytest.mark.timeout(2400)
def test_the_next_up_goes_on_after_whatever_ended_the_last_one(quiet: Clone, tmp_path: Path):
    on_both_colors(quiet, 100)

    # Another operator's machine, in the middle of it.
    other = quiet.beside(tmp_path / "other")
    quiet.traffic(0)
    begun = Command.start(quiet, "up", quiet.stack)
    begun.wait_for("routing-check-lb", limit=STAGE)
    refused = other.up(code=1).output
    assert "changes this stack since" in refused, refused
    # Killed with all its children.
    begun.kill(signal.SIGKILL)
    quiet.up()
    assert colors() == ["green", "green"]
    quiet.settled()

    # The operator's own cable.
    quiet.traffic(100)
    begun = Command.start(quiet, "up", quiet.stack)
    begun.wait_for("routing-check-lb", limit=STAGE)
    with cable_pulled(quiet):
        time.sleep(20)  # What is meant is a while without any network, not a state that could be waited for.
    begun.process.wait(STAGE)
    print(begun.output)
    quiet.up()
    assert colors() == ["blue", "blue"]

    # One host's SSH, in the middle of a script.
    quiet.traffic(0)
    begun = Command.start(quiet, "up", quiet.stack)
    begun.wait_for("routing-check-lb", limit=STAGE)
    lab(quiet, "fault", "stop-sshd", "lb2")
    begun.process.wait(STAGE)
    print(begun.output)
    # Its script sees a moment later that whoever asked is gone.
    wait_until(lambda: len(set(colors())) == 1, limit=STAGE, what="both have the same, whichever it is", every=1)
    lab(quiet, "fault", "stop-sshd", "lb2", "--undo")
    quiet.up()
    assert colors() == ["green", "green"]
    quiet.settled()


@pytest.mark.timeout(2400)
def test_a_full_disk_of_a_load_balancer_changes_neither(quiet: Clone):
    on_both_colors(quiet, 100)
    lab(quiet, "fault", "fill-disk", "lb2")
    quiet.traffic(0)
    failed = quiet.up(code=1).output
    print(failed)
    assert colors() == ["blue", "blue"], "neither changes"
    lab(quiet, "fault", "fill-disk", "lb2", "--undo")
    quiet.up()
    assert colors() == ["green", "green"]


@pytest.mark.timeout(2400)
def test_both_load_balancers_take_a_change_or_neither(quiet: Clone):
    on_both_colors(quiet, 100)
    quiet.traffic(0)
    edge = f"/var/lib/colorway/{quiet.stack}/load-balancer"
    lab(quiet, "fault", "read-only", "lb2", edge)
    failed = quiet.up(code=1).output
    assert "routing-check-lb2" in failed, f"the check is what fails:\n{failed}"
    assert colors() == ["blue", "blue"], "one whose check fails: neither changes"
    lab(quiet, "fault", "read-only", "lb2", edge, "--undo")
    # In the place of the link that the apply makes, and nothing that the check looks at.
    on_host(quiet, "lb2", "mkdir", "-p", f"{edge}/current.new/in-the-way")
    failed = quiet.up(code=1).output
    assert re.search(r"load balancer lb1 serves generation \w+ again: lb2 could not be told the new one", failed)
    assert colors() == ["blue", "blue"], "one whose apply fails: both go back"
    on_host(quiet, "lb2", "rm", "-r", f"{edge}/current.new")
    quiet.up()
    assert colors() == ["green", "green"]
