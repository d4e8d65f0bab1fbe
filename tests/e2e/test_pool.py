"""PgBouncer's entry script, for real: the pool before a PostgreSQL asks whoever has the name now."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from colorway.render import replication
from colorway.render.templates import entry
from tests.render.test_replication import postgres
from tests.support.containers import built, docker
from tests.support.wait import wait_until

pytestmark = pytest.mark.area("data")
WAY = """
import socket
listening = socket.create_server(("", 5432))
while True:
    connection, _ = listening.accept()
    print("somebody came", flush=True)
    connection.close()
"""
"""Stands in for the way to the leader."""
COME = """
import socket, struct, sys
words = struct.pack("!I", 196608) + b"user\\0demo\\0database\\0demo\\0\\0"
with socket.create_connection((sys.argv[1], 5432), 5) as connection:
    connection.settimeout(5)
    connection.sendall(struct.pack("!I", len(words) + 4) + words)
    try:
        connection.recv(100)
    except TimeoutError:
        pass
"""
"""Comes to the pool as a client; for whom it does not know it asks the server."""


class Network:
    """A network of its own, and the containers on it."""

    def __init__(self) -> None:
        self.name, self.containers = f"colorway-test-{uuid.uuid4().hex[:12]}", 0
        docker("network", "create", "--internal", self.name)

    def run(self, *words: str, alias: str, options: tuple[str, ...] = ()) -> str:
        """Start a container that others know by an alias, and return its name."""
        self.containers += 1
        name = f"{self.name}-{self.containers}"
        known = ("--network", self.name, "--network-alias", alias, "--cap-drop", "ALL", "--user", "nobody")
        docker("run", "--detach", "--init", "--name", name, *known, *options, *words)
        return name

    def remove(self) -> None:
        """Remove what the test made, and print what it said."""
        for number in range(1, self.containers + 1):
            print(docker("logs", "--tail=20", f"{self.name}-{number}", check=False))
            docker("rm", "--force", f"{self.name}-{number}", check=False)
        docker("network", "rm", self.name)


@pytest.fixture
def network(swarm: None) -> Iterator[Network]:
    made = Network()
    yield made
    made.remove()


def pool(network: Network, folder: Path) -> str:
    """Start the pool, as the swarm does."""
    folder.chmod(0o755)
    files = {
        "entry": entry("pgbouncer"),
        "pool.ini": replication.pool("postgres", postgres(pool={}).pool, ca="/pool/ca.pem"),
        "password": "password\n",
        "ca.pem": "",
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o644)
    env = ("--env=POSTGRES_USER=colorway_pool", "--env=POSTGRES_PASSWORD_FILE=/pool/password")
    return network.run(
        *(built("pgbouncer"), "sh", "/pool/entry", "/pool/pool.ini"),
        alias="postgres",
        options=(*env, "--volume", f"{folder}:/pool:ro"),
    )


def came(network: Network, way: str) -> bool:
    docker("exec", way, "python3", "-c", COME, "postgres", check=False)
    return "somebody came" in docker("logs", way)


def test_a_pool_asks_a_way_that_began_anew_at_another_address(network, tmp_path):
    way = (built("demo", version="1"), "python3", "-c", WAY)
    first = network.run(*way, alias="postgres-direct")
    made = pool(network, tmp_path)
    wait_until(lambda: came(network, first), limit=60, what="the pool asks the first way", every=1)
    docker("kill", first)
    # Whoever is the next one gets another address.
    docker("rm", first)
    network.run(*way, alias="somebody-else")
    second = network.run(*way, alias="postgres-direct")
    # Docker's DNS lets c-ares remember the first one for 600 s.
    wait_until(lambda: came(network, second), limit=60, what="the pool asks the second way", every=1)

    docker("exec", made, "sh", "-c", "kill $(pidof dnsmasq)")
    wait_until(
        lambda: docker("exec", made, "pidof", "dnsmasq", check=False).isdecimal(), limit=30, what="it begins anew"
    )
    count = docker("logs", second).count("somebody came")

    def came_again() -> bool:
        came(network, second)
        return docker("logs", second).count("somebody came") > count

    wait_until(came_again, limit=60, what="names are known again", every=1)
