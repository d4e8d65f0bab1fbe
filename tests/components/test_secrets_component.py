"""Secrets: never plain, never guessed, never missing without a sentence."""

from __future__ import annotations

import base64
import re

import pulumi
import pytest

from colorway.errors import ColorwayError
from colorway.render.edge_secrets import UnusableSecretError, link_map, login_map, token_map
from components.secrets import MissingSecretError, Secrets
from tests.support.recorder import SECRET, STASH, run_program
from tests.support.specs import small_spec

VALUES = {name: f"the-value-of-{name}" for name in ("database-password", "cache-password", "preview-token")}


def record(*, values=VALUES, preview=False, environment="production", maintenance_secret=None):
    edge = {"edge": {"maintenance-secret": maintenance_secret}} if maintenance_secret else None
    spec = small_spec(settings={"environment": environment}, overrides=edge)
    configured = lambda name: pulumi.Output.secret(values[name]) if name in values else None  # noqa: E731
    kept = {}
    recording = run_program(
        lambda: kept.update(made=Secrets("secret", spec, configured=configured)), stack=spec.stack, preview=preview
    )
    return recording, kept["made"]


def decoded(resource):
    return base64.b64decode(resource.inputs["data"]).decode()


def test_each_secret_of_the_platform_becomes_a_swarm_secret_that_is_marked():
    recording, _ = record()
    made = recording.of_type(SECRET)
    assert sorted(made) == ["secret-cache-password", "secret-database-password"], (
        "a Swarm secret of nginx would replace the load balancers whenever it is rotated"
    )
    for name, resource in made.items():
        assert "data" in resource.secrets, f"{name} would stand in state and previews as plain text"
    assert decoded(made["secret-database-password"]) == VALUES["database-password"]


def test_names_are_the_engines_own():
    recording, _ = record()
    for name, resource in recording.of_type(SECRET).items():
        assert "name" not in resource.inputs, (
            f"{name}: new content must be a new secret that exists before the services move to it"
        )


def test_the_token_is_a_pattern_that_nginx_includes_and_compares_exactly():
    _, made = record()
    assert list(made.edge_files) == ["preview.conf"]
    token = re.escape(VALUES["preview-token"])
    assert token_map(VALUES["preview-token"], stack="test", name="preview-token") == (
        f'"~^{token}\\.blue$" blue;\n"~^{token}\\.green$" green;\n"~^{token}\\.users$" users;\n'
    ), "the strings of a map ignore case, and a token that does is easier to guess"


def test_the_link_is_compared_exactly_and_the_cookie_does_not_tell_it():
    made = record(maintenance_secret="cache-password")[1]
    assert list(made.edge_files) == ["preview.conf", "maintenance-cookie.conf", "maintenance-link.conf"]
    secret = VALUES["cache-password"]
    pattern, value = link_map(secret, stack="test", name="cache-password").rstrip(";\n").rsplit(" ", 1)
    matches = re.compile(pattern.strip('"').removeprefix("~")).search
    assert matches(f"/.colorway/maintenance/{secret}")
    assert matches(f"/.colorway/maintenance/{secret}?from=chat"), "messengers add things"
    for other in (secret.upper(), f"{secret}x", secret[:-1], f"{secret}/", f"x/../{secret}"):
        assert not matches(f"/.colorway/maintenance/{other}")
    assert secret not in value, "applications see their users' cookies, and may log them"
    assert re.fullmatch("[0-9a-f]{64}", value), "and it needs no quotes in nginx's text"


def test_a_secret_that_a_link_cannot_have_is_refused_by_its_name():
    with pytest.raises(pulumi.RunError, match=r"^Pulumi\.test\.yaml: secrets:cache-password must be 16 to 128 letters"):
        record(values={**VALUES, "cache-password": "a/b"}, maintenance_secret="cache-password")


@pytest.mark.parametrize(
    "token", ["", "short", 'quoted"0123456789abcdef', "0123456789 abcdef", "0123456789abcdef;", "a" * 129]
)
def test_a_token_that_nginx_cannot_read_or_others_can_guess_is_refused_without_being_repeated(token):
    with pytest.raises(
        pulumi.RunError, match=r"^Pulumi\.test\.yaml: secrets:preview-token must be 16 to 128 letters"
    ) as caught:
        record(values={**VALUES, "preview-token": token})
    assert not token or token not in str(caught.value), "an error text reaches logs"


def test_missing_secrets_are_one_sentence_with_the_commands_that_set_them():
    with pytest.raises(MissingSecretError) as caught:
        record(values={"database-password": "x"})
    said = str(caught.value)
    assert "\n" not in said, "one sentence"
    assert said.startswith("Pulumi.test.yaml: secrets are missing: cache-password, preview-token; "), "all at once"
    assert "pulumi config set --secret secrets:cache-password --stack test" in said, "what would be right"
    assert isinstance(caught.value, ColorwayError), "the command line prints it without a traceback"


@pytest.mark.parametrize("environment", ["staging", "production"])
@pytest.mark.parametrize("preview", [True, False])
def test_nothing_is_made_up_where_users_are(environment, preview):
    with pytest.raises(MissingSecretError):
        record(values={}, environment=environment, preview=preview)


@pytest.mark.parametrize("environment", ["local", "lab"])
def test_missing_secrets_of_local_and_lab_are_made_up(environment):
    recording, _ = record(values={}, environment=environment)
    made = recording.of_type(STASH)
    assert sorted(made) == [
        "secret-cache-password-value",
        "secret-database-password-value",
        "secret-preview-token-value",
    ]
    for name, stash in made.items():
        assert stash.ignore_changes == ("input",), f"{name} would change at every `up`, and the password with it"
        assert "input" in stash.secrets, f"{name} would stand in state as plain text"
        assert len(stash.inputs["input"]) == 48, f"{name}: 24 random bytes"
    for name, resource in recording.of_type(SECRET).items():
        assert "data" in resource.secrets, f"{name}: what comes out of a stash stays secret"


def test_two_made_up_values_are_never_the_same():
    recording, _ = record(values={}, environment="local")
    values = [stash.inputs["input"] for stash in recording.of_type(STASH).values()]
    assert len(set(values)) == len(values), "a database password that opens the idle color, too"


def test_a_given_value_wins_over_a_made_up_one():
    recording, _ = record(values={"database-password": "mine"}, environment="local")
    assert decoded(recording.one("secret-database-password", SECRET)) == "mine"
    assert "secret-database-password-value" not in recording.of_type(STASH)


@pytest.mark.parametrize("preview", [True, False])
def test_files_are_named_as_in_the_platform_file(preview):
    _, made = record(preview=preview)
    assert {name: file.path for name, file in made.files.items()} == {
        name: name for name in VALUES if name != "preview-token"
    }, "services read /run/secrets/<name>"


def test_names_and_passwords_are_patterns_of_what_browsers_send():
    assert login_map("anna:correct horse", stack="test", name="admins") == (
        '"~^(?i:basic) +YW5uYTpjb3JyZWN0IGhvcnNl=*$" 1;\n'
    ), "the strings of a map ignore case, and so would the password"
    alone = base64.b64encode(b"admins:0123456789abcdef").decode()
    assert re.escape(alone.rstrip("=")) in login_map("0123456789abcdef", stack="test", name="admins"), (
        "what is made up for a stack on this machine is a password alone"
    )


@pytest.mark.parametrize("said", ["anna:short", "anna:", ":password-of-nobody", "anna:long-enough\n\nbert:long-enough"])
def test_a_login_that_lets_in_too_many_is_refused_without_being_repeated(said):
    wanted = r"^Pulumi\.test\.yaml: secrets:admins must be name:password"
    with pytest.raises(UnusableSecretError, match=wanted) as caught:
        login_map(said, stack="test", name="admins")
    assert said not in str(caught.value), "an error text reaches logs"


def test_a_secret_of_a_route_is_a_file_of_the_load_balancers():
    overrides = {"services": {"shop": {"routes": [{"path": "/", "basic-auth": "cache-password"}]}}}
    assert small_spec(overrides=overrides).basic_auths == ("cache-password",)
