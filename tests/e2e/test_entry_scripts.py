"""The entry scripts of the data stores, for real: on volumes as they are met, in the images of the demo."""

from __future__ import annotations

import json
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from colorway.config import stack_files
from colorway.machine import images
from colorway.machine.progress import silent
from colorway.render.templates import entry
from components.database import postgresql, redis
from tests.support.specs import ROOT
from tests.support.wait import wait_until

pytestmark = pytest.mark.area("data")

PASSWORD = "it's a \"pass\\word\" \\n'"
"""All that a shell, SQL and Redis quote."""
PGDATA = f"{postgresql.DATA}/pgdata"


def docker(*arguments: str, stdin: str | None = None, check: bool = True) -> str:
    """Run docker and return what it printed, its errors with it."""
    run = subprocess.run(
        ["docker", *arguments],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0 or not check, f"docker {arguments}: {run.stdout}"
    return run.stdout.strip()


@dataclass(kw_only=True)
class Store:
    """A program of the demo in its image, with its entry script and a volume of the test's own."""

    image: str
    program: str
    target: str
    """Where the volume is seen."""
    env: dict[str, str]
    capabilities: tuple[str, ...]
    folder: Path
    volume: str = field(default_factory=lambda: f"colorway-test-{uuid.uuid4().hex[:12]}")
    containers: list[str] = field(default_factory=list)

    def start(self) -> str:
        """Start the program as the swarm would, and return the container."""
        password, script = self.folder / "password", self.folder / "entry.sh"
        password.write_text(f"{self.password}\n")
        script.write_text(entry(self.program))
        name = f"{self.volume}-{len(self.containers)}"
        self.containers.append(name)
        docker(
            *("run", "--detach", "--init", "--name", name, "--network", "none", "--cap-drop", "ALL"),
            *(f"--cap-add={capability}" for capability in self.capabilities),
            *(f"--env={key}={value}" for key, value in self.env.items()),
            *("--volume", f"{self.volume}:{self.target}", "--volume", f"{password}:/run/secrets/password:ro"),
            *("--volume", f"{script}:/entry.sh:ro", self.image, "/bin/sh", "/entry.sh"),
        )
        return name

    password: str = PASSWORD

    def on_volume(self, line: str) -> str:
        """Run a shell line as root on the volume, without the program."""
        return docker(
            *("run", "--rm", "--network", "none", "--volume", f"{self.volume}:{self.target}", self.image),
            *("/bin/sh", "-euc", line),
        )

    def ends(self, container: str) -> str:
        """Wait until a container ends by itself with a failure, and return what it said."""
        wait_until(
            lambda: docker("inspect", "--format", "{{.State.Status}}", container) == "exited",
            limit=90,
            what=f"{container} ends",
        )
        assert docker("inspect", "--format", "{{.State.ExitCode}}", container) != "0", "it refused"
        return docker("logs", container)

    def remove(self) -> None:
        """Remove what the test made."""
        for name in self.containers:
            docker("rm", "--force", name, check=False)
        docker("volume", "rm", "--force", self.volume, check=False)


@pytest.fixture(scope="session")
def image_of(swarm: None) -> Callable[[str], str]:
    """The demo's image of a folder, built where it is missing."""
    spec = stack_files.from_file(root=ROOT, stack="local")

    def built(folder: str) -> str:
        reference = next(reference for reference, (name, _) in spec.builds().items() if name == folder)
        return images.ensure_image(reference=reference, version=None, context=ROOT / "images" / folder, progress=silent)

    return built


@pytest.fixture
def postgres(image_of: Callable[[str], str], tmp_path: Path) -> Iterator[Store]:
    store = Store(
        image=image_of("postgres"),
        program="postgresql",
        target=postgresql.DATA,
        env={
            "POSTGRES_DB": "shop",
            "POSTGRES_USER": "seller",
            "POSTGRES_PASSWORD_FILE": "/run/secrets/password",
            "PGDATA": PGDATA,
        },
        capabilities=postgresql.CAPABILITIES,
        folder=tmp_path,
    )
    yield store
    store.remove()


@pytest.fixture
def cache(image_of: Callable[[str], str], tmp_path: Path) -> Iterator[Store]:
    store = Store(
        image=image_of("redis"),
        program="redis",
        target=redis.DATA,
        env={
            "REDIS_PASSWORD_FILE": "/run/secrets/password",
            "REDIS_DATA": redis.DATA,
            "REDIS_MAXMEMORY": str(2 * 2**20),
        },
        capabilities=redis.CAPABILITIES,
        folder=tmp_path,
    )
    yield store
    store.remove()


def query(container: str, sql: str, *, password: str = PASSWORD) -> str:
    """Ask as the application does: over TCP, with its password."""
    script = 'PGPASSWORD=$(cat) exec psql -qtAX -h 127.0.0.1 -U seller -v ON_ERROR_STOP=1 -c "$1" shop'
    return docker("exec", "--interactive", container, "/bin/sh", "-c", script, "sh", sql, stdin=password)


def served(store: Store) -> str:
    """Start PostgreSQL and wait until it answers."""
    container = store.start()

    def answers() -> bool:
        state = docker("inspect", "--format", "{{.State.Status}}", container)
        assert state == "running", f"it ended: {docker('logs', container)}"
        return docker("exec", container, "pg_isready", "-h", "127.0.0.1", check=False).endswith("accepting connections")

    wait_until(answers, limit=90, what="PostgreSQL answers")
    return container


def test_an_empty_volume_becomes_a_cluster_that_outlives_a_kill_and_a_new_password(postgres):
    first = served(postgres)
    query(first, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert PASSWORD not in docker("logs", first), "a password is never logged"
    docker("kill", first)
    assert postgres.on_volume(f"sed -n 5p {PGDATA}/postmaster.pid") == "/tmp/postgresql", (
        "the killed one left its file, or this test shows nothing"
    )
    postgres.password = "another 'one'"
    second = served(postgres)
    assert query(second, "SELECT answer FROM kept", password="another 'one'") == "42"


def test_a_cluster_that_somebody_else_made_is_adopted_as_it_is(postgres):
    container = served(postgres)
    query(container, "CREATE TABLE kept AS SELECT 42 AS answer")
    docker("stop", container)
    # As the official image leaves it: at the volume's root, no mark and no lock of ours, trust for who is inside.
    postgres.on_volume(f"cd {postgresql.DATA}; mv pgdata/* .; rmdir pgdata; rm colorway.lock; chown -R 999 .")
    container = served(postgres)
    assert query(container, "SELECT answer FROM kept") == "42", "the volume's data, not an empty cluster beside it"
    assert "adopted as it is" in docker("logs", container)


@pytest.mark.full
def test_what_is_no_cluster_is_refused_and_left_alone(postgres):
    postgres.on_volume(f"mkdir -p {PGDATA}/base; echo precious >{PGDATA}/base/1")
    said = postgres.ends(postgres.start())
    assert re.search(r"no whole cluster .*restore it whole, or move it away; nothing was changed", said), said
    assert postgres.on_volume(f"cat {PGDATA}/base/1") == "precious"


@pytest.mark.full
def test_a_cluster_of_another_version_is_refused_and_left_alone(postgres):
    docker("stop", served(postgres))
    postgres.on_volume(f"echo 12 >{PGDATA}/PG_VERSION")
    said = postgres.ends(postgres.start())
    assert re.search(r"made by PostgreSQL 12 and this image has \d+: run an image of 12, or upgrade", said), said


@pytest.mark.full
def test_a_first_start_that_was_cut_off_is_begun_anew_beside_what_it_left(postgres):
    postgres.on_volume(
        "mkdir -p $0/initializing.abcdef/global; cd $0/initializing.abcdef; echo 18 >PG_VERSION; "
        "touch global/pg_control".replace("$0", postgresql.DATA)
    )
    container = served(postgres)
    assert "may be deleted" in docker("logs", container), "whoever looks is told what that folder is"
    assert postgres.on_volume(f"ls {postgresql.DATA}").split() == ["colorway.lock", "initializing.abcdef", "pgdata"]


@pytest.mark.full
def test_a_first_start_that_fails_leaves_nothing_of_its_own(postgres):
    postgres.env["POSTGRES_USER"] = "postgres"
    postgres.ends(postgres.start())
    assert postgres.on_volume(f"ls {postgresql.DATA}") == "colorway.lock", "a loop of restarts would fill the disk"


def test_never_two_servers_on_one_volume(postgres):
    first = served(postgres)
    said = postgres.ends(postgres.start())
    who = docker("inspect", "--format", "{{.Config.Hostname}}", first)
    assert f"PostgreSQL in container {who}, begun " in said, "it says who holds the volume"
    assert "still has this volume after 30 s" in said
    assert query(first, "SELECT 1") == "1", "the first one serves on"


@pytest.mark.full
def test_the_pid_file_of_a_foreign_server_is_never_removed(postgres):
    docker("stop", served(postgres))
    # Process 1 lives in every container; whose it is, nobody here can know.
    postgres.on_volume(f"printf '1\\n{PGDATA}\\n1\\n5432\\n/var/run/postgresql\\n*\\n' >{PGDATA}/postmaster.pid")
    said = postgres.ends(postgres.start())
    assert "if no other container has this volume, remove that file" in said, said
    assert postgres.on_volume(f"head -n 1 {PGDATA}/postmaster.pid") == "1"


@pytest.mark.full
def test_an_adopted_cluster_without_the_role_says_so(postgres):
    docker("stop", served(postgres))
    postgres.env["POSTGRES_USER"] = "somebody"
    said = postgres.ends(postgres.start())
    assert 'the password of the role "somebody" could not be set' in said, said
    assert "Is another postmaster" not in said
    assert PASSWORD not in said, "a statement that fails is not logged"


def redis_check(container: str) -> bool:
    """Ask the health check of the component, inside the container."""
    kind, line = redis.HEALTH.tests(6379)
    assert kind == "CMD-SHELL"
    run = subprocess.run(
        ["docker", "exec", container, "/bin/sh", "-c", line], capture_output=True, check=False, timeout=60
    )
    return run.returncode == 0


def ask_redis(container: str, *lines: str) -> str:
    quoted = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
    commands = "\n".join([f'AUTH "{quoted}"', *lines, ""])
    return docker("exec", "--interactive", container, "redis-cli", "-h", "127.0.0.1", stdin=commands)


@pytest.mark.full
def test_redis_is_healthy_only_for_who_knows_the_password(cache):
    container = cache.start()
    wait_until(lambda: redis_check(container), limit=60, what="the health check passes")
    (cache.folder / "password").write_text("another\n")
    assert not redis_check(container), "a Redis that refuses the platform's password is not healthy"


def test_a_full_redis_refuses_writes_and_keeps_what_it_has(cache):
    container = cache.start()
    wait_until(lambda: redis_check(container), limit=60, what="the health check passes")
    said = ask_redis(container, "SET kept 42", *(f"SETRANGE filler-{n} 262143 x" for n in range(20)), "GET kept")
    assert "OOM command not allowed" in said, "without a limit the kernel kills it"
    assert said.splitlines()[-1] == "42", "a queue is never thrown away"
    state = json.loads(docker("inspect", container))[0]["State"]
    assert state["Running"]
    assert not state["OOMKilled"]
