"""A lab with members, a queue of three and backups: none of its secrets shows, and its migrations have pgvector."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from colorway.engine.stack import BACKEND_URL, PASSPHRASE, PUBLISHED_PASSPHRASE, QUIET, STATE_FOLDER
from tests.support.backed_up import BackedUp, with_backups
from tests.support.clone import Clone
from tests.support.labs import NETWORK, bare, connected, lab, on_host, with_few_checks, with_one_color
from tests.support.members import MEMBERS, with_two_members
from tests.support.processes import processes_watched
from tests.support.s3 import Bucket, running_s3
from tests.support.shop import set_secrets

pytestmark = [pytest.mark.area("data"), pytest.mark.needs("losetup"), pytest.mark.full]
SECRETS = {
    f"secrets:{name}": secrets.token_hex(24)
    for name in (
        "database-password",
        "redis-password",
        "preview-token",
        "backup-key",
        "backup-secret",
        "backup-passphrase",
    )
}
"""What the stack's user sets; made up by each run, for the checkout under test has this file, too."""
STASH = "pulumi:index:Stash"
PRIVATE_KEY = re.compile(r"-----BEGIN PRIVATE KEY-----\n(.*?)-----END PRIVATE KEY-----", re.DOTALL)
EACH_HOST = {
    "containers": ("docker ps -aq | xargs -r docker inspect", '"com.docker.swarm.service.name"'),
    "logs": ("docker ps -aq | while read -r one; do docker logs $one 2>&1; done", ""),
    "processes": ("for one in /proc/[0-9]*; do cat $one/cmdline $one/environ; done 2>/dev/null", "dockerd"),
}
"""What is looked at on each host: the command, and what is in its answer, or it would show nothing."""
MANAGER = {
    "services": ("docker service ls -q | xargs -r docker service inspect", "-postgres-db1"),
    "configs": ("docker config ls -q | xargs -r docker config inspect", '"Data"'),
    "secrets": ("docker secret ls -q | xargs -r docker secret inspect", "-repository-configuration-"),
}
"""The same, of the swarm."""
VECTORS = """
import sys, psycopg
from pathlib import Path
password = Path("/run/secrets/database-password").read_text()
with psycopg.connect(host=sys.argv[1], user="demo", dbname="demo", password=password, connect_timeout=10) as one:
    one.execute("CREATE EXTENSION IF NOT EXISTS vector")
    one.execute("CREATE TABLE IF NOT EXISTS points (name text, at vector(2))")
    one.execute("INSERT INTO points VALUES ('near', '[1,1]'), ('far', '[9,9]')")
    print("nearest", *one.execute("SELECT name FROM points ORDER BY at <-> '[1,2]' LIMIT 1").fetchone())
try:
    with psycopg.connect(host=sys.argv[1], user="demo", dbname="demo", password=password, connect_timeout=10) as one:
        one.execute("CREATE EXTENSION pageinspect")
except psycopg.errors.InsufficientPrivilege:
    print("no superuser")
"""
"""What a migration does, as the application's user."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The lab, up."""

    clone: Clone
    bucket: Bucket
    pulumi: Path
    seen: list[str]
    """Processes of any host that showed a secret while `up` ran."""

    def exported(self, *options: str) -> str:
        """Return the state as `pulumi stack export` prints it."""
        environment = {
            **os.environ,
            **QUIET,
            BACKEND_URL: (self.clone.path / STATE_FOLDER).as_uri(),
            PASSPHRASE: PUBLISHED_PASSPHRASE,
        }
        command = [self.pulumi, "stack", "export", "--stack", self.clone.stack, *options]
        return subprocess.run(
            command, cwd=self.clone.path, env=environment, capture_output=True, check=True, text=True, timeout=120
        ).stdout


@pytest.fixture(scope="module")
def stack(empty_machine: None, pulumi_cli: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The demo on four hosts: PostgreSQL with two members, backed up, and a queue with three."""
    folder = tmp_path_factory.mktemp("secrets")
    with bare(folder / "clone", hosts=MEMBERS) as clone:
        with_one_color(clone)
        with_few_checks(clone)
        with_two_members(clone)
        lab(clone, "up")
        with connected(clone), running_s3(folder / "s3", address=f"{NETWORK}.1") as bucket:
            with_backups(clone, bucket)
            more = "data-stores: {redis: {members: 3}, postgres: {extensions: [vector], "
            clone.edit(clone.stack_file.name, r"data-stores: \{postgres: \{", more, subject="Have more members")
            set_secrets(clone, pulumi_cli, SECRETS)
            clone.commit("Set its secrets")
            with processes_watched(*(value.encode() for value in SECRETS.values()), pause=0.2) as seen:
                clone.up()
            made = BackedUp(clone=clone, bucket=bucket)
            made.await_members()
            made.await_backup()
            yield Stack(clone=clone, bucket=bucket, pulumi=pulumi_cli, seen=seen)
            clone.down("--data")


def plain(value: Any) -> str:
    """Return what a stash of an export with all secrets shown keeps."""
    shown = json.loads(value["plaintext"]) if isinstance(value, Mapping) and "plaintext" in value else value
    return str(shown)


def made_up(stack: Stack) -> dict[str, str]:
    """Return what the program itself made and keeps, by the stash's name; of private keys the lines."""
    resources = json.loads(stack.exported("--show-secrets"))["deployment"]["resources"]
    kept = {
        one["urn"].rpartition("::")[2]: plain(one["outputs"]["output"]) for one in resources if one["type"] == STASH
    }
    found: dict[str, str] = {}
    for name, text in kept.items():
        key = PRIVATE_KEY.search(text)
        # Its last line is of the public key, which is in the certificate, too.
        lines = key[1].split()[:2] if key else [text]
        found |= {f"{name}, line {number}": line for number, line in enumerate(lines, start=1)}
    return found


def in_base64(text: str) -> Iterator[str]:
    """Yield what Base64 makes of a text wherever it begins, without what depends on its neighbors."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + text.encode()).decode()
        yield encoded[-(-before * 4 // 3) : (before + len(text)) // 3 * 4]


def asked(clone: Clone, host: str, script: str) -> str:
    """Return what a script prints on a host, whatever became of the containers that it saw.

    What logs say of Patroni's own tracebacks is no traceback of a command.
    """
    readable = "tr '\\0' '\\n' | tr -cd '[:print:]\\n' | sed 's/Traceback/traceback/'"
    return on_host(clone, host, "sh", "-c", f"({script} || :) | {readable}")


@pytest.mark.timeout(2400)
def test_no_secret_shows_anywhere(stack: Stack):
    clone = stack.clone
    assert stack.seen == [], "while `up` ran"
    made = made_up(stack)
    [member] = asked(clone, "db1", f"docker ps -q -f name={clone.stack}-postgres-db1").split()
    key = PRIVATE_KEY.search(asked(clone, "db1", f"docker exec {member} cat /run/secrets/colorway-member.pem"))
    assert key is not None
    assert set(key[1].split()) & set(made.values()), "what members show is what is looked for"
    known = {name: {text, *in_base64(text)} for name, text in {**SECRETS, **made}.items()}

    texts = {"pulumi stack export": stack.exported()}
    for host in MEMBERS:
        for what, (script, wanted) in {**EACH_HOST, **(MANAGER if host == "db1" else {})}.items():
            texts[f"{what} of {host}"] = said = asked(clone, host, script)
            assert wanted in said, f"{what} of {host} are not there to look at"
    for folder in (clone.path, stack.bucket.folder):
        for path in (path for path in folder.rglob("*") if path.is_file()):
            texts[str(path)] = path.read_bytes().decode(errors="replace")
    assert "etcd" in texts["logs of db1"], "they are there to look at, too"
    assert any(STATE_FOLDER in name for name in texts), "the state and its copies are among them"

    # Never the text itself: this is printed.
    shown = [
        f"{name} in {where}"
        for where, text in texts.items()
        for name, needles in known.items()
        if any(needle in text for needle in needles)
    ]
    assert shown == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("host", ["postgres", "postgres-direct"])
def test_a_migrations_own_create_extension_passes_though_its_user_is_no_superuser(stack: Stack, host: str):
    label = f"label=com.docker.swarm.service.name={stack.clone.stack}-api-blue"
    container = on_host(stack.clone, "app1", "docker", "ps", "-q", "-f", label).split()[0]
    said = on_host(stack.clone, "app1", "docker", "exec", container, "python3", "-c", VECTORS, host)
    assert said.splitlines()[-2:] == ["nearest near", "no superuser"], said
