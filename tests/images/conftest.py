"""The demo's modules that need no driver and no framework are imported from their image's folder."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "images" / "demo"))
