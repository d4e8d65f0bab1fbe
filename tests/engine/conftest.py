"""What the tests of the engine share."""

from __future__ import annotations

import pytest

from colorway.cli import invocation


@pytest.fixture(autouse=True)
def on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command line be on PATH, so that what is printed does not depend on who runs the tests."""
    monkeypatch.setattr(invocation, "_program", lambda: "colorway")
