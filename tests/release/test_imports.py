"""A release knows the engine as a protocol only: it must never bring Pulumi with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = ("pulumi", "pulumi_docker", "components", "colorway.engine", "colorway.cli")


def test_no_module_of_a_release_imports_the_engine_or_pulumi() -> None:
    paths = (ROOT / "colorway/release").rglob("[a-z]*.py")
    names = sorted(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths)
    script = f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    found = [name for name in loaded.stdout.split() if name.startswith(FORBIDDEN)]
    assert len(names) > 30, "all modules were looked at"
    assert found == [], "transitively, not only by what a file says"


def test_the_command_line_starts_without_what_only_a_release_or_the_engine_needs() -> None:
    script = "import sys, colorway.cli.stack\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    found = [
        name for name in loaded.stdout.split() if name.startswith(("apprise", "colorway.release", "pulumi", "grpc"))
    ]
    assert found == [], "half a second that other commands would wait for"
