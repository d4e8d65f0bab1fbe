"""`pulumi refresh`, which every old hand types."""

from __future__ import annotations

import os
from pathlib import Path

from colorway.engine.stack import BACKEND_URL, PASSPHRASE, PUBLISHED_PASSPHRASE, QUIET, STATE_FOLDER, stack_of
from tests.support.clone import Clone


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
