"""Where state is kept, and what the engine's processes are told."""

from __future__ import annotations

import pytest
from pulumi import automation as auto
from pulumi.automation._cmd import CommandResult

from colorway.engine.operations import Engine
from colorway.engine.plugins import PluginChoice
from colorway.engine.stack import (
    QUIET,
    backend_environment,
    engine_environment,
    refuse_examples,
    refuse_without_token,
    zone_token,
)
from colorway.errors import ColorwayError
from colorway.lab.host import public_host_key
from colorway.spec.stack import PUBLISHED_PASSPHRASE
from tests.support.specs import PUBLIC_HOSTS, REMOTE_HOSTS, ZONE, small_spec

SALTED = "encryptionsalt: v1:abc=:v1:def:ghi==\nconfig: {}\n"
OWN = {"PULUMI_BACKEND_URL": "s3://states", "PULUMI_CONFIG_PASSPHRASE": "mine"}


def spec_of(environment):
    return small_spec(hosts=REMOTE_HOSTS, settings={"environment": environment})


def project(root, text=SALTED):
    (root / "Pulumi.test.yaml").write_text(text)
    return root


def login(home, url="https://api.pulumi.com"):
    (home / ".pulumi").mkdir()
    (home / ".pulumi" / "credentials.json").write_text(f'{{"current": "{url}"}}')


def test_a_local_stack_keeps_its_state_in_the_project(tmp_path):
    found = backend_environment(small_spec(), root=tmp_path, given={})
    assert found == {
        "PULUMI_BACKEND_URL": (tmp_path / ".colorway/state").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": PUBLISHED_PASSPHRASE,
    }, "a clean clone comes up without an account"
    assert (tmp_path / ".colorway/state").is_dir(), "the engine does not make it"


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_a_guarded_stack_keeps_its_state_where_the_login_says(tmp_path, environment):
    login(tmp_path)
    found = backend_environment(spec_of(environment), root=tmp_path, given={"HOME": str(tmp_path)})
    assert "PULUMI_BACKEND_URL" not in found, "its state must not lie in somebody's checkout"
    assert not (tmp_path / ".colorway").exists(), "and nothing is made"


@pytest.mark.parametrize(
    "given", [{"PULUMI_ACCESS_TOKEN": "x"}, {"PULUMI_HOME": "{root}/.pulumi", "HOME": "/nowhere"}, {"HOME": "{root}"}]
)
def test_every_way_to_log_in_is_one(tmp_path, given):
    login(tmp_path, "s3://states")
    given = {key: value.format(root=tmp_path) for key, value in given.items()}
    assert "PULUMI_BACKEND_URL" not in backend_environment(spec_of("production"), root=tmp_path, given=given)


def test_a_backend_in_the_projects_file_is_a_login_too(tmp_path):
    (tmp_path / "Pulumi.yaml").write_text("name: colorway\nbackend: {url: s3://states}\n")
    found = backend_environment(spec_of("production"), root=tmp_path, given={"HOME": str(tmp_path)})
    assert "PULUMI_BACKEND_URL" not in found


@pytest.mark.parametrize("environment", ["local", "lab", "staging", "production"])
def test_every_stack_can_be_previewed_in_a_clean_clone_without_a_login(tmp_path, environment):
    spec = small_spec(settings={"environment": environment})
    found = backend_environment(spec, root=tmp_path, given={"HOME": str(tmp_path)})
    assert set(found) == {"PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE"}, "the examples need no account"


def test_a_lab_is_kept_in_the_project_even_beside_a_login(tmp_path):
    login(tmp_path)
    found = backend_environment(spec_of("lab"), root=tmp_path, given={"HOME": str(tmp_path)})
    assert found["PULUMI_BACKEND_URL"].startswith("file://"), "what may be lost does not go to anybody's account"


# --- what is for examples may preview and never apply


def refusal(root, *, environment="production", offline=False, given=OWN):
    try:
        refuse_examples(spec_of(environment), root=root, offline=offline, given={"HOME": str(root), **given})
    except ColorwayError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("given", "offline", "cure"),
    [
        ({"PULUMI_CONFIG_PASSPHRASE": "mine"}, False, "pulumi login"),
        ({**OWN, "PULUMI_CONFIG_PASSPHRASE": PUBLISHED_PASSPHRASE}, False, "change-secrets-provider"),
        ({"PULUMI_BACKEND_URL": "s3://states"}, False, "set PULUMI_CONFIG_PASSPHRASE"),
        (OWN, True, "COLORWAY_PLUGINS=official"),
    ],
    ids=["no backend", "the published passphrase", "no passphrase", "offline plugins"],
)
@pytest.mark.parametrize("environment", ["staging", "production"])
def test_what_is_for_examples_never_changes_a_guarded_stack(tmp_path, given, offline, cure, environment):
    said = refusal(project(tmp_path), environment=environment, given=given, offline=offline)
    assert said.startswith(f"Pulumi.test.yaml: a stack of the environment {environment} can be previewed here and not")
    assert cure in said, "what would be right"
    assert "\n" not in said, "one sentence"


def test_the_example_stacks_hear_every_reason_at_once(tmp_path):
    said = refusal(project(tmp_path), given={}, offline=True)
    for reason in ("where its state is kept", "published passphrase", "offline plugins"):
        assert reason in said, f"three tries for three reasons; missing: {reason}"


def test_a_key_that_everybody_has_guards_no_host(tmp_path):
    hosts = [{**REMOTE_HOSTS[0], "host-key": public_host_key(REMOTE_HOSTS[0]["name"])}, *REMOTE_HOSTS[1:]]
    root, given = project(tmp_path), {"HOME": str(tmp_path), **OWN}
    guarded = small_spec(hosts=hosts, settings={"environment": "production"})
    with pytest.raises(ColorwayError, match=rf"the host keys of {hosts[0]['name']} are those of a lab, .*ssh-keyscan"):
        refuse_examples(guarded, root=root, offline=False, given=given)
    refuse_examples(small_spec(hosts=hosts, settings={"environment": "lab"}), root=root, offline=False, given=given)


@pytest.mark.parametrize("given", [OWN, {"PULUMI_BACKEND_URL": "s3://x", "PULUMI_CONFIG_PASSPHRASE_FILE": "/mine"}])
def test_a_stack_of_ones_own_is_applied(tmp_path, given):
    assert refusal(project(tmp_path), given=given) == ""


def test_another_secrets_provider_needs_no_passphrase(tmp_path):
    root = project(tmp_path, "secretsprovider: awskms://alias/x\nencryptedkey: abc\nconfig: {}\n")
    assert refusal(root, given={"PULUMI_BACKEND_URL": "s3://states"}) == "", "the fallback protects nothing there"


def test_zones_without_a_token_are_refused_before_anything_is_changed(tmp_path):
    root = project(tmp_path)
    spec = small_spec(hosts=PUBLIC_HOSTS, settings={"environment": "staging", "zones": {"main": ZONE}})
    with pytest.raises(ColorwayError, match=r"Pulumi.test.yaml: colorway:zones: nothing may change them; make a token"):
        refuse_without_token(spec, root=root, given={})
    refuse_without_token(spec, root=root, given={"CLOUDFLARE_API_TOKEN": "x"})
    refuse_without_token(small_spec(), root=root, given={})
    secret = "config:\n  secrets:cloudflare-token: {secure: v1:AAAA}\n"
    (root / "Pulumi.test.yaml").write_text(secret)
    refuse_without_token(spec, root=root, given={})


@pytest.mark.parametrize("environment", ["local", "lab"])
def test_local_and_lab_are_applied_with_all_of_it(tmp_path, environment):
    spec = small_spec(settings={"environment": environment})
    refuse_examples(spec, root=project(tmp_path), offline=True, given={})


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"PULUMI_BACKEND_URL": "s3://x"}, {"PULUMI_CONFIG_PASSPHRASE"}),
        ({"PULUMI_CONFIG_PASSPHRASE": "mine"}, {"PULUMI_BACKEND_URL"}),
        ({"PULUMI_CONFIG_PASSPHRASE_FILE": "/mine"}, {"PULUMI_BACKEND_URL"}),
        ({"PULUMI_BACKEND_URL": "s3://x", "PULUMI_CONFIG_PASSPHRASE": ""}, set()),
    ],
)
def test_what_the_caller_says_wins(tmp_path, given, left):
    assert set(backend_environment(small_spec(), root=tmp_path, given=given)) == left


def test_the_engine_asks_nobody_and_nothing_outside(tmp_path):
    found = engine_environment(small_spec(), root=tmp_path, path_prefix=None, given={})
    assert QUIET.items() <= found.items()
    assert "PATH" not in found, "the official plugins need none of ours"


def test_offline_plugins_come_first_on_the_path_and_none_is_downloaded(tmp_path):
    found = engine_environment(small_spec(), root=tmp_path, path_prefix=tmp_path / "p", given={"PATH": "/bin"})
    assert found["PATH"] == f"{tmp_path / 'p'}:/bin"
    assert found["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true", (
        "a look-up that hangs where there is no internet"
    )
    alone = engine_environment(small_spec(), root=tmp_path, path_prefix=tmp_path / "p", given={})
    assert alone["PATH"].startswith(f"{tmp_path / 'p'}:"), "no PATH at all is no reason to fail"


def test_no_secret_but_the_published_passphrase_is_set(tmp_path):
    found = engine_environment(small_spec(), root=tmp_path, path_prefix=None, given={"AWS_SECRET_ACCESS_KEY": "x"})
    assert "x" not in found.values(), "the caller's environment is inherited, never copied"


@pytest.mark.parametrize("operation", [Engine.up, Engine.down])
def test_the_refusal_comes_before_the_state_is_opened(tmp_path, operation):
    project(tmp_path)
    engine = Engine(
        root=tmp_path,
        pulumi=tmp_path / "no-such-pulumi",
        plugins=PluginChoice(path_prefix=tmp_path, sentence="offline"),
        spec=spec_of("production"),
        say=lambda _line: None,
        swarm=None,
    )
    with pytest.raises(ColorwayError, match="can be previewed here and not be changed"):
        operation(engine)


class Secrets:
    """A stack as far as its secrets go; none = they cannot be read."""

    def __init__(self, found):
        self.found = found

    def configured_secrets(self):
        if self.found is None:
            raise auto.CommandError(CommandResult(stdout="", stderr="incorrect passphrase", code=255))
        return self.found


@pytest.mark.parametrize(
    ("found", "token"), [({"cloudflare-token": "own"}, "own"), ({}, "of the environment"), (None, None)]
)
def test_zones_are_changed_by_the_stacks_own_token_before_any_other(found, token):
    assert zone_token(Secrets(found), given={"CLOUDFLARE_API_TOKEN": "of the environment"}) == token
