"""Logins of registries: whoever pulls has them, and nobody reads them."""

from __future__ import annotations

import base64
import json

import pulumi
import pytest

from colorway.spec.traffic import Color
from components.migrations import Migrations
from components.provider import providers
from components.registries import Registries
from components.secrets import MissingSecretError
from tests.components.pieces import SECRETS, NoSurroundings
from tests.program.stacks import program
from tests.support.recorder import SERVICE, run_program
from tests.support.specs import REMOTE_HOSTS, THIS_MACHINE, small_spec

HOST = "registry.example.com"
SETTINGS = {"registries": {HOST: {"user": "deploy", "password": "registry-password"}}}


def configured(name: str) -> pulumi.Output[str] | None:
    """Look up a stack's secrets, of which there is one."""
    return pulumi.Output.secret("the password") if name == "registry-password" else None


def provider_of(*, hosts=THIS_MACHINE, settings=SETTINGS):
    spec = small_spec(hosts=hosts, settings=settings)
    made = run_program(lambda: providers(spec, Registries.of(spec, configured=configured)))
    return made.one("swarm", "pulumi:providers:docker")


@pytest.mark.parametrize("hosts", [THIS_MACHINE, REMOTE_HOSTS], ids=["here", "elsewhere"])
def test_the_provider_has_the_login_and_keeps_it_secret(hosts):
    provider = provider_of(hosts=hosts)
    assert json.loads(provider.inputs["registryAuth"]) == [
        {"address": HOST, "username": "deploy", "password": "the password"}
    ]
    assert "registryAuth" in provider.secrets, "it would stand in state and previews as plain text"


def test_a_stack_without_registries_says_nothing_of_them():
    assert "registryAuth" not in provider_of(settings={}).inputs, "else every stack would change"


def test_no_service_has_a_login_of_its_own():
    spec = small_spec(settings=SETTINGS)
    config = {f"secrets:{name}": "0123456789abcdef" for name in (*spec.platform.secrets, "registry-password")}
    made = run_program(
        lambda: program().platform(spec), stack=spec.stack, config=config, secret_keys=list(config)
    ).of_type(SERVICE)
    assert len(made) > 3
    assert [name for name, service in made.items() if "auth" in service.inputs] == [], (
        "the docker plugin replaces a service whose login changes"
    )


def test_a_password_that_is_not_set_is_said_with_its_cure():
    spec = small_spec(settings=SETTINGS)
    with pytest.raises(MissingSecretError) as error:
        Registries.of(spec, configured=lambda _name: None)
    assert str(error.value) == (
        f"Pulumi.test.yaml: passwords of registries are missing: {HOST}; set what colorway:registries names as "
        "`password`: pulumi config set --secret secrets:NAME --stack test"
    ), "in every environment: one that is made up opens nothing"


def migration_with(settings):
    spec = small_spec(settings=settings)
    return run_program(
        lambda: Migrations(
            "migrations-blue",
            spec,
            color=Color.BLUE,
            secrets=SECRETS,
            around=NoSurroundings(),
            registries=Registries.of(spec, configured=configured),
        )
    ).one("migrations-blue-0001-initial-run", "command:local:Command")


def test_a_migration_gets_the_logins_by_its_standard_input():
    made = migration_with(SETTINGS)
    entry = {"auth": base64.b64encode(b"deploy:the password").decode()}
    assert json.loads(made.inputs["stdin"]) == {"auths": {HOST: entry}}, "as `docker login` would write it"
    assert "stdin" in made.secrets
    assert "the password" not in made.inputs["create"], "arguments are in the list of processes"
    assert "stdin" not in migration_with({}).inputs


def test_docker_hub_has_the_name_that_docker_knows_it_by():
    kept = []

    def program():
        made = Registries(users={"docker.io": "me"}, passwords={"docker.io": pulumi.Output.secret("it")})
        assert made.of_docker is not None
        made.of_docker.apply(kept.append)

    run_program(program)
    assert list(json.loads(kept[0])["auths"]) == ["https://index.docker.io/v1/"]
