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
from colorway.render.templates import entry, store_script
from colorway.spec import names
from colorway.spec.stores.redis import Use
from colorway.spec.task.health import HealthSpec
from components.database import mariadb, postgresql, redis
from tests.support.containers import docker
from tests.support.specs import ROOT
from tests.support.wait import wait_until

pytestmark = pytest.mark.area("data")

PASSWORD = "it's a \"pass\\word\" \\n'"
"""All that a shell, SQL and Redis quote."""
PGDATA = f"{postgresql.DATA}/pgdata"


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
        script.write_text(entry(self.program, **self.choices))
        name = f"{self.volume}-{len(self.containers)}"
        self.containers.append(name)
        # Without a network this is the only name of its own that is known there.
        docker(
            *("run", "--detach", "--init", "--name", name, "--network", "none", "--hostname", "localhost"),
            *("--cap-drop", "ALL"),
            *(f"--cap-add={capability}" for capability in self.capabilities),
            *(f"--env={key}={value}" for key, value in self.env.items()),
            *("--volume", f"{self.volume}:{self.target}", "--volume", f"{password}:/run/secrets/password:ro"),
            *("--volume", f"{script}:/entry.sh:ro", self.image, "/bin/sh", "/entry.sh"),
            *self.arguments,
        )
        return name

    password: str = PASSWORD
    choices: dict[str, object] = field(default_factory=dict)
    """What its script's template wants to know."""
    arguments: tuple[str, ...] = ()
    """Of the program's own."""

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
        known = (reference for reference, (name, _) in spec.builds().items() if name == folder)
        reference = next(known, None) or names.local_image(folder, stack_files.digest_of(ROOT / "images" / folder))
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
            "PGDATA": PGDATA,
        },
        capabilities=postgresql.CAPABILITIES,
        choices={"extensions": (), "parameters": False, "has_backup": False},
        folder=tmp_path,
    )
    yield store
    store.remove()


@pytest.fixture
def maria(image_of: Callable[[str], str], tmp_path: Path) -> Iterator[Store]:
    store = Store(
        image=image_of("mariadb"),
        program="mariadb",
        target=mariadb.DATA,
        env={
            "MARIADB_DATABASE": "my_shop",
            "MARIADB_USER": "seller",
            "MARIADB_PASSWORD_FILE": "/run/secrets/password",
            "MARIADB_DATA": f"{mariadb.DATA}/data",
        },
        capabilities=mariadb.CAPABILITIES,
        folder=tmp_path,
        choices={"has_backup": False},
    )
    yield store
    store.remove()


def key_value(kind: str, use: Use, *, image: str, folder: Path) -> Store:
    """A Redis or a Valkey whose data may take 2 MiB."""
    variables = kind.upper()
    return Store(
        image=image,
        program="redis",
        target=redis.DATA,
        env={
            f"{variables}_PASSWORD_FILE": "/run/secrets/password",
            f"{variables}_DATA": redis.DATA,
            f"{variables}_MAXMEMORY": str(2 * 2**20),
        },
        capabilities=redis.CAPABILITIES,
        choices={"program": kind, "use": use.value, "has_lock": kind == "valkey"},
        folder=folder,
    )


@pytest.fixture(params=["redis", pytest.param("valkey", marks=pytest.mark.full)])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def queue(kind: str, image_of: Callable[[str], str], tmp_path: Path) -> Iterator[Store]:
    store = key_value(kind, Use.QUEUE, image=image_of(kind), folder=tmp_path)
    yield store
    store.remove()


@pytest.fixture
def cache(kind: str, image_of: Callable[[str], str], tmp_path: Path) -> Iterator[Store]:
    store = key_value(kind, Use.CACHE, image=image_of(kind), folder=tmp_path)
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
    told(container, password=store.password)
    return container


def told(container: str, *, login: str = "seller", password: str = PASSWORD) -> None:
    """Give a PostgreSQL its login as `up` does."""
    text = "".join(store_script(f"postgresql-{name}") for name in ("one", "logins"))
    words = ("shop", "seller", login, "")
    docker("exec", "--interactive", container, "/bin/sh", "-euc", text, "colorway", *words, stdin=password)


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
def test_a_password_that_opens_is_not_set_anew(postgres):
    container = served(postgres)

    def secret() -> str:
        asked = "SELECT rolpassword FROM pg_authid WHERE rolname = 'seller'"
        tell = ("psql", "-qtAX", "-h", "/tmp/postgresql", "-c", asked, "postgres")
        return docker("exec", "--user", "postgres", container, *tell)

    first = secret()
    assert first.startswith("SCRAM-SHA-256$")
    told(container)
    assert secret() == first, "with another salt, a pool's clients of before would be refused at its next connection"
    told(container, password="another")
    assert secret() != first
    assert query(container, "SELECT 1", password="another") == "1"


@pytest.mark.full
def test_a_second_login_owns_what_the_first_one_made_and_the_first_one_is_refused_afterwards(postgres):
    container = served(postgres)
    query(container, "CREATE TABLE kept AS SELECT 42 AS answer")
    told(container, login="seller_2", password="another")
    assert query(container, "SELECT session_user, current_user") == "seller|seller_owner", "both count"
    close = "".join(store_script(f"postgresql-{name}") for name in ("one", "close"))
    docker("exec", container, "/bin/sh", "-euc", close, "colorway", "shop", "seller", "seller_2")
    second = (
        'PGPASSWORD=$(cat) exec psql -qtAX -h 127.0.0.1 -U seller_2 -c "ALTER TABLE kept ADD more int" -c "$1" shop'
    )
    asked = ("/bin/sh", "-c", second, "sh", "SELECT session_user, current_user, answer FROM kept")
    said = docker("exec", "--interactive", container, *asked, stdin="another")
    assert said == "seller_2|seller_owner|42", "what the first one made is the owner's, and so the second one's"
    asked = (
        "psql",
        "-qtAX",
        "-h",
        "/tmp/postgresql",
        "-c",
        "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'seller'",
    )
    assert docker("exec", "--user", "postgres", container, *asked, "postgres") == "f"
    assert PASSWORD not in docker("logs", container), "a password is never logged"


@pytest.mark.full
def test_the_superuser_makes_extensions_and_the_application_passes_by_them(postgres):
    docker("stop", served(postgres))
    # On a volume that was there before, and one that needs to be loaded beforehand.
    postgres.choices |= {"extensions": ("pg_stat_statements", "uuid-ossp"), "parameters": True}
    postgres.arguments = ("-c", "shared_preload_libraries=pg_stat_statements", "-c", "max_connections=37")
    container = served(postgres)
    assert query(container, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == "f", (
        "or it made them itself"
    )
    query(container, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    query(container, 'CREATE EXTENSION IF NOT EXISTS "uuid-ossp"')
    assert query(container, "SELECT count(*) > 0 FROM pg_stat_statements") == "t"
    assert query(container, "SHOW max_connections") == "37"
    docker("restart", "--time", "60", container)
    wait_until(
        lambda: docker("exec", container, "pg_isready", "-h", "127.0.0.1", check=False).endswith(
            "accepting connections"
        ),
        limit=90,
        what="it makes them again, which changes nothing",
    )


@pytest.mark.full
def test_an_extension_that_the_image_lacks_is_named(postgres):
    postgres.choices |= {"extensions": ("nope",), "parameters": False}
    said = postgres.ends(postgres.start())
    assert "this image has no extension nope, it has: " in said, said
    assert "pageinspect, " in said, "what would be right"
    assert said.splitlines()[-1] == (
        'the database "shop" could not be given its extensions (nope); the lines above say why'
    )


def is_well(container: str, health: HealthSpec) -> bool:
    """Ask the health check of a component, inside the container."""
    [kind, line] = health.command or ()
    assert kind == "CMD-SHELL"
    run = subprocess.run(
        ["docker", "exec", container, "/bin/sh", "-c", line], capture_output=True, check=False, timeout=60
    )
    return run.returncode == 0


def maria_served(store: Store) -> str:
    """Start MariaDB and wait until it is healthy."""
    container = store.start()

    def answers() -> bool:
        state = docker("inspect", "--format", "{{.State.Status}}", container)
        assert state == "running", f"it ended: {docker('logs', container)}"
        return is_well(container, mariadb.HEALTH)

    wait_until(answers, limit=90, what="MariaDB answers")
    return container


def maria_query(container: str, sql: str, *, password: str = PASSWORD, check: bool = True) -> str:
    """Ask as the application does: over TCP, with its password."""
    quoted = password.replace("\\", "\\\\")
    script = 'exec mariadb --defaults-file=/dev/stdin --skip-ssl -h 127.0.0.1 -u seller -N -e "$1" my_shop'
    option = f'[client]\npassword="{quoted}"\n'
    return docker("exec", "--interactive", container, "/bin/sh", "-c", script, "sh", sql, stdin=option, check=check)


@pytest.mark.full
def test_mariadbs_data_outlives_a_kill_and_a_new_password(maria):
    first = maria_served(maria)
    maria_query(first, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert "Access denied" in maria_query(first, "CREATE DATABASE myxshop", check=False), (
        "the user has its own database, and _ in its name means no other character"
    )
    assert "Access denied" in maria_query(first, "SELECT 1", password="wrong", check=False), "or this shows nothing"
    assert PASSWORD not in docker("logs", first), "a password is never logged"
    shown = docker("top", first) + docker("inspect", first)
    assert "mariadbd --no-defaults" in shown, "or this shows nothing"
    assert "pass\\word" not in shown.replace("\\\\", "\\"), "neither `ps` nor `docker inspect` shows it"
    docker("kill", first)
    maria.password = "another 'one'\\"
    second = maria_served(maria)
    assert maria_query(second, "SELECT answer FROM kept", password="another 'one'\\") == "42"
    assert "Access denied" in maria_query(second, "SELECT 1", check=False), "the old password is refused"


@pytest.mark.full
def test_mariadb_stops_cleanly_and_takes_its_parameters(maria):
    maria.arguments = ("--max-connections=17", "--innodb-page-size=8k")
    first = maria_served(maria)
    maria_query(first, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert maria_query(first, "SELECT @@max_connections, @@innodb_page_size").split() == ["17", "8192"]
    docker("stop", "--time", "60", first)
    assert docker("inspect", "--format", "{{.State.ExitCode}}", first) == "0", "it was not killed"
    assert "Shutdown complete" in docker("logs", first)
    second = maria_served(maria)
    assert maria_query(second, "SELECT answer FROM kept") == "42"
    assert "recovery" not in docker("logs", second), "there was nothing to recover"


@pytest.mark.full
def test_a_parameter_that_mariadb_does_not_know_is_named(maria):
    maria.arguments = ("--max-conections=7",)
    said = maria.ends(maria.start())
    assert "unknown variable 'max-conections=7'" in said, said
    assert maria.on_volume(f"ls {mariadb.DATA}") == "colorway.lock", "a loop of restarts would fill the disk"


@pytest.mark.full
def test_data_that_another_image_made_is_adopted_as_it_is(maria):
    container = maria_served(maria)
    maria_query(container, "CREATE TABLE kept AS SELECT 42 AS answer")
    docker("stop", "--time", "60", container)
    # As the official image leaves it: at the volume's root, no lock of ours, another number for its user.
    maria.on_volume(f"cd {mariadb.DATA}; mv data/* .; rmdir data; rm colorway.lock; chown -R 999 .")
    container = maria_served(maria)
    assert maria_query(container, "SELECT answer FROM kept") == "42", "the volume's data, not an empty one beside it"
    assert "adopted as it is" in docker("logs", container)


@pytest.mark.full
def test_data_without_the_applications_user_says_so(maria):
    docker("stop", "--time", "60", maria_served(maria))
    maria.env["MARIADB_USER"] = "somebody"
    said = maria.ends(maria.start())
    assert 'the password of the user "somebody" could not be set' in said, said
    assert PASSWORD not in said, "a statement that fails is not logged"


@pytest.mark.full
def test_never_two_mariadbs_on_one_volume(maria):
    first = maria_served(maria)
    second = maria.start()
    wait_until(lambda: docker("exec", second, "pidof", "flock", check=False).isdigit(), limit=60, what="it waits")
    docker("stop", "--time", "60", first)
    wait_until(lambda: is_well(second, mariadb.HEALTH), limit=90, what="the second one serves once the first is gone")
    assert docker("inspect", "--format", "{{.State.ExitCode}}", first) == "0", "it was not killed"


def ask(container: str, kind: str, *lines: str) -> list[str]:
    """Give a Redis or a Valkey some commands, and return what it answers to each."""
    quoted = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
    commands = "\n".join([f'AUTH "{quoted}"', *lines, ""])
    return docker("exec", "--interactive", container, f"{kind}-cli", "-h", "127.0.0.1", stdin=commands).splitlines()


def begun(store: Store, kind: str) -> str:
    container = store.start()
    wait_until(lambda: is_well(container, redis.health(kind)), limit=60, what="the health check passes")
    return container


def is_alive(container: str) -> bool:
    state = json.loads(docker("inspect", container))[0]["State"]
    return state["Running"] and not state["OOMKilled"]


FILLERS = [f"SETRANGE filler-{n} 262143 x" for n in range(20)]
"""More than twice of what the data may take."""


@pytest.mark.full
def test_a_store_is_healthy_only_for_who_knows_the_password(queue, kind):
    container = begun(queue, kind)
    (queue.folder / "password").write_text("another\n")
    assert not is_well(container, redis.health(kind)), "one that refuses the platform's password is not healthy"


def test_a_full_queue_refuses_writes_and_keeps_what_it_has_over_a_restart(queue, kind):
    container = begun(queue, kind)
    said = ask(container, kind, "SET kept 42", *FILLERS, "GET kept")
    assert any("OOM command not allowed" in line for line in said), "without a limit the kernel kills it"
    assert said[-1] == "42", "a queue is never thrown away"
    assert is_alive(container)
    docker("stop", "--time", "60", container)
    assert docker("inspect", "--format", "{{.State.ExitCode}}", container) == "0", "it was not killed"
    assert ask(begun(queue, kind), kind, "GET kept")[-1] == "42"


@pytest.mark.full
def test_a_full_cache_takes_writes_throws_out_the_oldest_and_is_empty_after_a_restart(cache, kind):
    container = begun(cache, kind)
    said = ask(container, kind, "SET oldest 42", *FILLERS, "SET newest 43", "GET newest", "EXISTS oldest")
    assert not [line for line in said if "OOM" in line], "a cache that refuses writes fails its users"
    assert said[-2:] == ["43", "0"], "what was used longest ago went"
    assert is_alive(container)
    docker("stop", "--time", "60", container)
    assert cache.on_volume(f"ls {redis.DATA}") in {"", "colorway.lock"}, "nothing is written to the disk"
    assert ask(begun(cache, kind), kind, "DBSIZE")[-1] == "0"


@pytest.mark.full
def test_never_two_valkeys_on_one_volume(image_of, tmp_path):
    store = key_value("valkey", Use.QUEUE, image=image_of("valkey"), folder=tmp_path)
    try:
        first = begun(store, "valkey")
        second = store.start()
        said = store.ends(second)
        who = docker("inspect", "--format", "{{.Config.Hostname}}", first)
        assert f"Valkey in container {who}, begun " in said, "it says who holds the volume"
        assert "still has this volume after 30 s" in said
        assert is_alive(first), "the first one serves on"
    finally:
        store.remove()


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Who backs a queue up beside it, and who proves that, with a repository on a volume in the place of a bucket."""

    queue: Store
    kind: str

    @property
    def volumes(self) -> tuple[str, str]:
        """The repository, and where a proof restores."""
        return f"{self.queue.volume}-repository", f"{self.queue.volume}-scratch"

    def run(self, script: str, *words: str, network: str, detached: bool = False, check: bool = True) -> str:
        """Run an entry script; return what it says, or its container."""
        repository, scratch = self.volumes
        text, passphrase = self.queue.folder / f"{script}.sh", self.queue.folder / "passphrase"
        text.write_text(entry(script, program=self.kind))
        passphrase.write_text("two words\n")
        name = f"{self.queue.volume}-{script}-{len(self.queue.containers)}"
        self.queue.containers.append(name)
        env = {
            "RESTIC_REPOSITORY": "/repository",
            "RESTIC_PASSWORD_FILE": "/run/secrets/passphrase",
            "RESTIC_CACHE_DIR": "/tmp/restic",
            "COLORWAY_LOOKUP": "auto",
            "COLORWAY_STORE": "queue",
            "COLORWAY_HOST": "db1",
            "COLORWAY_ADDRESS": "127.0.0.1",
            "COLORWAY_PORT": "6379",
            "COLORWAY_SCRATCH": "/scratch",
            f"{self.kind.upper()}_PASSWORD_FILE": "/run/secrets/password",
        }
        said = docker(
            *("run", "--init", "--name", name, "--network", network, "--cap-drop", "ALL"),
            *(("--detach",) if detached else ()),
            *(f"--cap-add={capability}" for capability in mariadb.CAPABILITIES),
            *(f"--env={key}={value}" for key, value in env.items()),
            *("--volume", f"{repository}:/repository", "--volume", f"{scratch}:/scratch"),
            *("--volume", f"{self.queue.folder / 'password'}:/run/secrets/password:ro"),
            *("--volume", f"{passphrase}:/run/secrets/passphrase:ro", "--volume", f"{text}:/entry.sh:ro"),
            *(self.queue.image, "/bin/sh", "/entry.sh", *words),
            check=check,
        )
        return name if detached else said

    def in_repository(self, line: str) -> str:
        """Run a shell line as root where the repository is."""
        words = ("run", "--rm", "--network", "none", "--volume", f"{self.volumes[0]}:/repository", self.queue.image)
        return docker(*words, "/bin/sh", "-euc", line)

    def made(self, container: str) -> str:
        """Return the container of who backs it up, once that has made a backup."""
        task = self.run("queue-backup", "86400", "0", "14", network=f"container:{container}", detached=True)
        wait_until(lambda: "backup made: full" in docker("logs", task), limit=90, what="a first backup is made")
        return task

    def proof(self) -> dict[str, object]:
        """Return what one proof says."""
        said = self.run("queue-verify", "0", "3600", network="none", check=False)
        return dict(json.loads(said.splitlines()[-1]))

    def remove(self) -> None:
        """Remove what the test made."""
        self.queue.remove()
        for volume in self.volumes:
            docker("volume", "rm", "--force", volume, check=False)


BY_HAND = """
docker exec {task} sh -c '
  restic -o s3.bucket-lookup=$COLORWAY_LOOKUP -q --no-cache --no-lock dump latest /$COLORWAY_STORE' |
docker run --rm -i --network none -v {volume}:/data --entrypoint sh {image} -euc 'cd /data
  [ ! -e appendonlydir ] || mv appendonlydir before-$(date +%s)
  mkdir appendonlydir
  cat >appendonlydir/appendonly.aof.1.base.rdb
  echo "file appendonly.aof.1.base.rdb seq 1 type b" >appendonlydir/appendonly.aof.manifest'
"""
"""As docs/data-stores.md says it."""


@pytest.fixture
def kept(queue: Store, kind: str) -> Iterator[Kept]:
    made = Kept(queue=queue, kind=kind)
    made.in_repository(f"chown {kind} /repository")
    yield made
    made.remove()


@pytest.mark.full
def test_a_queue_is_backed_up_proven_and_brought_back_by_hand(kept, queue, kind):
    container = begun(queue, kind)
    ask(container, kind, "RPUSH jobs 1 2 3", "SELECT 7", "SET other 1", "SET short 1 EX 100000")
    task = kept.made(container)
    ask(container, kind, "RPUSH jobs 4", "FLUSHDB")
    assert PASSWORD not in docker("exec", task, "sh", "-c", "cat /proc/[0-9]*/cmdline"), "`ps` would show it"
    found = kept.proof()
    assert (found["verified"], found["keys"], found["why"]) == (True, 3, "")

    docker("stop", "--time", "60", container)
    hand = BY_HAND.format(task=task, volume=queue.volume, image=queue.image)
    subprocess.run(["/bin/sh", "-euc", hand], check=True, timeout=120)
    again = begun(queue, kind)
    assert ask(again, kind, "LRANGE jobs 0 -1")[1:] == ["1", "2", "3"], "what came after the backup is not in it"
    assert ask(again, kind, "SELECT 7", "DBSIZE")[-1] == "2"
    assert int(ask(again, kind, "SELECT 7", "TTL short")[-1]) > 90000
    ask(again, kind, "RPUSH jobs 5")
    docker("kill", again)
    assert ask(begun(queue, kind), kind, "LRANGE jobs 0 -1")[1:] == ["1", "2", "3", "5"], "it goes on from there"

    kept.in_repository(
        "f=$(find /repository/data -type f -size +0 | xargs ls -S | head -n 1); chmod u+w $f; "
        "printf x | dd of=$f bs=1 seek=40 conv=notrunc 2>/dev/null"
    )
    spoiled = kept.proof()
    assert (spoiled["verified"], spoiled["why"]) == (False, "the restore failed")
