"""What is purged when: decided from what is wanted and what was so, and never a reason to fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from colorway.cdn.leaving import leaving, purge
from colorway.errors import ColorwayError
from colorway.outputs import PurgeOutputs
from tests.support.purges import purge_api

ROOT = Path(__file__).resolve().parents[2]
BLUE, GREEN, NEXT = "shop-blue-1", "shop-green-2", "shop-blue-3"


def kept(serving, on, **waiting):
    return PurgeOutputs(serving=tuple(serving), on=tuple(on), waiting=dict.fromkeys(waiting.values(), "why"))


ONLY_BLUE = kept([BLUE], [BLUE])
STARTED = kept([BLUE], [BLUE, GREEN])
SPLIT = kept([BLUE, GREEN], [BLUE, GREEN])
HOT = kept([GREEN], [BLUE, GREEN])
FINISHED = kept([GREEN], [GREEN])


@pytest.mark.parametrize(
    ("was", "now", "tags"),
    [
        (None, ONLY_BLUE, []),
        (ONLY_BLUE, ONLY_BLUE, []),
        (ONLY_BLUE, STARTED, []),
        (STARTED, SPLIT, []),
        (SPLIT, HOT, [BLUE]),
        (HOT, FINISHED, [BLUE]),
        (SPLIT, STARTED, [GREEN]),
        (HOT, STARTED, [GREEN]),
        (STARTED, ONLY_BLUE, [GREEN]),
        (FINISHED, kept([GREEN], [GREEN, NEXT]), []),
        (kept([GREEN], [BLUE, GREEN], one=BLUE), HOT, [BLUE]),
        (kept([GREEN], [BLUE, GREEN], one=BLUE), SPLIT, []),
    ],
    ids=[
        "first install",
        "nothing changes",
        "the next version starts",
        "it gets users",
        "the old one loses its users",
        "it goes off",
        "back from a ramp",
        "back from all users",
        "the one that failed goes off",
        "a version after it",
        "what waits is tried again",
        "what waits has users again",
    ],
)
def test_what_leaves_is_purged(was, now, tags):
    assert leaving(was, now) == tags


def test_what_cannot_be_purged_waits_with_the_reason():
    def forget(_tags):
        raise ColorwayError("Cloudflare answers 500")

    assert purge(SPLIT, HOT, forget) == HOT.model_copy(update={"waiting": {BLUE: "Cloudflare answers 500"}})


def test_nobody_is_asked_where_nothing_leaves():
    def forget(_tags):
        raise AssertionError("asked for nothing")

    assert purge(None, ONLY_BLUE, forget) == ONLY_BLUE


def as_the_engine_runs_it(now, url, **variables):
    """Run the script of the graph's Command and return what it prints."""
    ran = subprocess.run(
        [sys.executable, "-m", "colorway.cdn.leaving"],
        cwd=ROOT,
        input=json.dumps({"zones": ["0" * 32], **now.model_dump(mode="json", exclude={"waiting"})}),
        env={**os.environ, "CLOUDFLARE_BASE_URL": url, "CLOUDFLARE_PURGE_TOKEN": "token", **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return PurgeOutputs.model_validate_json(ran.stdout)


def test_the_script_remembers_by_what_it_printed():
    with purge_api((503, {}), (503, {})) as api:
        first = as_the_engine_runs_it(SPLIT, api.url)
        failed = as_the_engine_runs_it(
            HOT, api.url, PULUMI_COMMAND_STDOUT=first.model_dump_json(), COLORWAY_PURGE_WITHIN="1"
        )
        assert list(failed.waiting) == [BLUE], "a CDN that fails is no reason to fail on the way back"
        again = as_the_engine_runs_it(HOT, api.url, COLORWAY_PURGE_RECORD=failed.model_dump_json())
    assert again == HOT
    assert [body for _, body in api.asked] == [{"tags": [BLUE]}] * 3, "two were refused, the last one was not"
