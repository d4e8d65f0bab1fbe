"""The pages for people: every path and module that they name is there, and a newcomer finds the file to open."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"),
    *("docs/your-hosts.md", "docs/rehearsal.md", "docs/data-stores.md", "docs/data.md", "docs/maintenance.md"),
    *("docs/routes.md", "docs/cloudflare.md", "docs/lock-down.md", "docs/purge.md", "docs/certificates.md"),
    *("docs/coverage.md", "docs/deviations.md"),
    *("docs/your-own-platform.md", "docs/from-compose.md"),
]
FILE = re.compile(r"[\w.<>*/-]+\.(?:yaml|py|md|sh|j2|svg|toml|txt|in)|[\w<>.-]+/[\w<>./*-]*")
MODULE = re.compile(r"\b(?:colorway|components|offline_plugins)(?:\.[a-z_]+)+\b")
MADE_LATER = (".venv/", ".colorway/")
"""What `make set-up` makes."""


def named_paths(text: str) -> list[str]:
    """Return what a page names as a path of this repository: in backticks, or as a link."""
    inline = [word for quoted in re.findall(r"`([^`\n]+)`", text) for word in quoted.split()]
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    found = [word for word in [*inline, *links] if FILE.fullmatch(word)]
    return [word for word in found if not word.startswith(("/", *MADE_LATER))]


def is_there(path: str) -> bool:
    return any(ROOT.glob(re.sub(r"<[a-z-]+>", "*", path).rstrip("/")))


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_is_there(page):
    named = named_paths((ROOT / page).read_text(encoding="utf-8"))
    assert named or page in {"SECURITY.md", "CHANGELOG.md"}, "the page names paths, or this test reads none"
    assert [path for path in named if not is_there(path)] == [], f"{page} sends a newcomer to what is gone"


@pytest.mark.parametrize("page", PAGES)
def test_every_module_that_a_page_names_is_there(page):
    named = MODULE.findall((ROOT / page).read_text(encoding="utf-8"))
    assert [name for name in named if find_spec(name) is None] == []


def test_for_twenty_likely_changes_there_is_one_file_to_open():
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = page.partition("## Where to change what")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in table.splitlines() if line[:1] == "|"][
        2:
    ]
    assert len(rows) >= 20
    for change, file in rows:
        name = file.strip("`")
        assert file == f"`{name}`", f"{change}: one file, not {file}"
        assert (ROOT / name).is_file(), f"{change}: {name} is gone"
    files = [file for _, file in rows]
    assert sorted(set(files)) == sorted(files), "two changes that send to one file are one row"


@pytest.mark.parametrize("name", ["gone.md", "colorway/no_such_room/", "templates/scripts/<stack>.yaml"])
def test_a_path_that_is_gone_is_seen(name):
    [read] = named_paths(f"Look at `{name}`.")
    assert not is_there(read)


def test_the_license_is_what_the_project_says():
    assert "Apache License\n                           Version 2.0" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
