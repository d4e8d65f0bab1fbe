"""The data stores: what every kind of them is told, and what each alone."""

from __future__ import annotations

import hashlib
from typing import ClassVar

import pytest

from colorway.render.templates import entry
from colorway.spec.networks import store_network
from colorway.spec.traffic import Color
from components.database import data_store
from components.web.tier import WebTier
from tests.components.pieces import NETWORKS, SECRETS, NoSurroundings, constraints, joined, secret_files
from tests.support.recorder import CONFIG, run_program
from tests.support.specs import HOST_KEY, REMOTE_HOSTS, pinned, small_spec

LIMITS = {"cpus": 1, "memory": "512Mi"}
MARIADB = {
    "kind": "mariadb",
    "image": pinned("mariadb"),
    "database": "app",
    "user": "app",
    "password": "database-password",
    "limits": LIMITS,
}
VALKEY = {"kind": "valkey", "image": pinned("valkey"), "password": "cache-password", "limits": LIMITS}
SEARCH = {
    "kind": "custom",
    "image": pinned("search"),
    "port": 7700,
    "volume": "/meili_data",
    "health": {"path": "/health"},
    "limits": LIMITS,
}
MORE = {"mariadb": MARIADB, "valkey": VALKEY, "search": SEARCH}
"""Stores that the small platform does not have."""
STORES = {
    **dict.fromkeys(("postgres", "mariadb"), "database-password"),
    **dict.fromkeys(("redis", "valkey"), "cache-password"),
}
"""A store of every kind whose program is known here, with its password."""

SIGNALS = {"postgres": "SIGINT"}
"""Where it is not SIGTERM."""


class Given:
    """The secrets of the platform."""

    files = SECRETS
    texts: ClassVar = {name: f"the {name}" for name in SECRETS}


def store(name, *, keys=None, **changes):
    """Declare a store of the small platform, or one more, with some keys of it changed."""
    said = {**MORE.get(name, {}), **(keys or {})}
    spec = small_spec(overrides={"data-stores": {name: said}} if said else None, **changes)
    network = NETWORKS.get(store_network(name), f"id-of-{store_network(name)}")
    return run_program(
        lambda: data_store(
            name,
            spec,
            networks={store_network(name): network},
            secrets=Given,
            replication=None,
            make_way=lambda _store, _host: [],
        ),
        stack=spec.stack,
    )


def environment_text(service):
    return str(service.container.get("env", {})) + str(service.container.get("commands", []))


@pytest.mark.parametrize("name", [*STORES, "search"])
def test_a_store_keeps_its_data_in_a_named_volume_on_a_database_host(name):
    service = store(name).one(f"{name}-service")
    [volume] = [one for one in service.container["mounts"] if one["type"] == "volume"]
    assert volume["source"] == f"test-{name}", "the volume outlives the service"
    assert constraints(service) == ["node.labels.colorway-test-host==localhost"], "on another host it would be empty"
    assert service.inputs["updateConfig"]["order"] == "stop-first", "two servers on one directory destroy it"
    assert service.inputs["mode"] == {"replicated": {"replicas": 1}}
    direct = [f"{name}-direct"] if name == "postgres" else []
    assert joined(service) == {f"id-of-store-{name}": [name, *direct]}, (
        "its name in the platform file is its DNS name; on no network that a service joins which does not use it"
    )
    assert service.container["image"] == pinned(name)


@pytest.mark.parametrize("name", [*STORES, "search"])
def test_a_store_stays_on_one_of_several_database_hosts(name):
    second = {"name": "db2", "address": "10.0.0.32", "roles": ["database"], "host-key": HOST_KEY}
    service = store(name, hosts=[*REMOTE_HOSTS, second]).one(f"{name}-service")
    assert constraints(service) == ["node.labels.colorway-test-host==app1"], (
        "rescheduled to the other one it would start on an empty volume and look healthy"
    )


@pytest.mark.parametrize("name", [*STORES, "search"])
@pytest.mark.parametrize(("environment", "protected"), [("local", False), ("staging", True), ("production", True)])
def test_stores_of_staging_and_production_are_protected(name, environment, protected):
    service = store(name, settings={"environment": environment}).one(f"{name}-service")
    assert service.protect is protected, "a wrong line in a file must not delete a database that somebody needs"


def test_a_postgresql_is_told_its_password_while_it_runs():
    recording = store("postgres")
    service, told = recording.one("postgres-service"), recording.one("postgres-logins-run")
    assert secret_files(service) == [], "a new one would restart it, and with it nobody could write"
    assert told.inputs["stdin"] == "the database-password"
    assert "the database-password" not in told.inputs["create"], "`ps` shows every argument"
    assert "postgres-service" in recording.waits_for(told)


@pytest.mark.parametrize("name", [name for name in STORES if name != "postgres"])
def test_a_password_reaches_its_store_as_a_file(name):
    service = store(name).one(f"{name}-service")
    password = STORES[name]
    assert secret_files(service) == [password]
    assert f"/run/secrets/{password}" in environment_text(service), "the entry script reads it there"
    assert not [key for key in service.container["env"] if key.endswith("PASSWORD")], (
        "every `docker inspect` would show it"
    )


@pytest.mark.parametrize(
    ("name", "grace", "signal"), [("postgres", "1m", "SIGINT"), ("mariadb", "1m", None), ("redis", "1m", None)]
)
def test_a_store_can_stop_cleanly(name, grace, signal):
    container = store(name).one(f"{name}-service").container
    assert container["stopGracePeriod"] == grace, "a kill means a recovery at the next start"
    assert container.get("stopSignal") == signal, "PostgreSQL waits for its clients at SIGTERM"


@pytest.mark.parametrize("name", STORES)
def test_our_own_entry_script_makes_images_interchangeable(name):
    recording = store(name)
    [config] = recording.of_type(CONFIG).values()
    assert "name" not in config.inputs, "autonamed: new text is a new config, and the service moves to it"
    [file] = recording.one(f"{name}-service").container["configs"]
    assert recording.one(f"{name}-service").container["commands"] == ["/bin/sh", file["fileName"]]


KEY_VALUE = pytest.mark.parametrize("name", ["redis", "valkey"])


def script_of(recording):
    [config] = recording.of_type(CONFIG).values()
    return config.inputs["dataRaw"]


@KEY_VALUE
@pytest.mark.parametrize(
    ("use", "memory", "most", "policy"),
    [
        (None, "1Gi", 0.6 * 1024, "noeviction"),
        ("queue", "100Mi", 60, "noeviction"),
        ("cache", "1Gi", 0.6 * 1008, "allkeys-lru"),
        ("cache", "64Mi", 0.6 * 48, "allkeys-lru"),
        ("cache", "8Mi", 2, "allkeys-lru"),
    ],
)
def test_a_full_store_does_what_it_is_for_before_the_kernel_kills_it(name, use, memory, most, policy):
    said = {"limits": {"cpus": 1, "memory": memory}, **({"use": use} if use else {})}
    recording = store(name, keys=said)
    service = recording.one(f"{name}-service")
    assert int(service.container["env"][f"{name.upper()}_MAXMEMORY"]) == int(most * 2**20), (
        "a rewrite of a queue's log copies what is written, what a cache throws out leaves holes; 0 would be no limit"
    )
    text = script_of(recording)
    assert f"maxmemory-policy {policy}" in text
    assert ("appendonly yes" in text) is (use != "cache"), "a cache writes nothing, a queue everything"
    assert text.count("maxmemory-policy") == 1


def test_the_text_of_a_redis_that_queues_is_what_it_was_before_there_was_another_use():
    digest = hashlib.sha256(script_of(store("redis")).encode()).hexdigest()
    assert digest == "07936e3b315ae63429e01b4a9af3d3fd5ffcd65e90666fb96a2a7dbc8e1ab305", (
        "new text replaces the task of a queue that nobody changed; a new digest is an outage"
    )


def test_a_valkey_waits_for_the_volume_and_runs_its_own_programs():
    text = script_of(store("valkey"))
    assert "flock -w 30 9" in text, "two servers append to one log, and spoil it"
    assert "redis" not in text.lower()


@KEY_VALUE
def test_a_key_value_store_is_asked_for_its_health_with_the_password_and_never_in_argv(name):
    [kind, line] = store(name).one(f"{name}-service").container["healthcheck"]["tests"]
    assert kind == "CMD-SHELL"
    assert f'"${name.upper()}_PASSWORD_FILE" | ' in line, "`ps` shows every argument, so the password goes in a pipe"
    assert line.endswith(f"| {name}-cli -h 127.0.0.1 | grep -qx PONG"), "NOAUTH is no health"


def test_mariadb_is_asked_for_its_health_with_the_password_and_never_in_argv():
    check = store("mariadb").one("mariadb-service").container["healthcheck"]
    [kind, line] = check["tests"]
    assert kind == "CMD-SHELL"
    assert '"$MARIADB_PASSWORD_FILE" | ' in line, "`ps` shows every argument, so the password goes through a pipe"
    assert "--defaults-file=/dev/stdin" in line
    assert "-h 127.0.0.1" in line, "over TCP, as services come: its socket is there before its port"
    assert check["startPeriod"] == "2m", "a recovery after a kill is no failure"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("postgres", ["-c", "jit=off", "-c", "max_connections=300", "-c", "random_page_cost=1.1"]),
        ("mariadb", ["--jit=off", "--max_connections=300", "--random_page_cost=1.1"]),
    ],
)
def test_parameters_are_arguments_of_the_server_in_one_order(name, words):
    said = {"max_connections": 300, "jit": False, "random_page_cost": 1.1}
    service = store(name, keys={"parameters": said}).one(f"{name}-service")
    assert service.container["args"] == words, "another order in the file must not restart a database"
    assert service.container["commands"] == ["/bin/sh", "/colorway-entry.sh"]


def test_a_postgresql_without_the_newer_keys_runs_what_it_ran():
    recording = store("postgres")
    assert "args" not in recording.one("postgres-service").container
    [config] = recording.of_type(CONFIG).values()
    assert config.inputs["dataRaw"] == entry("postgresql", extensions=(), parameters=False, has_backup=False)


def test_extensions_are_in_the_entry_script():
    assert "for extension in vector; do" in script_of(store("postgres", keys={"extensions": ["vector"]}))


def test_any_image_runs_as_it_is_unless_the_file_says_otherwise():
    container = store("search").one("search-service").container
    unsaid = ("commands", "args", "env", "user", "dir", "capAdds", "stopSignal", "secrets", "configs")
    assert [key for key in unsaid if container.get(key)] == [], "its own entrypoint, nothing of ours"
    assert container["capDrops"] == ["ALL"]
    assert container["readOnly"] is True
    assert container["healthcheck"]["tests"][-1] == "http://127.0.0.1:7700/health"
    [volume] = [one for one in container["mounts"] if one["type"] == "volume"]
    assert volume["target"] == "/meili_data"


def test_the_keys_of_a_custom_store_mean_what_they_mean_for_a_service():
    said = {
        "entrypoint": ["/sbin/tini"],
        "command": ["meilisearch", "--no-analytics"],
        "env": {"MEILI_ENV": "production", "BRACES": "{{x}}"},
        "secrets": [{"name": "cache-password", "file": "master-key", "mode": "0400", "uid": 1000}],
        "user": 1000,
        "working-dir": "/meili_data",
        "capabilities": ["CHOWN"],
        "stop-signal": "SIGINT",
        "stop-grace": "90s",
        "read-only": False,
        "shm-size": "128Mi",
        "health": {"none": "it has no shell"},
    }
    container = store("search", keys=said).one("search-service").container
    assert container["commands"] == ["/sbin/tini"]
    assert container["args"] == ["meilisearch", "--no-analytics"]
    assert container["env"] == {"MEILI_ENV": "production", "BRACES": '{{"{{"}}x}}'}
    [secret] = container["secrets"]
    assert (secret["fileName"], secret["fileMode"], secret["fileUid"]) == ("master-key", 0o400, "1000")
    assert (container["user"], container["dir"]) == ("1000", "/meili_data")
    assert container["capAdds"] == ["CAP_CHOWN"]
    assert (container["stopSignal"], container["stopGracePeriod"]) == ("SIGINT", "1m30s")
    assert container["readOnly"] is False
    [shm] = [one for one in container["mounts"] if one["target"] == "/dev/shm"]
    assert shm["tmpfsOptions"]["sizeBytes"] == 128 * 2**20
    assert container["healthcheck"]["tests"] == ["NONE"]


@pytest.mark.parametrize("name", [*STORES, "search"])
def test_a_service_that_uses_a_store_joins_its_network_and_finds_it_by_its_name(name):
    stores = {name: MORE[name]} if name in MORE else {}
    overrides = {"data-stores": stores, "services": {"shop": {"uses": [name], "env": {"STORE_HOST": name}}}}
    spec = small_spec(overrides=overrides)
    networks = {label.label: f"id-of-{label.label}" for label in spec.inventory().networks}
    recording = run_program(
        lambda: WebTier(
            "web-blue", spec, color=Color.BLUE, networks=networks, secrets=SECRETS, around=NoSurroundings()
        ),
        stack=spec.stack,
    )
    assert f"id-of-store-{name}" in joined(recording.one("shop-blue-service"))
    assert f"id-of-store-{name}" not in joined(recording.one("api-blue-service")), "it does not use it"
