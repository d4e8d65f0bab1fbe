"""No secret of a stack stands where somebody may read it: neither in the state, nor in what the swarm shows."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from colorway.config.stack_files import from_file
from tests.program.stacks import STACKS, config_of, run_stack, value_of
from tests.support.recorder import LOCAL_COMMAND, REMOTE_COMMAND, SECRET, STASH, Recording
from tests.support.specs import ROOT

ON_EVERY_STACK = pytest.mark.parametrize("stack", STACKS)
PROVIDER = "pulumi:providers:docker"
KEPT = {
    (SECRET, "data"),
    (STASH, "input"),
    (LOCAL_COMMAND, "stdin"),
    (REMOTE_COMMAND, "stdin"),
    (PROVIDER, "registryAuth"),
    ("pulumi:providers:cloudflare", "apiToken"),
    ("cloudflare:index/authenticatedOriginPullsCertificate:AuthenticatedOriginPullsCertificate", "privateKey"),
}
"""The one place in each type of resource where a secret may be: no list of processes and no `inspect` shows it."""


@cache
def recorded(stack: str) -> Recording:
    return run_stack(stack)


@cache
def known(stack: str) -> frozenset[str]:
    """Return the texts by which a stack's secrets are known: as they are, and as Base64 has them."""
    given = {
        key.split(":", 1)[1] for key, value in config_of(stack).items() if isinstance(value, dict) and "secure" in value
    }
    given |= set(from_file(root=ROOT, stack=stack).platform.secrets)
    stashes = {f"made-up-{one.name}" for one in recorded(stack).of_type(STASH).values()}
    # Keys of members are new in each run.
    plain = {*map(value_of, given), *stashes, "-----BEGIN PRIVATE KEY-----"}
    return frozenset(plain | {text for value in plain for text in in_base64(value)})


def in_base64(value: str) -> Iterator[str]:
    """Yield what Base64 makes of a text wherever it begins, without what depends on its neighbors."""
    for before in range(3):
        whole = (before + len(value)) // 3 * 4
        yield base64.b64encode(b"\0" * before + value.encode()).decode()[-(-before * 4 // 3) : whole]


def holds(stack: str, value: Any) -> bool:
    text = json.dumps(value, default=str)
    return any(one in text for one in known(stack))


@ON_EVERY_STACK
def test_secrets_are_only_where_nobody_reads_them_and_are_marked_there(stack):
    found = {
        (one.type, key, one.name, key in one.secrets)
        for one in recorded(stack).resources
        for key, value in one.inputs.items()
        if holds(stack, value)
    }
    plain = sorted((kind, key, name) for kind, key, name, _ in found if (kind, key) not in KEPT)
    assert plain == [], "whoever may list services, configs or processes reads it"
    unmarked = sorted((kind, key, name) for kind, key, name, is_marked in found if not is_marked)
    assert unmarked == [], "the state has it in plain"


@ON_EVERY_STACK
def test_what_is_made_once_and_kept_is_marked(stack):
    assert [one.name for one in recorded(stack).of_type(STASH).values() if "input" not in one.secrets] == []


@ON_EVERY_STACK
def test_no_output_shows_a_secret(stack):
    recording = recorded(stack)
    shown = [name for name, value in recording.outputs.items() if holds(stack, value)]
    assert set(shown) <= recording.secret_outputs, "`pulumi stack output` prints it"


@pytest.mark.parametrize("stack", ["production", "portal-production"])
def test_what_is_looked_for_is_found_where_it_is_meant_to_be(stack):
    seen = {
        one.name
        for one in recorded(stack).resources
        for key, value in one.inputs.items()
        if (one.type, key) in KEPT and holds(stack, value)
    }
    spec = from_file(root=ROOT, stack=stack)
    secrets = {f"secret-{one.name}" for one in spec.inventory().secrets if one.is_mounted}
    secrets |= {f"{name}-repository-configuration" for name in spec.backed_up}
    secrets |= {f"{name}-members" for name, store in spec.replicated_stores.items() if spec.watchers(name)}
    secrets |= {"replication-authority-own-value", *(f"replication-authority-{host}" for host in ("db1", "db2"))}
    assert secrets - seen == set(), "or this test would see nothing anywhere"
