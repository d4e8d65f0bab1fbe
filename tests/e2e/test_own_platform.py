"""docs/your-own-platform.md, typed word by word: from somebody's own Dockerfile to a release and back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from colorway.machine.images import ensure_image
from colorway.machine.progress import silent
from tests.support.clone import ROOT, Clone
from tests.support.demo import docker, left_behind
from tests.support.readme import Terminal, blocks, lend_packages

pytestmark = [pytest.mark.area("edge"), pytest.mark.full]

LIMIT = 900
"""Seconds that a command may take on a busy machine before the test gives up."""
GUIDE = (ROOT / "docs/your-own-platform.md").read_text(encoding="utf-8")
BASE = "python:3.13-slim"
"""What the page's Dockerfile begins from; where it is missing, an image with the same program stands in for it."""


def said(language: str) -> str:
    """Return the one text of the page that is in a language."""
    [text] = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    return str(text)


@pytest.fixture
def base(swarm: None) -> Iterator[None]:
    """The image that the page begins from; removed where it was made here."""
    is_there = bool(docker("image", "ls", "--quiet", BASE).strip())
    ensure_image(reference=BASE, version=None, context=ROOT / "images" / "demo", progress=silent)
    yield
    if not is_there:
        docker("image", "rm", "--force", BASE)


@pytest.fixture
def clone(empty_machine: None, pulumi_cli: Path, base: None, tmp_path: Path) -> Iterator[Clone]:
    """A clean clone, with the page's application beside it."""
    if left_behind("shop"):
        pytest.skip("a stack shop is up on this machine, and the page would take it over; colorway down shop")
    made = Clone.make(tmp_path / "clone")
    lend_packages(made)
    made.git("config", "user.name", "test")
    made.git("config", "user.email", "test@example.com")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/Dockerfile").write_text(said("dockerfile"), encoding="utf-8")
    (tmp_path / "shop/app.py").write_text(said("python"), encoding="utf-8")
    yield made
    if left_behind("shop"):
        made.run("down", "shop", "--data", "--yes")


@pytest.fixture
def terminal(clone: Clone) -> Iterator[Terminal]:
    opened = Terminal(clone)
    yield opened
    opened.close()


@pytest.mark.timeout(2400)
def test_the_guide_from_a_dockerfile_to_a_release_and_back(clone: Clone, terminal: Terminal):
    left = blocks(GUIDE)

    def type_until(last: str) -> str:
        """Type the page's commands up to one that begins so; return what that one printed."""
        while True:
            line = left.pop(0)
            printed = terminal.type(line, limit=LIMIT)
            if line.removeprefix(".venv/bin/colorway ").startswith(last):
                return printed

    assert "next: " in type_until("new shop")
    assert "to create" in type_until("preview shop")
    assert "open https://127.0.0.1:8643/" in type_until("up shop"), "the port that the page names"
    assert "Hello from the shop" in type_until("curl")

    app = clone.path.parent / "shop" / "app.py"
    app.write_text(app.read_text(encoding="utf-8").replace('"Hello"', '"Good morning"'), encoding="utf-8")
    type_until("version new 1.1.0")
    with (clone.path / "releases/shop/1.1.0.yaml").open("a", encoding="utf-8") as manifest:
        manifest.write(said("yaml"))

    type_until("release 1.1.0 --stack shop --dry-run")
    type_until("release 1.1.0 --stack shop --yes")
    type_until("status shop")
    assert "Good morning from the shop" in type_until("curl"), "everybody has the new version"
    type_until("rollback")
    assert "Hello from the shop" in type_until("curl"), "and the old one again"
    type_until("down shop")
    assert left == [], "the whole page was typed"
    assert left_behind("shop") == []
    assert clone.git("status", "--porcelain") == "", "what the page has committed is all that there is"
