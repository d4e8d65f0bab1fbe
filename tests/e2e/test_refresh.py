"""`pulumi refresh`, which every old hand types."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from colorway.engine.stack import BACKEND_URL, PASSPHRASE, PUBLISHED_PASSPHRASE, QUIET, STATE_FOLDER, stack_of
from tests.support.clone import Clone
from tests.support.demo import Demo

pytestmark = pytest.mark.area("engine")


def refresh(clone: Clone, *, pulumi: Path) -> None:
    """Run the CLI's own `refresh` on a clone's stack, with the plugins that its `up` ran with."""
    offline = clone.path / ".colorway/plugins"
    environment = {
        **QUIET,
        BACKEND_URL: (clone.path / STATE_FOLDER).as_uri(),
        PASSPHRASE: PUBLISHED_PASSPHRASE,
        "PATH": os.pathsep.join([*([str(offline)] if offline.exists() else []), os.environ["PATH"]]),
    }
    stack_of(root=clone.path, name=clone.stack, pulumi=pulumi, environment=environment).refresh()


def test_after_a_refresh_of_the_platform_there_is_nothing_to_do(platform: Demo, pulumi_cli: Path):
    before = platform.clone.run("preview", platform.stack)
    assert "nothing changes" in before.output, "the platform is what its files say"
    refresh(platform.clone, pulumi=pulumi_cli)
    after = platform.clone.run("preview", platform.stack)
    assert "nothing changes" in after.output, f"a refresh reads back what `up` made\n{after.output}"
