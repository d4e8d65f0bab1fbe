"""What a service says of its process, files and surroundings is what its tasks find, on a real swarm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.demo import Demo, docker, left_behind
from tests.support.places import Place, free_place

pytestmark = [pytest.mark.area("engine"), pytest.mark.full]

KEYS = """
  keys:
    kind: worker
    build: demo
    entrypoint: [sh, -c]
    command: ["trap 'exit 0' USR1; while :; do sleep 1; done"]
    user: "10001:10002"
    working-dir: /srv
    stop-signal: SIGUSR1
    shm-size: 32Mi
    capabilities: [CHOWN, NET_BIND_SERVICE]
    extra-hosts: {mail.example.com: 10.1.2.3}
    published: [{port: PUBLISHED, target: 9999, protocol: udp}]
    networks: [FOREIGN]
    config-files:
      - {source: config/app.conf, target: /etc/app/app.conf, mode: "0440", uid: 10001, gid: 10002}
    secrets:
      - {name: redis-password, file: cache, mode: "0400", uid: 10001}
    env:
      BRACES: "{{ not.a.template }}"
      SLOT: {value: "{{.Task.Slot}}", template: true}
      LOOKS: {value: "sk_live_9fJ2kQ7xZ1mW8vB4nT6r", plain: true}
    volumes:
      - {name: uploads, target: /uploads, shared: true}
      - {name: cache, target: /cache, shared: false}
      - {name: uploads, target: /readable, shared: true, read-only: true}
    health: {none: a test asks its tasks itself}
    restart: {condition: on-failure, delay: 2s, max-attempts: 7, window: 90s}
    update: {parallelism: 1, monitor: 1s, failure-action: pause}
    placement: {most-per-host: 3}
    limits: {cpus: 1, memory: 64Mi}
    longest-request: 5s
  stock:
    kind: worker
    build: nginx
    entrypoint: [nginx]
    command: [-g, "daemon off;"]
    user: "0"
    read-only: false
    capabilities: [CHOWN, SETGID, SETUID, NET_BIND_SERVICE]
    health: {none: a test asks its tasks itself}
    limits: {cpus: 1, memory: 64Mi}
    longest-request: 5s
"""
BRIEF = """
  brief:
    kind: worker
    build: demo
    entrypoint: [sh, -c]
    command: ["echo no such table >&2; exit 3"]
    health: {none: a test looks at it}
    limits: {cpus: 1, memory: 64Mi}
    longest-request: 5s
"""
WORKER, ROOT = "10001", "0"


def with_every_key(folder: Path, place: Place, *, foreign: str) -> Clone:
    """A checkout whose platform has services that say what the others leave out."""
    clone = Clone.make(folder / "clone", place=place)
    (clone.path / "config").mkdir(exist_ok=True)
    (clone.path / "config/app.conf").write_text("a = 1\n")
    text = KEYS.replace("PUBLISHED", str(place.monitoring_port + 1)).replace("FOREIGN", foreign)
    clone.edit("platforms/demo.yaml", r"^services:\n", f"services:{text}", subject="Add services")
    return clone


@pytest.fixture(scope="module")
def foreign(empty_machine: None) -> Iterator[str]:
    """A network of another stack."""
    name = "colorway-test-foreign"
    docker("network", "create", "--driver", "overlay", "--subnet", "10.209.0.0/24", name)
    yield name
    docker("network", "rm", name)


@pytest.fixture(scope="module")
def keys(foreign: str, pulumi_cli: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """That platform, up; removed at the end with all that it made."""
    with free_place() as place:
        clone = with_every_key(tmp_path_factory.mktemp("keys"), place, foreign=foreign)
        clone.up()
        yield Demo(clone=clone)
        clone.down("--data")
        assert left_behind(place.name) == [], "`down` removes them as everything else"


def inside(demo: Demo, command: str, *, color: str = "blue", user: str = WORKER) -> str:
    """Ask the task of a color from inside."""
    [container] = demo.containers(f"keys-{color}")
    return docker("exec", "--user", user, container, "sh", "-c", command).strip()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("tr '\\0' ' ' </proc/1/cmdline", "/sbin/docker-init -- sh -c trap 'exit 0' USR1; while :; do sleep 1; done"),
        (
            "grep -E '^(Uid|Gid)' /proc/1/status | tr -s '\\t' ' '",
            "Uid: 10001 10001 10001 10001\nGid: 10002 10002 10002 10002",
        ),
        ("pwd", "/srv"),
        ("df -k /dev/shm | awk 'NR == 2 { print $2 }'", "32768"),
        ("grep CapBnd /proc/1/status | cut -f 2", "0000000000000401"),
        ("grep mail.example.com /etc/hosts | tr '\\t' ' '", "10.1.2.3 mail.example.com"),
        ("cat /etc/app/app.conf; stat -c '%a %u %g' /etc/app/app.conf", "a = 1\n440 10001 10002"),
        ("stat -L -c '%a %u' /run/secrets/cache; ls /run/secrets", "400 10001\ncache"),
        ('echo "$BRACES $SLOT"', "{{ not.a.template }} 1"),
        ('test -r /run/secrets/cache && echo "$LOOKS" | wc -c', "29"),
        ("touch /readable/x 2>/dev/null || echo read-only", "read-only"),
    ],
    ids=["words", "user", "directory", "shm", "capabilities", "hosts", "config", "secret", "braces", "plain", "volume"],
)
def test_a_task_finds_what_its_service_says(keys: Demo, command: str, said: str) -> None:
    assert inside(keys, command) == said


def test_what_only_the_swarm_knows_is_as_the_service_says(keys: Demo) -> None:
    [service] = json.loads(docker("service", "inspect", f"{keys.stack}-keys-blue"))
    task = service["Spec"]["TaskTemplate"]
    assert task["ContainerSpec"]["StopSignal"] == "SIGUSR1"
    assert task["Placement"]["MaxReplicas"] == 3
    policy = task["RestartPolicy"]
    assert (policy["Condition"], policy["MaxAttempts"], policy["Delay"], policy["Window"]) == (
        "on-failure",
        7,
        2 * 10**9,
        90 * 10**9,
    )
    assert service["Spec"]["UpdateConfig"]["FailureAction"] == "pause"
    [port] = service["Spec"]["EndpointSpec"]["Ports"]
    assert (port["Protocol"], port["TargetPort"], port["PublishMode"]) == ("udp", 9999, "host")
    [container] = keys.containers("keys-blue")
    joined = json.loads(docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", container))
    assert "colorway-test-foreign" in joined, "a network of another stack"


def test_the_stock_server_runs_as_root_with_what_it_needs_and_no_more(keys: Demo) -> None:
    [container] = keys.containers("stock-blue")
    processes = docker("top", container, "-o", "pid,user,args")
    assert "master process" in processes, processes
    assert "worker process" in processes, "the master may give its workers a user of their own"


@pytest.mark.timeout(1200)
def test_a_refresh_leaves_nothing_to_do_and_a_switch_finds_the_uploads(keys: Demo) -> None:
    inside(keys, "echo kept >/uploads/file; echo blue >/cache/file", user=ROOT)
    assert "nothing changes" in keys.clone.up().output
    keys.to(0)
    found = inside(keys, "cat /uploads/file; ls /cache | wc -l", color="green", user=ROOT)
    assert found == "kept\n0", "what is shared came along, what is of a color did not"


@pytest.mark.timeout(600)
def test_a_program_that_ends_at_once_fails_the_up_although_swarm_calls_it_converged(keys: Demo) -> None:
    keys.clone.edit("platforms/demo.yaml", r"^services:\n", f"services:{BRIEF}", subject="Add what does not last")
    said = keys.clone.up("--in-place", "a test adds it", code=1).output
    assert f"{keys.stack}-brief-green: task failed: task: non-zero exit (3)" in said
    assert "no such table" in said, "its last words are on the screen"
