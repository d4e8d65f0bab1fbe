"""From nothing to a platform, again, and back to nothing."""

from __future__ import annotations

import json
import socket
import urllib.parse
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.demo import Demo, docker, left_behind
from tests.support.load import get
from tests.support.places import free_place
from tests.support.wait import wait_until

pytestmark = pytest.mark.area("engine")


def test_the_platform_answers_with_its_color_and_version(demo: Demo):
    said = demo.whoami()
    assert said["color"] == "blue", "all traffic is on blue after the first `up`"
    assert said["version"] == "1.0.0", "blue runs the version that the stack file names"
    assert said["api"]["color"] == said["color"], "web calls the api of its own color"
    assert b"1.0.0" in get(demo.target, "/"), "the page shows the version"


def test_a_second_up_changes_nothing(demo: Demo):
    ran = demo.clone.up()
    assert "nothing changes" in ran.output, "the same files give the same platform"
    assert demo.clone.git("status", "--porcelain") == "", "`up` leaves the checkout as it is"


def test_status_names_what_is_live_and_is_healthy(demo: Demo):
    ran = demo.clone.run("status", demo.stack)
    assert "traffic: blue 100 %, green 0 %, active blue" in ran.output
    assert "wrong:" not in ran.output, "everything runs, so nothing is wrong"


def test_passwords_are_files_and_nowhere_else(demo: Demo):
    seen = "".join(docker("service", "inspect", name) for name in docker("service", "ls", "-q").split())
    container = demo.containers("web-blue")[0]
    secret = docker("exec", container, "cat", "/run/secrets/database-password").strip()
    assert len(secret) >= 32, "the generated password is long"
    assert secret not in seen, "no inspect shows the password"
    assert secret not in docker("exec", container, "env"), "the environment holds no password"
    state = "".join(path.read_text() for path in (demo.clone.path / ".colorway/state").rglob("*.json"))
    assert secret not in state, "the state holds it encrypted only"
    everything = "".join(
        Path(f"/proc/{pid.name}/cmdline").read_bytes().decode(errors="replace")
        for pid in Path("/proc").iterdir()
        if pid.name.isdigit() and (pid / "cmdline").exists()
    )
    assert secret not in everything, "no process has it among its arguments"


def test_the_idle_color_opens_with_the_token_only(demo: Demo):
    wrong = replace(demo.target, headers=(("X-Colorway-Preview", "guess.green"),))
    assert json.loads(get(wrong, "/whoami"))["color"] == "blue", "a wrong token changes nothing"
    (container,) = demo.containers("lb-localhost")
    token = (
        docker("exec", container, "cat", "/etc/colorway/secrets/current/preview.conf").split("~^")[1].split("\\.")[0]
    )
    shouted = replace(demo.target, headers=(("X-Colorway-Preview", f"{token.upper()}.green"),))
    assert json.loads(get(shouted, "/whoami"))["color"] == "blue", "capitals count"
    right = replace(demo.target, headers=(("X-Colorway-Preview", f"{token}.green"),))
    assert json.loads(get(right, "/whoami"))["color"] == "green", "the token opens the color without users"


def test_figures_are_kept_by_color(demo: Demo):
    prometheus = f"http://127.0.0.1:{demo.clone.place.monitoring_port}"

    def requests_of_blue() -> float:
        query = urllib.parse.quote('sum(colorway_requests_total{color="blue",service="web",code="200"})')
        with urllib.request.urlopen(f"{prometheus}/api/v1/query?query={query}", timeout=5) as answer:
            result = json.load(answer)["data"]["result"]
        return float(result[0]["value"][1]) if result else 0.0

    before = requests_of_blue()
    for _ in range(20):
        get(demo.target, "/whoami")
    wait_until(lambda: requests_of_blue() >= before + 20, limit=30, what="Prometheus knows of 20 more requests of blue")


def test_a_busy_port_is_said_before_anything_is_created(tmp_path: Path, empty_machine: None, pulumi_cli: Path):
    with free_place() as place, socket.socket() as busy:
        clone = Clone.make(tmp_path / "clone", place=place)
        busy.bind(("127.0.0.1", place.https_port))
        busy.listen()
        ran = clone.up(code=1)
    assert f"port {place.https_port} is in use by another program" in ran.output, "the sentence names the port"
    assert left_behind(place.name) == [], "nothing was created"
