"""A store of every kind on this machine: reached, restarted, changed, given a new password, and gone at the end."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.demo import Demo, docker, left_behind
from tests.support.places import Place, free_place
from tests.support.shop import set_secrets
from tests.support.wait import wait_until

pytestmark = [pytest.mark.area("data"), pytest.mark.full]

FILE = "platforms/stores.yaml"
PLATFORM = """\
images: local
secrets: {postgres-key: {}, orders-key: {}, queue-key: {}, cache-key: {}, search-key: {}, preview-token: {}}
services:
  web:
    build: demo
    command: [python3, -m, http.server, "8000"]
    working-dir: /tmp
    port: 8000
    routes: [{path: /}]
    health: {path: /, interval: 2s, timeout: 10s, retries: 9}
    limits: {cpus: 0.5, memory: 96Mi}
    longest-request: 5s
    update: {monitor: 1s}
    uses: [postgres, orders, queue, sessions, cache, search]
    secrets: [postgres-key]
    env: {DATABASE_USER: app}
data-stores:
  postgres:
    kind: postgresql
    build: postgres
    database: app
    user: app
    password: postgres-key
    extensions: [pg_stat_statements, uuid-ossp, vector]
    parameters: {shared_preload_libraries: pg_stat_statements, max_connections: 37, jit: false}
    limits: {cpus: 1, memory: 256Mi}
    stop-grace: 30s
  orders:
    kind: mariadb
    build: mariadb
    database: app
    user: app
    password: orders-key
    parameters: {innodb_buffer_pool_size: 64M, max_connections: 37}
    limits: {cpus: 1, memory: 512Mi}
    stop-grace: 30s
  queue:
    kind: valkey
    build: valkey
    password: queue-key
    limits: {cpus: 1, memory: 64Mi}
    stop-grace: 20s
  sessions:
    kind: redis
    build: redis
    password: queue-key
    limits: {cpus: 1, memory: 64Mi}
    stop-grace: 20s
  cache:
    kind: valkey
    use: cache
    build: valkey
    password: cache-key
    limits: {cpus: 1, memory: 64Mi}
    stop-grace: 20s
  # Any image, as one that nothing is known of.
  search:
    kind: custom
    build: valkey
    port: 7700
    volume: /data
    # By its name it would have the queue's.
    slot: 0
    user: valkey
    command: [valkey-server, --port, "7700", --dir, /data, --appendonly, "yes", --protected-mode, "no"]
    env: {KEY_FILE: /run/secrets/search-key}
    secrets: [{name: search-key, mode: "0444"}]
    health: {command: [CMD-SHELL, 'valkey-cli -p 7700 PING | grep -qx PONG'], interval: 2s, timeout: 10s}
    limits: {cpus: 1, memory: 64Mi}
    stop-grace: 20s
edge: {build: nginx}
monitoring: {build: prometheus, mtail-build: mtail}
"""
KEY_VALUE = '{ printf "AUTH "; cat; printf "\\n%s\\n" "$1"; } | PROGRAM -h 127.0.0.1 | tail -n +2'
ASK = {
    "postgres": 'PGPASSWORD=$(cat) exec psql -qtAX -h 127.0.0.1 -U app -v ON_ERROR_STOP=1 -c "$1" app',
    "orders": (
        '{ printf "[client]\\npassword="; cat; } | mariadb --defaults-file=/dev/stdin --skip-ssl -h 127.0.0.1 -u app '
        '-N -e "$1" app'
    ),
    "queue": KEY_VALUE.replace("PROGRAM", "valkey-cli"),
    "sessions": KEY_VALUE.replace("PROGRAM", "redis-cli"),
    "cache": KEY_VALUE.replace("PROGRAM", "valkey-cli"),
    "search": 'cat >/dev/null; echo "$1" | valkey-cli -h 127.0.0.1 -p 7700',
}
"""How each store is asked, with the password on standard input: over TCP, as an application does it."""
KEYS = {
    "postgres": "postgres-key",
    "orders": "orders-key",
    "queue": "queue-key",
    "sessions": "queue-key",
    "cache": "cache-key",
    "search": "search-key",
}
"""The secret of each store."""
PORTS = {"postgres": 5432, "orders": 3306, "queue": 6379, "sessions": 6379, "cache": 6379, "search": 7700}
DATABASES = ("postgres", "orders")
LOCKED = ("postgres", "orders", "queue")
"""Stores whose programs wait for each other at their volume."""
REFUSED = {
    "postgres": "password authentication failed",
    "orders": "Access denied",
    "queue": "NOAUTH",
    "sessions": "NOAUTH",
    "cache": "NOAUTH",
}
"""What each says to who does not know the password."""


@pytest.fixture(scope="module")
def place(empty_machine: None) -> Iterator[Place]:
    with free_place() as found:
        yield found


@pytest.fixture(scope="module")
def stores(place: Place, pulumi_cli: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """That platform, up; removed at the end with its data."""
    clone = Clone.make(tmp_path_factory.mktemp("stores") / "clone", place=place)
    (clone.path / FILE).write_text(PLATFORM)
    (clone.path / "releases/stores").mkdir()
    (clone.path / "releases/stores/1.yaml").write_text("migrations: []\n")
    clone.git("add", "--all")
    clone.edit(place.file, "colorway:platform: demo", "colorway:platform: stores", subject="Run another platform")
    clone.versions(blue="1", green=None)
    began = time.monotonic()
    clone.up()
    print(f"six stores and what is around them were up in {time.monotonic() - began:.0f} s")
    yield Demo(clone=clone)
    made = volumes(place)
    assert {f"{place.name}-{name}" for name in ASK} <= made, "or nothing is shown by their absence"
    clone.down()
    assert left_behind(place.name) == [], "`down` removes everything that `up` made"
    assert volumes(place) == set(), "`down --data` removes each store's volume"


def volumes(place: Place) -> set[str]:
    """The volumes of a stack."""
    names = docker("volume", "ls", "--format", "{{.Name}}").split()
    return {name for name in names if name.startswith(f"{place.name}-")}


def logs(*arguments: str) -> str:
    """What a container or a service said, on both of its streams."""
    run = subprocess.run(
        ["docker", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True, timeout=60
    )
    return run.stdout


def healthy(demo: Demo, name: str) -> str:
    """Wait until one container of a service runs and is healthy, and return it."""

    def found() -> str | None:
        running = demo.containers(name)
        if len(running) != 1:
            return None
        state = json.loads(docker("inspect", running[0]))[0]["State"]
        return running[0] if state.get("Health", {}).get("Status") == "healthy" else None

    wait_until(lambda: found() is not None, limit=240, what=f"{name} is healthy")
    return str(found())


def password(demo: Demo, name: str) -> str:
    # A PostgreSQL is told while it runs, and has none as a file.
    has = "web-blue" if name == "postgres" else name
    return docker("exec", healthy(demo, has), "cat", f"/run/secrets/{KEYS[name]}").strip()


def ask(demo: Demo, name: str, text: str, *, key: str | None = None) -> str:
    """Ask a store with its password, or with another one, and return what it says, its refusal with it."""
    run = subprocess.run(
        ["docker", "exec", "--interactive", healthy(demo, name), "/bin/sh", "-c", ASK[name], "sh", text],
        input=password(demo, name) if key is None else key,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    return run.stdout.strip()


def write(demo: Demo, name: str, value: int) -> None:
    if name in DATABASES:
        ask(demo, name, "CREATE TABLE IF NOT EXISTS kept (answer int)")
        ask(demo, name, f"INSERT INTO kept VALUES ({value})")
    else:
        ask(demo, name, f"SET kept {value}")


def read(demo: Demo, name: str) -> str:
    return ask(demo, name, "SELECT max(answer) FROM kept" if name in DATABASES else "GET kept")


KEPT = [name for name in ASK if name != "cache"]
"""Stores that forget nothing."""


def test_a_service_reaches_each_store_that_it_uses_by_its_name(stores: Demo):
    line = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10)"
    for name, port in PORTS.items():
        docker("exec", healthy(stores, "web-blue"), "python3", "-c", line, name, str(port))
    seen = "".join(docker("service", "inspect", name) for name in docker("service", "ls", "-q").split())
    assert not [name for name in ASK if password(stores, name) in seen], "no inspect shows a password"


def test_databases_have_their_parameters_and_extensions(stores: Demo):
    assert ask(stores, "postgres", "SHOW max_connections") == "37"
    assert ask(stores, "postgres", "SHOW jit") == "off"
    assert ask(stores, "orders", "SELECT @@max_connections, @@innodb_buffer_pool_size").split() == ["37", "67108864"]
    for extension in ('"uuid-ossp"', "pg_stat_statements", "vector"):
        said = ask(stores, "postgres", f"CREATE EXTENSION IF NOT EXISTS {extension}")
        assert "ERROR" not in said, f"a migration's own line passes: {said}"
    said = ask(stores, "postgres", "CREATE EXTENSION pageinspect")
    assert "permission denied" in said, "its user may not make one, or the superuser's work shows nothing"


def test_a_second_up_changes_nothing(stores: Demo):
    assert "nothing changes" in stores.clone.up().output, "the same files give the same stores"


@pytest.mark.timeout(1500)
def test_data_outlives_a_kill_and_a_changed_limit(stores: Demo):
    for name in ASK:
        write(stores, name, 42)
        assert read(stores, name) == "42", f"{name} took it, or this shows nothing"
    # A queue's log is on the disk within a second (appendfsync everysec).
    time.sleep(2)
    for name in ASK:
        docker("kill", healthy(stores, name))
        wait_until(lambda name=name: len(stores.containers(name)) == 0, limit=30, what=f"{name} is gone")
    for name in KEPT:
        assert read(stores, name) == "42", f"{name} lost it in a kill"
    for name in ASK:
        write(stores, name, 43)
    before = stores.tasks()
    file = stores.clone.path / FILE
    file.write_text(file.read_text().replace("{cpus: 1,", "{cpus: 0.9,"))
    stores.clone.commit("Give each store less of a core")
    preview = stores.clone.run("preview", stores.stack).output
    assert f"{stores.stack}-orders (limits) restarts, its clients wait" in preview, "who has to wait is said before"
    began = time.monotonic()
    stores.clone.up()
    print(f"the limits of six stores were changed in {time.monotonic() - began:.0f} s")
    after = stores.tasks()
    assert {name for name in before if before[name] != after[name]} == set(ASK), "each store restarted, nothing else"
    for name in KEPT:
        assert read(stores, name) == "43", f"{name} lost it in an orderly restart"
    assert read(stores, "cache") == "", "a cache promises nothing; with something in it, it would be on a disk"
    assert "nothing changes" in stores.clone.up().output


@pytest.mark.timeout(1500)
def test_a_new_password_opens_and_the_old_one_does_not(stores: Demo, pulumi_cli: Path):
    old = {name: password(stores, name) for name in REFUSED}
    for name in REFUSED:
        write(stores, name, 44)
    keys = {KEYS[name] for name in REFUSED}
    set_secrets(stores.clone, pulumi_cli, {f"secrets:{key}": secrets.token_hex(12) for key in keys})
    stores.clone.commit("Set new passwords")
    stores.clone.up()
    for name, refusal in REFUSED.items():
        new = password(stores, name)
        assert new != old[name], f"{name} was given another one, or this shows nothing"
        assert read(stores, name) == ("44" if name in KEPT else ""), f"{name} opens with the new one and has its data"
        assert refusal in ask(stores, name, "PING", key=old[name]), f"{name} refuses the old one"
        inside = logs("logs", healthy(stores, name))
        assert new not in inside, f"{name} does not say it"
    assert "nothing changes" in stores.clone.up().output


@pytest.mark.timeout(900)
def test_a_second_task_on_a_volume_waits_and_the_first_one_serves(stores: Demo):
    first = {name: healthy(stores, name) for name in LOCKED}
    for name in LOCKED:
        write(stores, name, 45)
    services = {name: f"{stores.stack}-{name}" for name in LOCKED}
    docker("service", "scale", "--detach", *(f"{service}=2" for service in services.values()))
    try:
        for name, service in services.items():
            said = f"in container {docker('inspect', '--format', '{{.Config.Hostname}}', first[name]).strip()}, begun "
            wait_until(
                lambda service=service, said=said: any(
                    said in line and "still has this volume after 30 s" in line
                    for line in logs("service", "logs", service).splitlines()
                ),
                limit=120,
                what=f"the second {service} says who has the volume",
            )
            state = json.loads(docker("inspect", first[name]))[0]["State"]
            assert state["Health"]["Status"] == "healthy", f"the first {name} serves on"
    finally:
        docker("service", "scale", "--detach", *(f"{service}=1" for service in services.values()))
    for name in LOCKED:
        assert read(stores, name) == "45", f"{name} has its data"
    assert "nothing changes" in stores.clone.up().output


@pytest.mark.timeout(900)
def test_a_second_login_of_a_postgresql_comes_while_it_runs_and_the_first_one_is_refused(
    stores: Demo, pulumi_cli: Path
):
    write(stores, "postgres", 46)
    old, server = password(stores, "postgres"), healthy(stores, "postgres")
    set_secrets(stores.clone, pulumi_cli, {f"secrets:{KEYS['postgres']}": secrets.token_hex(12)})
    line = "  colorway:stores: {postgres: {login: 2}}\n  colorway:traffic:"
    stores.clone.edit(stores.clone.stack_file.name, r"^  colorway:traffic:", line, subject="Have another login")
    stores.clone.up()
    assert healthy(stores, "postgres") == server, "nobody had to wait for it"
    assert "DATABASE_USER=app_2" in docker("inspect", healthy(stores, "web-blue")), "its services are told"
    second = ASK["postgres"].replace("-U app ", "-U app_2 ")
    asked = ("/bin/sh", "-c", second, "sh", "SELECT max(answer) FROM kept")
    said = subprocess.run(
        ["docker", "exec", "--interactive", server, *asked],
        input=password(stores, "postgres"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert said.stdout.strip() == "46", said.stderr
    assert REFUSED["postgres"] in ask(stores, "postgres", "SELECT 1", key=old), "the old password opens nothing"
    assert "nothing changes" in stores.clone.up().output
