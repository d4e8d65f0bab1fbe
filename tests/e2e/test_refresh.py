"""`pulumi refresh`, which every old hand types."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.demo import Demo
from tests.support.refresh import refresh

pytestmark = pytest.mark.area("engine")


def test_after_a_refresh_of_the_platform_there_is_nothing_to_do(platform: Demo, pulumi_cli: Path):
    before = platform.clone.run("preview", platform.stack)
    assert "nothing changes" in before.output, "the platform is what its files say"
    refresh(platform.clone, pulumi=pulumi_cli)
    after = platform.clone.run("preview", platform.stack)
    assert "nothing changes" in after.output, f"a refresh reads back what `up` made\n{after.output}"
