"""What `colorway status` shows: what is live, what is wrong, and the one command that helps."""

from __future__ import annotations

import dataclasses
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from colorway.cli.status import as_json, helps, show
from colorway.release.plan.situation import Phase
from colorway.release.tell.status import ReleaseStatus
from colorway.swarm.certificates import Leaf, ShownCertificate
from colorway.swarm.connections import NoAnswerError
from colorway.swarm.services import SwarmObject
from tests.engine.test_status import status
from tests.support.specs import small_spec

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
RAMP = ReleaseStatus(
    phase=Phase.RAMP,
    version="2.0.0",
    previous="1.0.0",
    percent=10,
    since=NOON,
    hot_until=None,
    holder=None,
    leftover=None,
    helps="colorway release 2.0.0 --stack test continues it, colorway rollback --stack test undoes it",
)


def shown(found, release=None):
    console = Console(record=True, width=120, file=io.StringIO())
    show(console, found, release)
    return console.export_text().splitlines()


@pytest.fixture
def healthy():
    return status()


def test_people_read_traffic_release_and_nothing_else_when_all_is_well(healthy):
    lines = shown(healthy, RAMP)
    assert "traffic: blue 100 %, green 0 %, active blue, live on localhost" in lines
    assert "release of 2.0.0 is under way since 2026-11-01 12:00 UTC: 10 % of the traffic" in lines
    assert not [line for line in lines if "wrong" in line], "nothing is"


def test_a_commit_that_is_not_live_is_shown_beside_what_is():
    lines = shown(status(configured=small_spec(traffic="90:10")))
    assert lines[-4:] == [
        "traffic: blue 100 %, green 0 %, active blue, live on localhost",
        "the file says: blue 90 %, green 10 %, active blue",
        "wrong: the stack file says other versions or traffic than the last finished run",
        "helps: colorway up test",
    ]


def test_what_is_closed_is_said_with_its_time_and_the_way_out(healthy):
    said = {"everything": "Back soon."}
    outputs, configured = (
        healthy.outputs.model_copy(update={"maintenance": said}),
        small_spec(settings={"maintenance": said}),
    )
    closed = dataclasses.replace(healthy, outputs=outputs, configured=configured)
    lines = shown(closed, dataclasses.replace(RAMP, closed_since={"everything": NOON}))
    assert "maintenance: everything is closed since 2026-11-01 12:00 UTC; visitors read: Back soon." in lines
    assert "maintenance: colorway maintenance off test opens it again" in lines
    assert not [line for line in lines if "wrong" in line], "it is meant"
    assert json.loads(as_json(closed, None))["maintenance"] == said
    pending = shown(status(configured=configured))
    assert "the file says: everything closed" in pending
    assert pending[-1] == "helps: colorway up test", "it is committed and not live"


def test_a_load_balancer_that_serves_something_else_is_not_called_live():
    assert "traffic: blue 100 %, green 0 %, active blue, live nowhere" in shown(status(live="def"))


def test_what_is_wrong_comes_before_a_release_that_could_go_on(healthy):
    assert helps(healthy, None) is None, "nothing is to do"
    assert helps(healthy, RAMP) == RAMP.helps
    assert helps(status(live="def"), RAMP) == "colorway up test", "one command, the one that must come first"


def test_what_is_seen_while_somebody_changes_the_stack_is_nothing_to_mend():
    changed = dataclasses.replace(status(configured=small_spec(traffic="90:10")), changed_by="Ada changes this stack")
    assert shown(changed)[-3:] == [
        "Ada changes this stack",
        "meanwhile: the stack file says other versions or traffic than the last finished run",
        "helps: wait until that ends",
    ], "an `up` would be refused"
    assert helps(changed, RAMP) is None
    assert json.loads(as_json(changed, None))["changed-by"] == "Ada changes this stack"


def test_nobody_is_sent_to_an_up_that_a_release_keeps_out():
    held = dataclasses.replace(RAMP, holder="Ada holds the release lock", helps=None)
    way = "wait for the release, or colorway rollback --stack test --take-over REASON"
    assert helps(status(live="def"), held) == way
    assert f"helps: {way}" in shown(status(live="def"), held)
    sick = status(test_shop_blue={"running": 1})
    assert helps(sick, held) == "docker service ps --no-trunc test-shop-blue", "which looks, and changes nothing"


def test_programs_get_the_same(healthy):
    said = json.loads(as_json(healthy, RAMP))
    assert said["healthy"] is True
    assert said["installed"]["traffic"] == {"blue": 100, "green": 0, "active": "blue"}
    assert said["live"] == {"localhost": said["generation"]}
    assert said["release"]["phase"] == "ramp"
    assert said["release"]["since"] == "2026-11-01T12:00:00Z", "a time is ISO 8601 in UTC"
    assert {row["service"]: row["color"] for row in said["services"]}["test-postgres"] is None, "shared"


def test_programs_are_told_what_is_wrong_with_its_cure():
    said = json.loads(as_json(status(test_shop_blue={"running": 1}), None))
    assert said["healthy"] is False
    assert said["problems"] == [
        {"what": "test-shop-blue: 1 of 3 tasks run", "helps": "docker service ps --no-trunc test-shop-blue"}
    ]
    assert said["release"] is None


def test_a_stack_that_was_never_installed_is_no_traceback(healthy):
    never = dataclasses.replace(healthy, outputs=None, rows=(), live={})
    assert shown(never)[-2:] == ["wrong: nothing is installed", "helps: colorway up test"]
    assert json.loads(as_json(never, None))["installed"] is None


def test_what_exists_after_a_first_up_that_failed_is_shown(healthy):
    made = (SwarmObject("network", "test-data"), SwarmObject("network", "test-blue"), SwarmObject("secret", "test-tls"))
    half = dataclasses.replace(healthy, outputs=None, rows=(), live={}, made=made)
    assert shown(half) == [
        "exists: network test-blue, test-data",
        "exists: secret test-tls",
        "wrong: no `up` has finished yet, and there are 2 networks, 1 secret",
        "helps: colorway up test continues it, colorway down test removes it",
    ], "what exists, not what finished"
    assert json.loads(as_json(half, None))["exists"][0] == {"kind": "network", "name": "test-data"}


def test_without_docker_files_and_git_are_shown_and_one_sentence(healthy):
    silence = NoAnswerError("localhost: Docker does not answer, asked for its services (x)", cure="start it")
    silent = dataclasses.replace(healthy, rows=(), live={}, silence=silence)
    assert shown(silent, RAMP) == [
        "traffic: blue 100 %, green 0 %, active blue by the last finished run; what is live cannot be asked",
        *RAMP.lines(),
        "wrong: localhost: Docker does not answer, asked for its services (x)",
        "helps: start it",
    ]
    assert json.loads(as_json(silent, RAMP))["answers"] is False


def test_a_certificate_that_is_not_well_is_a_problem_with_its_place(healthy):
    leaf = Leaf(issuer="E7", begins=NOON, ends=NOON + timedelta(days=90))
    late = dataclasses.replace(leaf, ends=datetime.now(tz=UTC) + timedelta(days=5, hours=1))
    told = {"stack": "test", "host": "lb1", "lineage": "example.com", "name": "example.com", "wanted": "lets-encrypt"}
    found = dataclasses.replace(
        healthy,
        certificates=(ShownCertificate(**told, leaf=late), ShownCertificate(**told, leaf=None, refusal="refused")),
    )
    first, second = json.loads(as_json(found, None))["certificates"]
    assert first == {
        "host": "lb1",
        "domain": "example.com",
        "asked": "example.com",
        "shown": True,
        "issuer": "E7",
        "begins": NOON.isoformat(),
        "ends": late.ends.isoformat(),
        "days-left": 5,
        "late": True,
        "fits": True,
        "failure": None,
    }
    assert (second["shown"], second["ends"], second["fits"]) == (False, None, False)
    lines = shown(found)
    assert "certificate: example.com on lb1: by E7, 5 days left" in lines
    assert "also wrong: load balancer lb1 shows no certificate under example.com: refused" in lines
