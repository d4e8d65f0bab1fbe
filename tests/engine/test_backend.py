"""Where state is kept, and what the engine's processes are told."""

from __future__ import annotations

import pytest

from colorway.engine.stack import PASSPHRASE, QUIET, backend_environment, engine_environment
from tests.support.specs import REMOTE_HOSTS, ZONE, small_spec

PUBLIC = {"hosts": REMOTE_HOSTS, "settings": {"zone": ZONE}}


def test_a_local_stack_keeps_its_state_in_the_project(tmp_path):
    found = backend_environment(small_spec(), root=tmp_path, given={})
    assert found == {
        "PULUMI_BACKEND_URL": (tmp_path / ".colorway/state").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
    }, "a clean clone comes up without an account"
    assert (tmp_path / ".colorway/state").is_dir(), "the engine does not make it"


def test_a_public_stack_uses_what_the_login_says(tmp_path):
    assert backend_environment(small_spec(**PUBLIC), root=tmp_path, given={}) == {}, (
        "a published passphrase must never protect a public stack"
    )
    assert list(tmp_path.iterdir()) == [], "and nothing is made"


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
