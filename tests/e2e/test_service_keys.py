"""What a service says of its process, files and surroundings is what its tasks find, on a real swarm."""

from __future__ import annotations

import http.client
import json
import shutil
import ssl
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.clone import Clone
from tests.support.command import Command
from tests.support.demo import Demo, docker, left_behind
from tests.support.places import Place, free_place
from tests.support.refresh import refresh
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("engine"), pytest.mark.full]

PROJECT = Path(__file__).parents[1] / "support/every_key"
"""Platform, releases, images and files that a checkout gets."""
BUCKETS = {"blue": "99", "green": "0"}
"""Cookies of a user of each color at 50:50; green owns the low numbers."""
ZONE = "colorway-test.zone"
SAID_WITHIN = 10
"""Seconds after which a reason that is known is on the screen."""
BRIEF = """
  brief:
    kind: worker
    build: witness
    entrypoint: [sh, -c]
    command: ["echo no such table >&2; exit 3"]
    health: {none: a test looks at it}
    limits: {cpus: 1, memory: 64Mi}
    longest-request: 5s
"""
MEDIA = """
  media:
    kind: worker
    build: witness
    command: [-m, witness, "8000"]
    volumes:
      - {name: media, target: /srv/uploads, shared: true, nfs: {server: 10.255.255.1, path: /media}}
    health: {none: a test looks at it}
    limits: {cpus: 1, memory: 64Mi}
    longest-request: 5s
    update: {monitor: 1s}
"""


def with_every_key(folder: Path, place: Place, *, more: str = "") -> Clone:
    """A checkout with that platform, and what its stack says of its services."""
    published = f"published: [{{port: {port(place)}, target: 9999}}]"
    joined = f"networks: [{foreign(place)}], placement: {{labels: {{{ZONE}: north}}, most-per-host: 4}}"
    overrides = f"services: {{witness: {{{joined}}}, probe: {{{published}}}}}"
    clone = Clone.make(folder / "clone", place=place, overrides=overrides)
    shutil.copytree(PROJECT, clone.path, dirs_exist_ok=True)
    clone.git("add", "--all")
    clone.edit(place.file, "colorway:platform: demo", "colorway:platform: keys", subject="Run another platform")
    if more:
        clone.edit(place.file, "colorway:network: {", f"colorway:network: {{{more}, ", subject="Settle the networks")
    return clone


def port(place: Place) -> int:
    """A port of the host, beside those that every stack has."""
    return place.monitoring_port + 1


def foreign(place: Place) -> str:
    """The network of a stack that is none of Colorway's."""
    return f"{place.name}-foreign"


@pytest.fixture(scope="module")
def place(empty_machine: None) -> Iterator[Place]:
    """A place with what a stack finds around it: a network with somebody in it, and a label of the host."""
    with free_place() as found:
        name = foreign(found)
        slot = found.network.split(".")[1]
        docker("network", "create", "--driver", "overlay", "--subnet", f"10.209.{slot}.0/24", name)
        node = docker("info", "--format", "{{.Swarm.NodeID}}").strip()
        docker("node", "update", "--label-add", f"{ZONE}=north", node)
        yield found
        docker("node", "update", "--label-rm", ZONE, node)
        docker("network", "rm", name)


@pytest.fixture(scope="module")
def keys(place: Place, pulumi_cli: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """That platform, up, with users on both colors; removed at the end with all that it made."""
    clone = with_every_key(tmp_path_factory.mktemp("keys"), place)
    clone.traffic(50)
    clone.up()
    neighbor = f"{place.name}-neighbor"
    image = docker(
        "service", "inspect", "--format", "{{.Spec.TaskTemplate.ContainerSpec.Image}}", f"{place.name}-probe-blue"
    )
    of_another = ("--detach", "--quiet", "--no-resolve-image", "--endpoint-mode", "dnsrr", "--network", foreign(place))
    docker("service", "create", *of_another, "--name", neighbor, image.strip(), "-m", "witness", "80")
    yield Demo(clone=clone)
    docker("service", "rm", neighbor)
    clone.down()
    wait_until(lambda: not docker("ps", "-q", "--filter", f"name={neighbor}"), limit=60, what="the neighbor is gone")
    assert left_behind(place.name) == [], "`down` removes them as everything else"


def send(demo: Demo, path: str, *, color: str, host: str = "", body: bytes | None = None) -> bytes:
    """Ask as a user whom a cookie keeps on a color, or write a file."""
    target = demo.target
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(target.host, target.port, context=context, timeout=30)
    headers = {"Cookie": f"{target.cookie_name}={BUCKETS[color]}", "Host": f"{host}{target.server_name}"}
    connection.request("GET" if body is None else "PUT", path, body, headers)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    assert answer.status == 200, said
    return said


def finds(demo: Demo, color: str) -> dict[str, Any]:
    """Return what a task of a color says that it finds."""
    found: dict[str, Any] = json.loads(send(demo, "/", color=color))
    return found


def inspected(demo: Demo, service: str) -> dict[str, Any]:
    """Return what the swarm knows of a service."""
    [found] = json.loads(docker("service", "inspect", f"{demo.stack}-{service}"))
    spec: dict[str, Any] = found["Spec"]
    return spec


def take_back(demo: Demo) -> None:
    """Undo the last commit."""
    demo.clone.git("-c", "user.name=test", "-c", "user.email=test@example.com", "revert", "--no-edit", "HEAD")
    demo.clone.up("--in-place", "a test removes what it added")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("color", ["blue", "green"])
def test_a_process_is_what_its_service_says(keys: Demo, color: str):
    found = finds(keys, color)
    assert found["argv"] == ["python3", "-u", "-m", "witness", "8000", "8001"], (
        "`command` is instead of the image's CMD, and its ENTRYPOINT stays"
    )
    assert found["first"] == "/sbin/docker-init", "signals reach it, and what it leaves is reaped"
    assert found["user"] == [10001, 10002]
    assert found["folder"] == "/srv"
    assert found["capabilities"] == "0000000000000401", "CHOWN and NET_BIND_SERVICE, all others are dropped"
    assert found["shm"] == 32 * 2**20
    hosts = [line.split() for line in found["hosts"].splitlines()]
    assert [line for line in hosts if line[-1].endswith("example.com")] == [
        ["10.1.2.4", "a.example.com"],
        ["10.1.2.3", "z.example.com"],
    ]
    assert found["mounts"]["/"].startswith("ro,"), "read-only unless the service says otherwise"
    assert "rw" in found["mounts"]["/tmp"].split(",")
    env = found["env"]
    assert env["BRACES"] == "Hi {{name}}, {{ .Node.ID }}", "braces are braces"
    assert env["SLOT"] in {"1", "2"}, "but for a template"
    assert (env["NUMBER"], env["OPENS_NOTHING"]) == ("7", "sk_live_9fJ2kQ7xZ1mW8vB4nT6r")
    version = {"blue": "1", "green": "2"}[color]
    assert (env["WITNESS_VERSION"], env["COLORWAY_VERSION"], env["COLORWAY_COLOR"]) == (
        version,
        f"{version}.0.0",
        color,
    )


def test_files_are_where_and_whose_a_service_says(keys: Demo):
    files = finds(keys, "blue")["files"]
    text = (PROJECT / "config/keys/witness.toml").read_text()
    assert files["/etc/witness/z.toml"] == ["0440", 10001, 10002, text]
    assert files["/etc/witness/a.toml"] == ["0444", 0, 0, text], "any user may read what nobody says more of"
    value = files["/etc/witness/token"][3]
    assert value, "generated, as the stack's file has none"
    secrets = {path: file for path, file in files.items() if path.startswith("/run/secrets/")}
    assert secrets == {
        "/run/secrets/of-its-own": ["0400", 10001, 10002, value],
        "/run/secrets/of-root": ["0400", 0, 0, None],
        "/run/secrets/of-all": ["0444", 0, 0, secrets["/run/secrets/of-all"][3]],
    }, "under the names, and with the owners, that the service says"
    assert files["/etc/witness/token"][:3] == ["0400", 10001, 10002], "a secret may have several names"
    inspect = docker("service", "inspect", f"{keys.stack}-witness-blue")
    assert value not in inspect, "and nobody who looks at the service finds it"


def test_an_upload_through_one_color_is_seen_by_the_other_and_what_a_color_keeps_is_not(keys: Demo):
    assert send(keys, "/srv/uploads/picture", color="blue", body=b"a cat") == b"written", (
        "a volume that is new belongs to whom the image's directory does"
    )
    assert send(keys, "/srv/own/cache", color="blue", body=b"a mouse") == b"written"
    assert send(keys, "/mnt/readable/more", color="blue", body=b"x") == b"OSError: Read-only file system"
    for color in BUCKETS:
        assert finds(keys, color)["files"]["/srv/uploads/picture"] == ["0644", 10001, 10002, "a cat"], color
    assert "/srv/own/cache" in finds(keys, "blue")["files"], "whichever of its tasks answers"
    assert "/srv/own/cache" not in finds(keys, "green")["files"]


def test_a_task_reaches_the_network_of_another_stack(keys: Demo):
    url = f"http://{keys.stack}-neighbor/"
    wait_until(lambda: b"argv" in send(keys, f"/fetch?{url}", color="green"), limit=60, what="the neighbor answers")
    names = json.loads(
        docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", keys.containers("witness-green")[0])
    )
    aliases = names[foreign(keys.clone.place)]["Aliases"]
    assert "witness" not in aliases, "our short names are not for others"


def test_a_port_of_the_host_answers_beside_the_load_balancers(keys: Demo):
    with urllib.request.urlopen(f"http://127.0.0.1:{port(keys.clone.place)}/", timeout=10) as answer:
        found = json.load(answer)
    assert found["argv"] == ["python3", "-m", "witness", "9999"], "`entrypoint` is instead of the image's, CMD goes"
    assert found["env"]["PYTHONDONTWRITEBYTECODE"] == "1"
    assert found["mounts"]["/"].startswith("rw,"), "`read-only: false`"
    assert keys.containers("probe-green") == [], "a worker runs in the active color alone, so the port has one owner"
    [container] = json.loads(docker("inspect", keys.containers("probe-blue")[0]))
    assert "Health" not in container["State"], "health: none is none, not the image's"
    assert container["HostConfig"]["CapDrop"] == ["ALL"]


def test_stock_nginx_and_php_fpm_run_as_root_with_workers_of_another_user(keys: Demo):
    for color in BUCKETS:
        found = json.loads(send(keys, "/anything", color=color, host="site."))
        assert (found["user"], found["color"]) == (33, color), "www-data answers, in the color of its nginx"
    for service, master, worker in (
        ("site", "nginx: master", "nginx: worker"),
        ("php", "php-fpm: master", "php-fpm: pool"),
    ):
        [container] = keys.containers(f"{service}-blue")
        listed = docker("top", container, "-o", "pid,uid,args").splitlines()[1:]
        users = {line.split(None, 2)[1]: line.split(None, 2)[2] for line in listed}
        assert users["0"].startswith((master, "/sbin/docker-init")), listed
        assert users["33"].startswith(worker), listed
        assert any(f" 0 {master}" in " ".join(line.split()) for line in listed), listed


def test_what_only_the_swarm_knows_is_as_the_service_says(keys: Demo):
    spec = inspected(keys, "witness-blue")
    task, second = spec["TaskTemplate"], 10**9
    assert task["RestartPolicy"] == {"Condition": "any", "Delay": second, "MaxAttempts": 90, "Window": 120 * second}
    update = {key: spec["UpdateConfig"][key] for key in ("Parallelism", "Delay", "Monitor", "FailureAction", "Order")}
    assert update == {
        "Parallelism": 2,
        "Delay": second,
        "Monitor": 2 * second,
        "FailureAction": "pause",
        "Order": "start-first",
    }
    assert spec["UpdateConfig"]["MaxFailureRatio"] == pytest.approx(0.5)
    assert f"node.labels.{ZONE}==north" in task["Placement"]["Constraints"]
    assert task["Placement"]["MaxReplicas"] == 4
    resources = task["Resources"]
    assert resources["Limits"] == {"NanoCPUs": second // 2, "MemoryBytes": 96 * 2**20}
    assert resources["Reservations"] == {"NanoCPUs": second // 100, "MemoryBytes": 32 * 2**20}
    assert task["ContainerSpec"]["StopGracePeriod"] == 15 * second, "the longest request and 5 s"
    published = inspected(keys, "probe-blue")
    [one] = published["EndpointSpec"]["Ports"]
    assert (one["PublishedPort"], one["PublishMode"]) == (port(keys.clone.place), "host")
    assert published["UpdateConfig"]["Order"] == "stop-first", "two tasks cannot have one port"


@pytest.mark.timeout(900)
def test_nothing_is_to_do_after_an_up_nor_after_a_refresh(keys: Demo, pulumi_cli: Path):
    assert "nothing changes" in keys.clone.up().output
    refresh(keys.clone, pulumi=pulumi_cli)
    after = keys.clone.run("preview", keys.stack).output
    assert "nothing changes" in after, f"a refresh reads back what `up` made\n{after}"


def test_a_task_that_is_stopped_gets_its_signal_and_a_successor(keys: Demo):
    before = set(keys.containers("witness-blue"))
    stopped = before.pop()
    docker("stop", stopped)
    wait_until(lambda: len(set(keys.containers("witness-blue")) - before) == 1, limit=60, what="it has a successor")
    wait_until(lambda: "/srv/own/ended" in finds(keys, "blue")["files"], limit=60, what="its last words are there")
    assert finds(keys, "blue")["files"]["/srv/own/ended"][3] == "SIGUSR1", (
        "the program was told by the signal it asked for"
    )
    [container] = json.loads(docker("inspect", stopped))
    assert container["State"]["ExitCode"] == 0, "and ended by itself, not killed"


@pytest.mark.timeout(900)
def test_a_program_that_ends_at_once_fails_the_up_although_swarm_calls_it_converged(keys: Demo):
    keys.clone.edit("platforms/keys.yaml", r"^services:\n", f"services:{BRIEF}", subject="Add what does not last")
    said = keys.clone.up("--in-place", "a test adds it", code=1).output
    assert f"{keys.stack}-brief-blue: task failed: task: non-zero exit (3)" in said
    assert "no such table" in said, "its last words are on the screen"
    take_back(keys)


@pytest.mark.timeout(900)
def test_a_file_server_that_this_host_cannot_mount_is_named_within_seconds(keys: Demo):
    keys.clone.edit("platforms/keys.yaml", r"^services:\n", f"services:{MEDIA}", subject="Keep media on a file server")
    command = Command.start(keys.clone, "up", keys.stack, "--in-place", "a test adds it")
    service = f"{keys.stack}-media-blue"
    wait_until(lambda: service in docker("service", "ls", "--format", "{{.Name}}"), limit=180, what="it is made")
    made = time.monotonic()
    said = command.wait_for(rf"{service}: task (failed|rejected): .*failed to mount", limit=120)
    output = command.end(code=1, limit=300)
    [line] = {line.strip() for line in output.splitlines() if line.strip().startswith(f"{service}: ")}
    print(f"said after {said - made:.1f} s: {line}")
    assert said - made <= SAID_WITHIN, "who waits for an `up` learns at once what it waits for"
    assert "addr=10.255.255.1" in line, "the server is named"
    assert "; the host cannot mount from file servers, so install nfs-common there" in line, "and what helps"
    take_back(keys)
