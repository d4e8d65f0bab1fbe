"""A service that exists once: both colors answer through it, routes lead to it, and an edit of it loses nothing."""

from __future__ import annotations

import http.client
import json
import ssl
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.demo import Demo, docker, left_behind
from tests.support.load import Load, Report, compare_posts, fetch_post_counts
from tests.support.places import Place, free_place
from tests.support.releasing import LEAST, PLAN
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("edge"), pytest.mark.full]

ENOUGH = 1000
"""Requests that must be answered before the edit, and again after it."""
BUCKETS = {"green": 0, "blue": 99}
"""A bucket of each color at 50:50."""


def with_a_shared_api(folder: Path, place: Place) -> Clone:
    """A checkout whose platform is the demo's with an API that both colors share, and users on both colors."""
    clone = Clone.make(folder / "clone", place=place, overrides="services: {api: {env: {EDITED: 'once'}}}")
    demo = "platforms/demo.yaml"
    clone.edit(demo, r"^  api:$", "  api:\n    kind: shared", subject="Share the API")
    clone.edit(demo, r"^  service: api$", "  service: web", subject="Let web migrate")
    clone.traffic(50)
    return clone


@pytest.fixture(scope="module")
def sharing(empty_machine: None, pulumi_cli: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """That platform, up; removed at the end with all that it made."""
    with free_place() as place:
        clone = with_a_shared_api(tmp_path_factory.mktemp("sharing"), place)
        clone.up()
        yield Demo(clone=clone)
        clone.down()
        assert left_behind(place.name) == [], "`down` removes a shared service as everything else"


def ask(demo: Demo, path: str, color: str) -> dict[str, object]:
    """Ask as a user whom a cookie keeps on a color."""
    target = demo.target
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(target.host, target.port, context=context, timeout=30)
    connection.request("GET", path, headers={"Cookie": f"{target.cookie_name}={BUCKETS[color]}"})
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    assert answer.status == 200, said
    found: dict[str, object] = json.loads(said)
    return found


def counted(demo: Demo) -> dict[str, float]:
    """Return what is counted of requests to the API, by color."""
    query = urllib.parse.urlencode({"query": 'sum by (color) (colorway_requests_total{service="api"})'})
    url = f"http://127.0.0.1:{demo.clone.place.monitoring_port}/api/v1/query?{query}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        rows = json.load(answer)["data"]["result"]
    return {row["metric"]["color"]: float(row["value"][1]) for row in rows}


def answered(mark: str):
    """Whether enough requests were answered in a stage, however fast this machine is."""

    def holds(report: Report) -> bool:
        return sum(1 for _ in report.rows(mark)) >= ENOUGH

    return holds


@pytest.mark.timeout(1500)
def test_both_colors_answer_through_what_exists_once_and_its_edit_under_load_loses_nothing(sharing: Demo):
    names = docker("service", "ls", "--format", "{{.Name}}").split()
    ours = [name for name in names if name.startswith(f"{sharing.stack}-api")]
    assert ours == [f"{sharing.stack}-api"], "one service, without a color"
    for color in BUCKETS:
        web = ask(sharing, "/whoami", color)
        assert (web["service"], web["color"]) == ("web", color)
        assert {key: web["api"][key] for key in ("service", "color")} == {"service": "api", "color": "none"}, (
            f"{color}'s own services reach it under its name"
        )
        assert ask(sharing, "/api/whoami", color)["service"] == "api", f"a route leads to it for {color}'s users"

    beside = ("python3", "-c", "import os; print(os.environ['EDITED'], os.environ.get('COLORWAY_COLOR'))")
    assert sharing.clone.run("run", sharing.stack, "api", "--", *beside).output.split() == ["once", "None"]

    place = sharing.clone.place
    sharing.clone.edit(place.file, "EDITED: 'once'", "EDITED: 'twice'", subject="Edit the shared API")
    preview = sharing.clone.run("preview", sharing.stack).output
    said = f"{sharing.stack}-api (env.EDITED) rolls, task by task, for the users of both colors at once"
    assert said in preview, "who meets an edit without a verdict is said before"
    before = sharing.tasks()
    with Load(target=sharing.target, plan=PLAN) as load:
        load.wait_for(answered("start"), timeout=300)
        began = time.monotonic()
        sharing.clone.up()
        took = time.monotonic() - began
        load.mark("edited")
        load.wait_for(answered("edited"), timeout=300)
        report = load.stop()
    assert "nothing changes" in sharing.clone.up().output, "a second `up` leaves it alone"
    print(f"the shared service was edited in {took:.0f} s, {sum(report.requests.values()):,} requests meanwhile")
    after = sharing.tasks()
    assert not before["api"] & after["api"], "all its tasks are new"
    untouched = {name for name in before if before[name] == after[name]}
    assert untouched == set(before) - {"api"}, "and no other one is"
    lost = [problem for problem in report.problems(least_rate=LEAST) if not problem.startswith("two colors")]
    assert lost == [], "no request was lost, to it or through it"
    assert {one.colors[1] for one in report.mixed_colors} == {"none"}, "web has a color, what answers it has none"
    posts = compare_posts(report, fetch_post_counts(sharing.target, prefix=report.snapshot.post_prefix))
    assert (posts.lost, posts.doubled) == ([], []), "each POST was executed once"
    wait_until(lambda: counted(sharing).get("shared", 0) >= ENOUGH, limit=30, what="its answers are counted")
    assert set(counted(sharing)) == {"shared"}, "they are no color's, so that no verdict has them"
