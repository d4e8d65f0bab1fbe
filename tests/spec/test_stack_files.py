"""The repository's own stacks: each is right, complete, and like its sister but for what it says."""

from __future__ import annotations

import base64
import binascii
import re
from functools import cache

import pytest

from colorway.config.documents import parse_document, read_document
from colorway.config.stack_files import (
    SECRETS,
    from_file,
    platform_file,
    release_file,
    secret_name_problems,
    stack_file,
)
from colorway.spec.hosts import Role
from colorway.spec.names import ZONE_SECRET
from colorway.spec.platform_file import ImageSource
from tests.support.specs import ROOT

STACKS = sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in ROOT.glob("Pulumi.*.yaml"))
PLATFORMS = sorted(path.stem for path in ROOT.glob("platforms/*.yaml"))
MANIFESTS = sorted(path.relative_to(ROOT / "releases").with_suffix("") for path in ROOT.glob("releases/*/*.yaml"))
ENCRYPTED = re.compile(r"v1:[A-Za-z0-9+/=]{16}:[A-Za-z0-9+/=]+")
SALT = re.compile(r"v1:[A-Za-z0-9+/=]{12}:v1:[A-Za-z0-9+/=]{16}:[A-Za-z0-9+/=]+")
LISTED_DIFFERENCES = {
    "colorway:environment",
    "colorway:domains",
    "colorway:versions",
    "colorway:traffic",
    "colorway:hosts",
    "colorway:overrides",
    "colorway:zones",
    "colorway:tls",
}
"""What staging may say otherwise than production; secrets have values of their own."""


@cache
def spec(stack):
    return from_file(root=ROOT, stack=stack)


@cache
def document(stack):
    name = stack_file(stack)
    found, problems = read_document(ROOT / name, name=name)
    assert problems == []
    return found


def config(stack):
    return document(stack).data["config"]


def test_there_are_the_stacks_that_the_documents_speak_of():
    assert {"local", "staging", "preproduction", "production", "portal-staging", "portal-production"} <= set(STACKS)


@pytest.mark.parametrize("stack", STACKS)
def test_every_stack_is_right(stack):
    assert spec(stack).stack == stack


@pytest.mark.parametrize("stack", STACKS)
def test_every_stack_has_its_salt(stack):
    assert SALT.fullmatch(document(stack).data["encryptionsalt"]), "else the first `up` changes a committed file"


def test_no_two_stacks_share_a_salt():
    salts = [document(stack).data["encryptionsalt"] for stack in STACKS]
    assert len(salts) == len(set(salts)), "a shared salt is a shared key"


@pytest.mark.parametrize("stack", STACKS)
def test_every_secret_is_set_or_made_up(stack):
    wanted = {*spec(stack).platform.secrets, *(one.password for one in spec(stack).settings.registries.values())}
    given = {key.removeprefix(SECRETS) for key in config(stack) if key.startswith(SECRETS)}
    if token := spec(stack).settings.tls.token:
        wanted.add(token)
    if spec(stack).settings.zones:
        wanted.add(ZONE_SECRET)
    if spec(stack).is_guarded:
        assert given == wanted, "a missing secret ends the first `up`"
    else:
        assert given == set(), "what is made up needs no value"


@pytest.mark.parametrize("stack", STACKS)
def test_every_stack_is_of_the_environment_that_it_is_named_after(stack):
    named = "staging" if stack == "preproduction" else stack.removeprefix("portal-")
    assert spec(stack).settings.environment.value == named, "preproduction is production's shape without its users"


@pytest.mark.parametrize("stack", STACKS)
def test_every_secret_is_encrypted(stack):
    values = [value for key, value in config(stack).items() if key.startswith(SECRETS)]
    assert all(set(value) == {"secure"} and ENCRYPTED.fullmatch(value["secure"]) for value in values)


def test_no_two_secrets_have_the_same_ciphertext():
    values = [value["secure"] for stack in STACKS for key, value in config(stack).items() if key.startswith(SECRETS)]
    assert len(values) == len(set(values)), "a copied line would be a secret under another stack's key"


@pytest.mark.parametrize("stack", STACKS)
def test_host_keys_are_whole_ed25519_keys_and_different(stack):
    keys = [host.host_key for host in spec(stack).settings.hosts if not host.is_local]
    for key in keys:
        kind, encoded = key.split()
        try:
            blob = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            pytest.fail(f"{stack}: a host key is no base64")
        assert kind == "ssh-ed25519"
        assert blob.startswith(b"\0\0\0\x0bssh-ed25519\0\0\0\x20"), f"{stack}: the key must say its own kind"
        assert len(blob) == 51, f"{stack}: an Ed25519 key has 32 bytes"
    assert len(keys) == len(set(keys)), "two hosts with one key can pose as each other"


@pytest.mark.parametrize("stack", STACKS)
def test_images_are_pinned_or_built_here(stack):
    wanted = spec(stack)
    if wanted.platform.images is ImageSource.LOCAL:
        assert wanted.builds(), "a local platform builds"
        return
    images = [wanted.image(service, color) for color in wanted.colors_on for service in wanted.platform.services]
    stores = wanted.platform.data_stores.values()
    images += [one.image for store in stores for one in (store, *store.helpers.values())]
    images += [wanted.platform.etcd.image] if wanted.platform.etcd else []
    images += [wanted.platform.edge.image, wanted.platform.monitoring.image, wanted.platform.monitoring.mtail_image]
    assert [image for image in images if not re.search(r"@sha256:[0-9a-f]{64}$", image)] == []


@pytest.mark.parametrize("manifest", MANIFESTS, ids=str)
def test_every_manifest_fits_its_platform_even_where_no_stack_runs_it(manifest):
    platform, version = manifest.parts[0], manifest.name
    stack = next(stack for stack in STACKS if spec(stack).settings.platform == platform)
    path = release_file(platform, version)
    found, problems = read_document(ROOT / path, name=path)
    assert problems == []
    images = set(found.data.get("images", {}))
    services = set(spec(stack).platform.services)
    local = spec(stack).platform.images is ImageSource.LOCAL
    assert images == (set() if local else services), f"{path}: one image per service"


def test_every_platform_has_a_stack_and_every_file_its_schema():
    assert {spec(stack).settings.platform for stack in STACKS} == set(PLATFORMS), (
        "a platform without stack is not tested"
    )
    for name in [*map(platform_file, PLATFORMS), *(release_file(*path.parts) for path in MANIFESTS)]:
        assert "$schema=" in (ROOT / name).read_text(encoding="utf-8").splitlines()[0], f"{name}: editors help by it"


def test_staging_differs_from_production_only_where_listed():
    staging, production = (
        {k: v for k, v in config(s).items() if not k.startswith(SECRETS)} for s in ("staging", "production")
    )
    different = {key for key in staging.keys() | production.keys() if staging.get(key) != production.get(key)}
    assert different <= LISTED_DIFFERENCES, "what differs is not rehearsed"


def test_the_overrides_of_staging_only_make_it_smaller():
    assert set(config("staging")["colorway:overrides"]) <= {"services", "data-stores", "monitoring", "release"}
    staging, production = spec("staging").platform, spec("production").platform
    for name, service in staging.services.items():
        other = production.services[name]
        assert service.replicas <= other.replicas, f"{name}: staging is no place for more tasks"
        assert service.model_copy(update={"replicas": other.replicas}) == other, f"{name} must be the same program"
    assert (staging.edge, staging.migrations) == (production.edge, production.migrations)
    opening = {one.name for place in production.backups.values() for one in place.named_secrets}
    assert set(staging.secrets) == set(production.secrets) - opening, "only what is backed up needs more of them"


def test_staging_runs_every_version_before_production():
    ahead, behind = (
        {str(spec(s).settings.versions.of(color)) for color in spec(s).colors_on} for s in ("staging", "production")
    )
    assert behind <= ahead


def test_production_survives_the_loss_of_any_one_host_that_users_meet():
    hosts = spec("production").hosts
    assert len(hosts(Role.LOAD_BALANCER)) == 2
    assert len(hosts(Role.WEB)) == 3
    assert len(hosts(Role.DATABASE)) == 2
    assert len(hosts(Role.MONITORING)) == 1
    assert len(hosts(Role.MANAGER)) == 3
    assert not set(hosts(Role.MANAGER)) & {*hosts(Role.LOAD_BALANCER), *hosts(Role.WEB)}, (
        "whoever breaks out of a container that faces users must not meet the swarm's keys"
    )


@pytest.mark.parametrize(
    ("variables", "state"),
    [
        ({}, "{home}/.local/state"),
        ({"XDG_STATE_HOME": ""}, "{home}/.local/state"),
        ({"XDG_STATE_HOME": "relative"}, "{home}/.local/state"),
        ({"XDG_STATE_HOME": "/srv/state"}, "/srv/state"),
    ],
)
def test_what_local_keeps_on_its_machine_is_its_users(variables, state, monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    local = from_file(root=ROOT, stack="local")
    assert local.edge_directory == f"{state.format(home=tmp_path)}/colorway/local/load-balancer", "no root is needed"


def test_what_hosts_keep_lies_where_their_services_keep_things(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert from_file(root=ROOT, stack="staging").directory == "/var/lib/colorway/staging", (
        "the user's environment says nothing about other machines"
    )


def test_addresses_for_notices_are_the_stacks_own_and_need_no_platform():
    text = "config:\n  secrets:notify-url-ops: {secure: x}\n  secrets:notify-ops: {secure: x}\n"
    document, _ = parse_document(text, name="Pulumi.live.yaml")
    told = [str(problem) for problem in secret_name_problems(document, secrets=["token"])]
    assert told == ["Pulumi.live.yaml:3: secrets:notify-ops: is no secret of the platform; did you mean notify-url?"], (
        "each stack tells people of its own"
    )
