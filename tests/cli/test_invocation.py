"""Where the command line works, and how it names itself."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from colorway.cli import invocation, stack
from colorway.cli.invocation import CODE, project_root, runnable
from colorway.errors import ColorwayError


def project(folder, *, has_code=False):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Pulumi.yaml").touch()
    (folder / "__main__.py").touch()
    if has_code:
        (folder / "colorway").mkdir()
    return folder


def test_the_project_is_found_from_anywhere_below(tmp_path):
    root = project(tmp_path / "shop")
    (root / "platforms/deep").mkdir(parents=True)
    assert project_root(root / "platforms/deep", given={}) == root, "as git finds its repository"
    assert project_root(root, given={}) == root
    assert project_root(tmp_path, given={}) == CODE, "outside of any project: the checkout of the code"
    assert project_root(tmp_path, given={"COLORWAY_ROOT": str(root)}) == root, "whoever says it decides"


def test_a_checkout_with_code_of_its_own_is_not_driven_by_anothers(tmp_path):
    other = project(tmp_path / "other", has_code=True)
    with pytest.raises(ColorwayError, match=r"another checkout with code of its own; run .*other/\.venv/bin/colorway"):
        project_root(other, given={})
    assert project_root(CODE, given={}) == CODE


@pytest.mark.parametrize("below", ["", "platforms", "docs/decisions"])
def test_the_command_line_starts_from_a_subfolder(below):
    environment = {key: value for key, value in os.environ.items() if key != "COLORWAY_ROOT"}
    ran = subprocess.run(
        [sys.executable, "-m", "colorway", "env", "local"],
        cwd=CODE / below,
        env={**environment, "PYTHONPATH": str(CODE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("on_path", "shown"),
    [("bin/colorway", "colorway"), ("elsewhere/colorway", ".venv/bin/colorway"), (None, ".venv/bin/colorway")],
)
def test_a_printed_command_works_where_it_is_read(tmp_path, monkeypatch, on_path, shown):
    scripts = tmp_path / ".venv/bin"
    for folder in (scripts, tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
        (folder / "colorway").touch()
    (tmp_path / "bin").symlink_to(scripts)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(scripts / "python"))
    monkeypatch.setattr(invocation.shutil, "which", lambda _name: on_path and str(tmp_path / on_path))
    assert runnable("next: colorway status local") == f"next: {shown} status local"
    assert runnable("helps: `colorway up local`") == f"helps: `{shown} up local`"
    assert runnable("# colorway generation 12ab; colorway.yaml; run /x/colorway up") == (
        "# colorway generation 12ab; colorway.yaml; run /x/colorway up"
    ), "only commands, and only those that name no path yet"


def test_what_is_printed_is_what_was_said():
    text = "Pulumi.local.yaml:7: colorway:fire: is no known key; listen [::]:warning: [bold]"
    with stack.console.capture() as printed:
        stack.console.print(text, markup=False)
    assert printed.get() == f"{text}\n", "a text of users and programs, in which no word between colons is a picture"
