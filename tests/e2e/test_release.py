"""Releases of the demo platform under load: to the end, back from every stage, interrupted, beside others."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.release.sinks import Received, http_sink
from tests.support.clone import as_user_of
from tests.support.load import Load, compare_posts, fetch_post_counts
from tests.support.releasing import LEAST, PLAN, Releasing

pytestmark = pytest.mark.area("release")

UP = 300
"""Seconds that a step with an `up` may take on a busy machine before the test gives up."""
STAGE = 600
"""Seconds that a stage may take to pass with the load of the tests."""
BAKE = "20s"


@pytest.fixture
def people(releasing: Releasing, pulumi_cli: Path) -> Iterator[Received]:
    """Configure an address for notices as a user does, and return what came there."""
    clone = releasing.clone
    before = clone.stack_file.read_text()
    with http_sink() as people:
        url = f"json://127.0.0.1:{people.port}/"
        as_user_of(clone, pulumi_cli, "config", "set", "--secret", "secrets:notify-url-ops", said=url)
        clone.commit("Tell people of releases")
        yield people
    # What the release changed stays; the address goes.
    lines = clone.stack_file.read_text().splitlines(keepends=True)
    kept = [line for line in lines if "secrets:notify-url-ops" not in line and "    secure:" not in line]
    assert len(kept) == len(before.splitlines()), "only the address was added"
    clone.stack_file.write_text("".join(kept))
    clone.commit("Tell people no more")


@pytest.mark.timeout(3000)
def test_a_release_reaches_everybody_survives_a_kill_and_finishes(releasing: Releasing, people: Received):
    version, rising, since = releasing.other_version, releasing.active.other, releasing.head()
    stack = releasing.demo.stack
    with Load(target=releasing.demo.target, plan=PLAN) as load:
        first = releasing.start("release", version, "--bake", BAKE, "--yes")
        first.wait_for(f"watching {rising} at 10 %", limit=UP)
        seen = releasing.status()
        assert seen["release"]["phase"] == "ramp", "status names the release"
        assert "holds the release lock" in seen["release"]["holder"], "and who works on it"
        refused = releasing.clone.up(code=1)
        assert "holds the release lock" in refused.output, "nobody changes the stack beside a release"
        first.wait_for(f"watching {rising} at 50 %", limit=STAGE)
        first.kill(signal.SIGKILL)
        assert releasing.status()["release"]["helps"].startswith(
            f"colorway release {version} --stack {stack} continues"
        )
        second = releasing.start("release", "--bake", BAKE, "--yes")
        output = second.end(code=0, limit=STAGE)
        assert f"{version} is released" in output, "the run that continues ends the release"
        assert releasing.status()["release"]["phase"] == "hot", "the old color is kept for a rollback"
        finished = releasing.start("finish").end(code=0, limit=UP)
        report = load.stop()
    assert report.problems(least_rate=LEAST) == [], f"no request is lost from the first commit to the last\n{finished}"
    posts = compare_posts(report, fetch_post_counts(releasing.demo.target, prefix=report.snapshot.post_prefix))
    assert (posts.lost, posts.doubled) == ([], []), "each POST was executed once"
    releasing.check_commits(since)
    color = rising.value
    old = rising.other.value
    assert releasing.subjects(since) == [
        f"Start {version} as {color} on {stack}",
        f"Send 10 % of {stack} to {color} ({version})",
        f"Send 50 % of {stack} to {color} ({version})",
        f"Send all traffic of {stack} to {color} ({version})",
        f"Turn {old} off on {stack}: {version} is released",
    ], "git log alone tells the story"
    told = [json.loads(body)["title"] for body in people.bodies]
    assert [
        word for word in ("starts", "10 %", "50 %", "is released", "is off") if not any(word in title for title in told)
    ] == [], f"people were told of each step: {told}"
    history = releasing.start("history").end(code=0, limit=UP)
    assert version in history, "the commits' trailers are the history"
    assert "released" in history
    seen = releasing.status()
    assert seen["healthy"], f"nothing is wrong at the end: {seen['problems']}"
    assert {row["color"] for row in seen["services"]} == {color, None}, "the old color is gone"


# In the gate a bad release goes back from 10 %, by itself.
@pytest.mark.parametrize("stage", ["50", pytest.param("10", marks=pytest.mark.full)])
@pytest.mark.timeout(3000)
def test_a_rollback_from_every_stage_and_after_100_loses_nothing(releasing: Releasing, stage: str):
    version, rising = releasing.other_version, releasing.active.other
    with Load(target=releasing.demo.target, plan=PLAN) as load:
        since = releasing.head()
        run = releasing.start("release", version, "--stages", stage, "--bake", "1h", "--yes")
        run.wait_for(f"watching {rising} at {stage} %", limit=UP)
        back = releasing.start("rollback", "--take-over", "a drill")
        output = back.end(code=0, limit=UP)
        assert f"{version} is rolled back" in output, "said plainly"
        assert re.search("taken over|lock is gone", run.end(code=4, limit=UP)), "the first run notices and stops"
        releasing.check_commits(since)
        steps = [subject.split(" ")[0] for subject in releasing.subjects(since)]
        assert steps == ["Start", "Send", "Take", "Turn"], "traffic goes back in its own commit, then the version"
        since = releasing.head()
        whole = releasing.start("release", version, "--stages", "100", "--yes").end(code=0, limit=UP)
        assert "is released" in whole
        releasing.start("rollback").end(code=0, limit=UP)
        releasing.check_commits(since)
        report = load.stop()
    assert report.problems(least_rate=LEAST) == [], "neither the way up nor the way back loses a request"
    posts = compare_posts(report, fetch_post_counts(releasing.demo.target, prefix=report.snapshot.post_prefix))
    assert (posts.lost, posts.doubled) == ([], []), "each POST was executed once"
    assert releasing.status()["healthy"], "and nothing is left over"


@pytest.mark.full
@pytest.mark.timeout(2400)
def test_a_revert_of_the_last_commit_undoes_one_stage(releasing: Releasing):
    version, rising = releasing.other_version, releasing.active.other
    with Load(target=releasing.demo.target, plan=PLAN) as load:
        run = releasing.start("release", version, "--stages", "10,50", "--bake", BAKE, "--yes")
        run.wait_for(f"watching {rising} at 50 %", limit=STAGE)
        run.kill(signal.SIGTERM)
        assert f"colorway rollback --stack {releasing.demo.stack} undoes" in run.output, (
            "whoever is ended says where it stands"
        )
        releasing.clone.git("-c", "user.name=test", "-c", "user.email=test@example.com", "revert", "--no-edit", "HEAD")
        releasing.clone.up()
        seen = releasing.status()
        assert seen["installed"]["traffic"][rising.value] == 10, "one stage back, by git alone"
        assert seen["live"] == {"localhost": seen["generation"]}
        releasing.start("rollback").end(code=0, limit=UP)
        report = load.stop()
    assert report.problems(least_rate=LEAST) == [], "a revert loses nothing either"
