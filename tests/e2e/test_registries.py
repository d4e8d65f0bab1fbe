"""A registry that asks for a password: whose it is, where it is, and what becomes of a new one, on a real swarm."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from colorway.engine.stack import STATE_FOLDER
from colorway.spec import names
from tests.support.clone import Clone
from tests.support.demo import docker, left_behind
from tests.support.places import free_place
from tests.support.processes import processes_watched
from tests.support.registry import running_registry
from tests.support.shop import PASSWORD, USER, Shop, needles

pytestmark = [pytest.mark.area("engine"), pytest.mark.full]

NEW = secrets.token_hex(12)


@pytest.fixture(scope="module")
def shop(empty_machine: None, pulumi_cli: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A stack that is up, and whose images came from its registry."""
    folder = tmp_path_factory.mktemp("registries")
    with (
        free_place() as place,
        running_registry(folder / "registry", user=USER, password=PASSWORD) as registry,
    ):
        made = Shop(
            clone=Clone.make(folder / "clone", place=place), registry=registry, pulumi=pulumi_cli, folder=folder
        )
        made.write(place.file)
        try:
            made.up()
            yield made
        finally:
            # No other run would know the images, whose registry has another port each time.
            made.clone.down()
            form = "{{.Repository}}@{{.Digest}}"
            docker(
                "image",
                "rm",
                *docker("image", "ls", "--digests", "--format", form, f"{registry.host}/team/shop").split(),
            )
        assert left_behind(place.name) == [], "`down` removes them as everything else"


def services(shop: Shop) -> dict[str, tuple[int, str]]:
    """Return the version of each service in the swarm, which any update counts up, and its tasks."""
    label = f"label={names.STACK_LABEL}={shop.clone.stack}"
    found = json.loads(docker("service", "inspect", *docker("service", "ls", "-q", "--filter", label).split()))
    return {
        one["Spec"]["Name"]: (one["Version"]["Index"], docker("service", "ps", "-q", "--no-trunc", one["ID"]))
        for one in found
    }


@pytest.mark.timeout(1800)
def test_a_platform_comes_up_from_a_registry_that_asks_for_a_password(shop: Shop):
    assert shop.registry.let_in > 10, "its images were not on this machine"
    pulled = docker("image", "ls", "--digests", "--format", "{{.Digest}}", f"{shop.registry.host}/team/shop").split()
    assert len(pulled) == 1
    assert services(shop), "and run"


@pytest.mark.timeout(600)
def test_a_second_up_changes_nothing(shop: Shop):
    before = services(shop)
    assert "nothing changes" in shop.up()
    assert services(shop) == before


@pytest.mark.timeout(600)
def test_a_new_password_touches_no_service(shop: Shop):
    before = services(shop)
    shop.registry.password = NEW
    shop.set_password(NEW)
    with processes_watched(*needles(PASSWORD), *needles(NEW)) as seen:
        assert "nothing changes" in shop.up(), "it is a setting of the provider, and no service's"
    assert seen == [], "neither the arguments nor the variables of any process have it"
    assert services(shop) == before, "neither updated nor replaced"


@pytest.mark.timeout(600)
def test_tags_are_pinned_with_the_login_of_a_stack(shop: Shop):
    pinned = shop.push("2")
    manifest = shop.clone.path / "releases/shop/2.yaml"
    migration = "migrations: [{id: 0001-first, backward-compatible: true}]\n"
    manifest.write_text(f"images: {{shop: {pinned.partition('@')[0]}}}\n{migration}")
    shop.clone.git("add", "--all")
    said = shop.run("pin", "2", "--platform", "shop", code=1)
    assert "no basic auth credentials" in said, "nobody is logged in on this machine"
    shop.run("pin", "2", "--platform", "shop", "--stack", shop.clone.stack)
    assert pinned in manifest.read_text()
    shop.clone.commit("Write version 2")


@pytest.mark.timeout(900)
def test_a_wrong_password_is_said_with_the_registry_and_what_helps(shop: Shop):
    shop.set_password(PASSWORD)
    shop.clone.versions(blue="1", green="2")
    before = services(shop)
    said = shop.up(code=1)
    assert (
        f"the registry {shop.registry.host} refuses the login of colorway:registries; correct the user there, or the "
        "password with `pulumi config set --secret secrets:registry-password`"
    ) in said
    assert {name: services(shop)[name] for name in before} == before, "who runs already needs no registry"


@pytest.mark.timeout(900)
def test_the_right_password_lets_migrations_and_services_of_a_new_version_start(shop: Shop):
    shop.set_password(NEW)
    before = services(shop)
    with processes_watched(*needles(NEW)) as seen:
        shop.up()
    assert seen == []
    assert f"{shop.clone.stack}-shop-green" in services(shop)
    assert {name: services(shop)[name] for name in before} == before
    assert "nothing changes" in shop.up()


@pytest.mark.timeout(600)
def test_nobody_who_looks_finds_the_password(shop: Shop):
    every = [*needles(PASSWORD), *needles(NEW)]
    files = [path for path in shop.clone.path.rglob("*") if path.is_file()]
    assert any(STATE_FOLDER in str(path) for path in files), "the state and its copies are among them"
    showing = [str(path) for path in files if any(needle in path.read_bytes() for needle in every)]
    assert showing == [], "neither state nor stack file nor log"
    listed = docker("service", "ls", "-q", "--filter", f"label={names.STACK_LABEL}={shop.clone.stack}").split()
    printed = "\n".join([*shop.said, docker("service", "inspect", *listed)]).encode()
    assert not [needle for needle in every if needle in printed]
