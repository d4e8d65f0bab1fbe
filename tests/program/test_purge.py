"""The purge in the graph: only with a zone, after every load balancer has switched, in nobody's way."""

from __future__ import annotations

import json

import pytest

from tests.program.stacks import run_spec
from tests.support.specs import PUBLIC_HOSTS, ZONE, small_spec


def at(traffic="100:0", **more):
    return run_spec(small_spec(traffic=traffic, hosts=PUBLIC_HOSTS, settings={"environment": "lab", **more}))


@pytest.fixture(scope="module")
def split():
    return at("90:10", zones={"main": ZONE})


def test_a_stack_without_a_zone_has_none():
    assert not [one for one in at().resources if "purge" in one.name], "nothing keeps its answers"


def test_it_runs_once_every_load_balancer_has_switched(split):
    waits = split.waits_for(split.one("purge-command"))
    assert {"routing-apply-lb1-run", "routing-apply-lb2-run"} <= waits, "one that had not would fill the CDN again"


def test_nothing_waits_for_it(split):
    waiting = [one.name for one in split.custom if "purge-command" in split.waits_for(one)]
    assert waiting == [], "a CDN that does not answer must hold nothing up"


def test_it_runs_anew_when_others_have_users_or_are_on(split):
    made = split.one("purge-command").inputs
    assert json.loads(made["stdin"]) == {
        "zones": [ZONE],
        "serving": ["test-blue-1.0.0", "test-green-2.0.0"],
        "on": ["test-blue-1.0.0", "test-green-2.0.0"],
    }
    assert "triggers" not in made, "they would replace it, and what it printed last would be forgotten"
    assert "delete" not in made, "neither a `down` nor a replacement purges"
    assert made["addPreviousOutputInEnv"], "what it printed last is its memory"


def test_no_path_of_this_machine_is_in_the_state(split):
    assert "python3" in split.one("purge-command").inputs["create"]
    assert "/" not in split.one("purge-command").inputs["create"].replace("/bin/sh", "")
