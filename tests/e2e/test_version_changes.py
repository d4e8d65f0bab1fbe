"""A version whose services differ: released and rolled back under load; in place it is refused; secrets are rotated."""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import ssl
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from tests.support.clone import Clone, as_user_of
from tests.support.demo import Demo, left_behind
from tests.support.load import Kind, Load, Target, compare_posts, fetch_post_counts
from tests.support.places import Place, free_place
from tests.support.releasing import LEAST, MANIFEST, PLAN, Releasing
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("release"), pytest.mark.full]

UP, STAGE, BAKE = 300, 600, "20s"
OLD, NEW = "1.0.0", "4.0.0"
DEMO = "platforms/demo.yaml"

VISITS = """\
  visits:
    build: demo
    command: [python3, -m, demo, api]
    port: 8000
    routes: [{path: /api/visits}]
    health: {path: /healthz, interval: 4s, timeout: 5s, retries: 5, start-period: 20s}
    longest-request: 30s
    limits: {cpus: 1, memory: 192Mi}
    update: {monitor: 2s}
    env: *env
    uses: [postgres, redis]
    secrets: [database-password, redis-password]
  worker:
"""
"""A service of the old version that the new one does not have; whoever has the path in the new one answers instead."""

SERVICES = """\
services:
  # Renamed, and on another port.
  api: null
  backend: &backend
    build: demo
    command: [python3, -u, -m, demo, api]
    port: 8001
    replicas: 2
    routes: [{path: /api/}]
    health: {path: /readyz, interval: 3s, timeout: 5s, retries: 6, start-period: 25s}
    ready-path: /readyz
    longest-request: 30s
    limits: {cpus: 1, memory: 192Mi}
    update: {monitor: 2s}
    env: &env
      DATABASE_HOST: postgres
      DATABASE_NAME: demo
      DATABASE_USER: demo
      DATABASE_PASSWORD_FILE: /run/secrets/database-password
      REDIS_HOST: redis
      REDIS_PASSWORD_FILE: /run/secrets/redis-password
      GRACE_SECONDS: 30
      PORT: 8001
    uses: [postgres, redis]
    secrets: [database-password, redis-password]
  # New, with a path that another one answered before.
  timetable:
    <<: *backend
    replicas: 1
    port: 8002
    env: {<<: *env, PORT: 8002}
    routes: [{path: /api/schedulers}]
  # Gone: its path falls to the renamed one.
  visits: null
  # Another port, health check, program and neighbor.
  web:
    port: 8080
    command: [python3, -u, -m, demo, web]
    health: {path: /readyz, interval: 3s}
    env: {PORT: 8080, API_URL: "http://backend:8001"}
  worker:
    env: {API_URL: null, PORT: 9}
"""

IN_PLACE = {
    "port": ("web", {"port": 8080}),
    "env": ("web", {"env": {"PORT": 8000}}),
    "health": ("web", {"health": {"path": "/readyz"}}),
    "command": ("api", {"command": ["python3", "-u", "-m", "demo", "api"]}),
    "routes": ("api", {"routes": [{"path": "/api/"}, {"path": "/more/"}]}),
}
"""Edits of the stack's overrides that a color with users must not get: the key, the service, what is said."""


def with_other_services(folder: Path, place: Place) -> Clone:
    """A checkout with a version whose services differ from those of the platform's file, and a secret of web's own."""
    clone = Clone.make(folder / "clone", place=place)
    clone.edit(DEMO, r"^  worker:\n", VISITS, subject="Add a service that only counts visits")
    clone.edit(DEMO, r"^  service: api$", "  service: web", subject="Let web migrate: it keeps its name")
    clone.edit(
        DEMO,
        r"^  hot: .*$",
        "  hot: 5s\n  gate: {p95: 30s, p95-factor: 30}",
        subject="Shorten the hot time, and judge no version by how busy this machine is",
    )
    clone.edit(
        DEMO, r"^(  preview-token: .*)$", r"\1\n  key: {description: of an API that web calls}", subject="Add a secret"
    )
    text = (clone.path / DEMO).read_text()
    (clone.path / DEMO).write_text(
        text.replace("[database-password, redis-password]", "[database-password, redis-password, key]", 1)
    )
    (clone.path / f"releases/demo/{NEW}.yaml").write_text(MANIFEST + SERVICES)
    clone.git("add", "releases")
    clone.versions(blue=OLD, green=None)
    return clone


@pytest.fixture(scope="module")
def changing(empty_machine: None, pulumi_cli: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Releasing]:
    """That platform, up at the old version; removed at the end with all that it made."""
    with free_place() as place:
        clone = with_other_services(tmp_path_factory.mktemp("changing"), place)
        clone.up()
        yield Releasing(demo=Demo(clone=clone))
        clone.down()
        assert left_behind(place.name) == [], "`down` removes the services of every version"


@dataclass
class Asking:
    """Asks paths beside the load, each as another user, and keeps who answered; an answer but 200 is a loss."""

    target: Target
    paths: tuple[str, ...]
    seen: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """How often a path was answered by a version's service: path, version, service."""
    lost: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(timeout=60)

    def _ask(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        number = 0
        while not self._over.is_set():
            number += 1
            path = self.paths[number % len(self.paths)]
            cookie = f"{self.target.cookie_name}={number * 37 % 100}"
            connection = http.client.HTTPSConnection(self.target.host, self.target.port, context=context, timeout=30)
            try:
                connection.request("GET", path, headers={"Cookie": cookie, "User-Agent": f"beside {number}"})
                answer = connection.getresponse()
                said = answer.read()
                if answer.status == 200:
                    of = (answer.headers["X-Colorway-Version"], answer.headers["X-Colorway-Service"])
                    self.seen[(path, *of)] += 1
                else:
                    self.lost.append(f"GET {path}: {answer.status} {said[:80]!r}")
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(f"GET {path}: {error!r}")
            finally:
                connection.close()
            self._over.wait(0.05)

    def answered_by(self, path: str) -> dict[str, set[str]]:
        """Return which services answered a path, by version."""
        found: dict[str, set[str]] = {}
        for asked, version, service in self.seen:
            if asked == path:
                found.setdefault(version, set()).add(service)
        return found


PATHS = ("/api/visits", "/api/schedulers", "/api/whoami", "/whoami")
WHO = {
    "/api/visits": {OLD: {"visits"}, NEW: {"backend"}},
    "/api/schedulers": {OLD: {"api"}, NEW: {"timetable"}},
    "/api/whoami": {OLD: {"api"}, NEW: {"backend"}},
    "/whoami": {OLD: {"web"}, NEW: {"web"}},
}
"""Which service of which version has a path."""


@pytest.mark.timeout(3000)
def test_services_added_renamed_dropped_and_changed_by_a_version_are_released_and_rolled_back_without_a_loss(
    changing: Releasing,
):
    since = changing.head()
    with Load(target=changing.demo.target, plan=PLAN) as load, Asking(changing.demo.target, PATHS) as beside:
        run = changing.start("release", NEW, "--stages", "10,50", "--bake", BAKE, "--yes")
        for percent in (10, 50):
            run.wait_for(f"watching green at {percent} %", limit=STAGE)
            load.mark(f"at {percent}")
        run.wait_for("^Send all traffic", limit=STAGE)
        load.mark("to 100")
        output = run.end(code=0, limit=STAGE)
        load.mark("released")
        assert f"{NEW} is released" in output
        load.wait_for(lambda report: sum(1 for _ in report.rows("released", settled=True)) >= 500, timeout=300)
        load.mark("to blue")
        back = changing.start("rollback").end(code=0, limit=UP)
        assert "is rolled back" in back
        load.mark("back")
        load.wait_for(lambda report: sum(1 for _ in report.rows("back", settled=True)) >= 500, timeout=300)
        report = load.stop()
    assert beside.lost == [], f"a path whose service is another one in the new version answers all the time: {WHO}"
    assert report.problems(least_rate=LEAST) == [], "no request is lost on the way there and back"
    posts = compare_posts(report, fetch_post_counts(changing.demo.target, prefix=report.snapshot.post_prefix))
    assert (posts.lost, posts.doubled) == ([], []), "each POST was executed once"
    assert {path: beside.answered_by(path) for path in PATHS} == WHO, "each version answers with its own services"
    for percent in (10, 50):
        shares = report.shares(f"at {percent}")
        drawn = sum(share.count for share in shares.values())
        # Three points, and what so few draws may be beside it (four standard deviations).
        allowed = 3 + 4 * math.sqrt(percent * (100 - percent) / drawn)
        assert abs(shares["green"].percent - percent) <= allowed, f"the load met both colors as the line says: {shares}"
    assert set(report.shares("released")) == {"green"}
    assert set(report.shares("back")) == {"blue"}
    changing.check_commits(since)
    left = [name for name in changing.demo.tasks() if name.endswith("-green")]
    assert left == [], "nothing of the version that was rolled back is left"
    assert changing.status()["healthy"], changing.status()["problems"]


@pytest.mark.timeout(1200)
def test_the_same_edits_in_place_are_refused_with_the_cure_and_touch_nothing(changing: Releasing):
    clone = changing.clone
    tasks, before = changing.demo.tasks(), clone.stack_file.read_text()
    place = clone.place.file
    for key, (service, change) in IN_PLACE.items():
        said = json.dumps({"services": {service: change}})[1:-1]
        clone.edit(place, r"^(  colorway:overrides: \{)", rf"\g<1>{said}, ", subject=f"Change the {key} in place")
        for command in ("preview", "up"):
            refused = clone.run(command, clone.stack, code=1).output
            assert f"the service {service} of blue changes ({key}" in refused, refused
            assert "write it under `services` of the next version's manifest and release that" in refused, "the cure"
        clone.stack_file.write_text(before)
        clone.commit("Take it back")
    platform = (clone.path / DEMO).read_text()
    dropped = platform.replace(VISITS, "  worker:\n")
    renamed = platform.replace("\n  visits:\n", "\n  hits:\n")
    for text, words in ((dropped, ["visits leaves blue"]), (renamed, ["visits leaves blue", "hits comes to blue"])):
        # The new version's manifest takes away what is not there any more.
        (clone.path / DEMO).write_text(text)
        manifest = clone.path / f"releases/demo/{NEW}.yaml"
        kept = manifest.read_text()
        manifest.write_text(kept.replace("  visits: null\n", ""))
        clone.commit("Rename in place")
        refused = clone.up(code=1).output
        assert [word for word in words if f"the service {word}" not in refused] == [], refused
        (clone.path / DEMO).write_text(platform)
        manifest.write_text(kept)
        clone.commit("Take it back")
    assert "nothing changes" in clone.up().output, "whatever was refused left nothing"
    assert changing.demo.tasks() == tasks, "no task was touched"


@pytest.mark.timeout(1200)
def test_a_secret_is_rotated_under_load_task_by_task_and_nginxs_by_a_reload(changing: Releasing, pulumi_cli: Path):
    demo, clone = changing.demo, changing.clone
    before, containers = demo.tasks(), demo.containers("lb-localhost")
    token, fresh = ("rotated-once-0123456789", "rotated-twice-0123456789")
    with Load(target=demo.target, plan=PLAN) as load:
        as_user_of(clone, pulumi_cli, "config", "set", "--secret", "secrets:key", said="another")
        clone.commit("Rotate web's key")
        clone.up()
        after = demo.tasks()
        wait_until(lambda: keys(demo) == {"another"}, limit=120, what="every task has the new content")
        as_user_of(clone, pulumi_cli, "config", "set", "--secret", "secrets:preview-token", said=token)
        clone.commit("Rotate the preview token")
        clone.up()
        opened = answers(demo, token)
        as_user_of(clone, pulumi_cli, "config", "set", "--secret", "secrets:preview-token", said=fresh)
        clone.commit("Rotate it again")
        clone.up()
        load.wait_for(lambda report: sum(report.requests[kind] for kind in Kind) >= 1000, timeout=300)
        report = load.stop()
    assert report.problems(least_rate=LEAST) == [], "nobody notices"
    assert {name for name in before if before[name] != after[name]} == {"web-blue"}, "only those that have it restart"
    assert demo.containers("lb-localhost") == containers, "the load balancer reads its own anew, and stays"
    assert (opened, answers(demo, token), answers(demo, fresh)) == (503, 200, 503), (
        "green is off: whoever knows the present token is told so, whoever knows the last one is anybody"
    )
    assert "nothing changes" in clone.up().output


def keys(demo: Demo) -> set[str]:
    """Return what web's containers have as their key; one that is on its way out may be gone meanwhile."""
    ran = [
        subprocess.run(["docker", "exec", one, "cat", "/run/secrets/key"], capture_output=True, check=False, text=True)
        for one in demo.containers("web-blue")
    ]
    return {one.stdout if one.returncode == 0 else one.stderr for one in ran}


def answers(demo: Demo, token: str) -> int:
    """Return the status with which a color that is off is asked for."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.closing(
        http.client.HTTPSConnection(demo.target.host, demo.target.port, context=context, timeout=30)
    ) as connection:
        connection.request("GET", "/whoami", headers={"X-Colorway-Preview": f"{token}.green"})
        return connection.getresponse().status
