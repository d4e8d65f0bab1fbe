"""`colorway new` and `colorway import compose` write over nothing, and say in one sentence what keeps them from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from colorway.cli.stack import app
from colorway.config import begun
from colorway.config.stack_files import from_file
from colorway.errors import ColorwayError
from tests.program.stacks import run_spec
from tests.support.recorder import SERVICE

COMPOSE = "services:\n  web: {image: 'registry.example.com/web:1', ports: ['80:8000']}\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, with the folders of images that every one has, and an application beside it."""
    project = tmp_path / "project"
    for name in ("nginx", "prometheus", "mtail"):
        (project / "images" / name).mkdir(parents=True)
        (project / "images" / name / "Dockerfile").write_text("FROM scratch\n")
    app_folder = tmp_path / "shop"
    (app_folder / ".git").mkdir(parents=True)
    (app_folder / ".git" / "HEAD").write_text("x\n")
    (app_folder / ".env").write_text("PASSWORD=for-this-test\n")
    (app_folder / "Dockerfile").write_text("FROM python:3.13-slim\nEXPOSE 8000\nCOPY app.py .\n")
    (app_folder / "app.py").write_text("print(1)\n")
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    monkeypatch.setenv("COLORWAY_ROOT", str(project))
    monkeypatch.chdir(tmp_path)
    return project


def run(*words: str) -> str:
    """Run a command that has to succeed; return what it printed."""
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*words: str) -> str:
    """Run a command that has to be refused; return the sentence."""
    result = CliRunner().invoke(app, list(words))
    assert isinstance(result.exception, ColorwayError), result.output
    return str(result.exception)


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_a_dockerfile_becomes_a_platform_that_the_program_takes(root):
    run("new", "shop", "--build", "shop")
    recording = run_spec(from_file(root=root, stack="shop"), preview=True)
    assert "web-blue-service" in {one.name for one in recording.of_type(SERVICE).values()}
    said = YAML(typ="safe").load(root / "platforms/shop.yaml")
    assert said["services"]["web"]["port"] == 8000, "as the Dockerfile exposes it"
    copied = {name for name in files(root) if name.startswith("images/shop/")}
    assert copied == {"images/shop/Dockerfile", "images/shop/app.py"}, "neither its repository nor its secrets"


def test_an_image_becomes_a_folder_with_one_line(root):
    run("new", "blog", "--image", "registry.example.com/blog:3", "--port", "3000")
    assert (root / "images/blog/Dockerfile").read_text() == "FROM registry.example.com/blog:3\n"
    assert from_file(root=root, stack="blog").platform.services["web"].port == 3000


def test_a_folder_below_images_is_used_as_it_is(root):
    (root / "images/shop").mkdir()
    (root / "images/shop/Dockerfile").write_text("FROM python:3.13-slim\nEXPOSE 8080\n")
    run("new", "shop")
    assert from_file(root=root, stack="shop").platform.services["web"].port == 8080


def test_two_platforms_have_ports_and_addresses_of_their_own(root):
    run("new", "one", "--image", "a:1", "--port", "80")
    run("new", "two", "--image", "a:1", "--port", "80")
    one, two = (from_file(root=root, stack=name) for name in ("one", "two"))
    assert not one.settings.network.range.overlaps(two.settings.network.range)
    assert one.platform.edge.https_port != two.platform.edge.https_port, "both can be up"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("new", "Shop", "--build", "shop"), "the platform's name must be small letters"),
        (("new", "shop"), "it is not said what to run; add --build FOLDER"),
        (("new", "shop", "--build", "nowhere"), "nowhere has no Dockerfile that can be read; name a folder with one"),
        (("new", "shop", "--image", "a:1"), "nothing says where the application listens (the image is not asked); add"),
        (("new", "shop", "--image", "a:1", "--build", "shop"), "--build and --image are both said"),
        (("new", "shop", "--image", "a 1", "--port", "80"), "--image must be an image as `docker pull` takes it"),
        (
            ("import", "compose", "none.yaml", "--platform", "shop"),
            "none.yaml: cannot be read; name a file that is",
        ),
        (("import", "compose", "compose.yaml", "--platform", "a.b"), "the platform's name must be small letters"),
        (
            ("import", "compose", "compose.yaml", "--platform", "shop", "--env-file", "none.env"),
            "none.env: cannot be read; name a file that is there",
        ),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_written(root, words, sentence):
    before = files(root)
    assert refused(*words).startswith(sentence)
    assert files(root) == before


@pytest.mark.parametrize(
    "name", ["platforms/shop.yaml", "releases/shop/1.0.0.yaml", "Pulumi.shop.yaml", "images/shop-web/Dockerfile"]
)
def test_nothing_is_written_over(root, name):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("mine\n")
    before = files(root)
    words = ("import", "compose", "compose.yaml", "--platform", "shop")
    assert refused(*words) == f"{name} is there already, and nothing is written over; choose another name"
    assert files(root) == before
    assert (root / name).read_text() == "mine\n"


def test_what_was_begun_goes_when_a_file_cannot_be_written(root):
    (root / "releases").write_text("no folder\n")
    before = files(root)
    assert "cannot be written" in refused("new", "shop", "--build", "shop")
    assert files(root) == before, "the next try meets what this one met"


def test_a_platform_that_the_project_cannot_run_is_not_begun(root):
    (root / "images/nginx/Dockerfile").unlink()
    before = files(root)
    assert "names a folder that images/ does not have" in refused("new", "shop", "--build", "shop")
    assert files(root) == before
    assert not (root / "releases/shop").exists()


def test_a_dry_run_lists_and_writes_nothing(root):
    before = files(root)
    printed = run("import", "compose", "compose.yaml", "--platform", "shop", "--dry-run")
    assert "compose.yaml:2: services.web.healthcheck: is none" in printed
    assert "nothing was written" in printed
    assert files(root) == before


def test_a_stack_may_be_called_otherwise(root):
    run("import", "compose", "compose.yaml", "--platform", "shop", "--stack", "shop-here")
    assert from_file(root=root, stack="shop-here").settings.platform == "shop"


def test_what_is_left_out_of_a_copy_makes_no_folder_too_large(root, monkeypatch):
    monkeypatch.setattr(begun, "MOST_FILES", 3)
    modules = root.parent / "shop" / "node_modules" / "left-pad"
    modules.mkdir(parents=True)
    for number in range(5):
        (modules / f"{number}.js").write_text("\n")
    run("new", "shop", "--build", "shop")
    assert "images/shop/node_modules" not in {path.relative_to(root).as_posix() for path in root.rglob("*")}
    for number in range(5):
        (root.parent / "shop" / f"{number}.py").write_text("\n")
    assert "has 7 files, too many to copy" in refused("new", "other", "--build", "shop")
