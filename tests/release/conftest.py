"""What the tests of releases share."""

from __future__ import annotations

from functools import cache

import pytest

from colorway.release.plan import edit

READ_ONCE = cache(edit._settings)


@pytest.fixture(autouse=True)
def _read_each_text_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of releases edit the same few texts; reading YAML again and again would be most of the time."""
    monkeypatch.setattr(edit, "_settings", READ_ONCE)
