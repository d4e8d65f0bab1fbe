"""Which plugins run for a stack, with a fake CLI that downloads or fails to."""

from __future__ import annotations

import os
import sys
import time
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

from colorway.engine import plugins
from colorway.engine.plugins import VARIABLE, choose
from colorway.errors import ColorwayError

NAMES = ("docker", "command")
CLI = """#!/bin/sh
echo "$@" >> "$0.calls"
[ -e "$0.fail" ] && { echo "error: no such host" >&2; exit 1; }
mkdir -p "$PULUMI_HOME/plugins/resource-$4-v$5"
: > "$PULUMI_HOME/plugins/resource-$4-v$5/pulumi-resource-$4"
"""


class Pulumi:
    """A CLI whose downloads succeed until told otherwise."""

    def __init__(self, path: Path):
        self.path = path
        path.write_text(CLI)
        path.chmod(0o755)

    def fails(self):
        Path(f"{self.path}.fail").touch()

    @property
    def downloads(self):
        calls = Path(f"{self.path}.calls")
        return calls.read_text().splitlines() if calls.exists() else []


@pytest.fixture
def pulumi(tmp_path, monkeypatch):
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv("PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES", raising=False)
    monkeypatch.setattr(plugins, "is_reachable", lambda _url: True)
    return Pulumi(tmp_path / "pulumi")


@pytest.fixture
def written(monkeypatch):
    """The offline plugins that were written, without writing any."""
    calls = []
    executables = ModuleType("executables")
    executables.write_executables = lambda directory, *, python: calls.append((directory, python))
    monkeypatch.setitem(sys.modules, "offline_plugins.executables", executables)
    return calls


def test_official_plugins_are_downloaded_in_the_versions_of_the_sdk(pulumi, written):
    choice = choose(pulumi=pulumi.path, names=NAMES)
    assert choice.path_prefix is None, "the engine finds installed plugins by itself"
    versions = {name: metadata.version(f"pulumi-{name}") for name in NAMES}
    assert pulumi.downloads == [f"plugin install resource {name} {versions[name]}" for name in NAMES], "as the SDKs say"
    assert choice.sentence == f"plugins: official (docker {versions['docker']}, command {versions['command']})", (
        "one line"
    )
    assert written == [], "no offline plugin came near"


def test_what_is_installed_is_not_downloaded_again(pulumi):
    choose(pulumi=pulumi.path, names=NAMES)
    choose(pulumi=pulumi.path, names=NAMES)
    assert len(pulumi.downloads) == len(NAMES), "the second time nothing is left to do"


def test_half_a_download_does_not_count_as_installed(pulumi, tmp_path):
    choose(pulumi=pulumi.path, names=("docker",))
    version = metadata.version("pulumi-docker")
    (tmp_path / "home" / "plugins" / f"resource-docker-v{version}.partial").touch()
    choose(pulumi=pulumi.path, names=("docker",))
    assert len(pulumi.downloads) == 2, "the CLI marks an unfinished plugin with .partial"


def test_where_they_cannot_be_had_the_offline_plugins_run(pulumi, written):
    pulumi.fails()
    choice = choose(pulumi=pulumi.path, names=NAMES, python=Path("/usr/bin/python3"))
    assert written == [(choice.path_prefix, Path("/usr/bin/python3"))], (
        "generated for the interpreter that was asked for"
    )
    assert choice.path_prefix is not None, "the engine must find them"
    assert choice.path_prefix.parts[-2:] == (".colorway", "plugins"), (
        "in the clone whose code they run, and git-ignored"
    )
    assert choice.sentence.startswith("plugins: offline (docker, command; for labs and tests only), because"), "and why"


def test_a_failed_download_is_paid_for_once_a_day(pulumi, written, tmp_path):
    pulumi.fails()
    for _ in range(3):
        choose(pulumi=pulumi.path, names=NAMES)
    assert len(pulumi.downloads) == 1, "an `up` must not wait for a dead network every time"
    [note] = (tmp_path / "cache" / "colorway" / "plugins-not-downloaded").iterdir()
    os.utime(note, (time.time() - 25 * 3600,) * 2)
    choose(pulumi=pulumi.path, names=NAMES)
    assert len(pulumi.downloads) == 2, "tomorrow the network may be back"


def test_an_unreachable_server_is_not_even_tried(pulumi, written, monkeypatch):
    monkeypatch.setattr(plugins, "is_reachable", lambda _url: False)
    choice = choose(pulumi=pulumi.path, names=NAMES)
    assert pulumi.downloads == [], "the CLI would try five times"
    assert "cannot be reached" in choice.sentence, "the user hears why"


def test_a_mirror_is_tried_although_the_usual_server_is_unreachable(pulumi, monkeypatch):
    monkeypatch.setattr(plugins, "is_reachable", lambda _url: False)
    monkeypatch.setenv("PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES", "^https://=https://mirror.example")
    assert choose(pulumi=pulumi.path, names=NAMES).path_prefix is None, "the mirror has them"


def test_the_variable_settles_for_offline(pulumi, written, monkeypatch):
    monkeypatch.setenv(VARIABLE, "offline")
    choice = choose(pulumi=pulumi.path, names=NAMES)
    assert written == [(choice.path_prefix, Path(sys.executable))], "offline, with this interpreter"
    assert pulumi.downloads == [], "nothing is downloaded"


def test_the_variable_insists_on_official(pulumi, written, monkeypatch):
    pulumi.fails()
    choose(pulumi=pulumi.path, names=NAMES)
    monkeypatch.setenv(VARIABLE, "official")
    with pytest.raises(ColorwayError, match="official plugins are needed and cannot be had"):
        choose(pulumi=pulumi.path, names=NAMES)
    assert len(pulumi.downloads) == 2, "who insists gets a new try"


def test_another_value_of_the_variable_is_refused(pulumi, monkeypatch):
    monkeypatch.setenv(VARIABLE, "s3cret-typo")
    with pytest.raises(ColorwayError, match="must be official or offline") as caught:
        choose(pulumi=pulumi.path, names=NAMES)
    assert "s3cret" not in str(caught.value), "values are never echoed"


def test_a_choice_says_whether_it_may_only_preview_what_users_meet(pulumi, written):
    assert not choose(pulumi=pulumi.path, names=NAMES).is_offline
    pulumi.fails()
    assert choose(pulumi=pulumi.path, names=("docker",)).is_offline is False, "it was installed before"


def test_the_variable_cannot_settle_for_a_plugin_that_does_not_exist(pulumi, written, monkeypatch):
    monkeypatch.setenv(VARIABLE, "offline")
    with pytest.raises(ColorwayError, match=f"needs policy, .*; unset {VARIABLE}"):
        choose(pulumi=pulumi.path, names=(*NAMES, "policy"))
    assert written == [], "not even written"


def test_a_plugin_without_an_offline_one_needs_the_official(pulumi, written):
    pulumi.fails()
    with pytest.raises(ColorwayError, match="official plugins are needed"):
        choose(pulumi=pulumi.path, names=("docker", "policy"))
    assert written == [], "half a set of plugins is none"
