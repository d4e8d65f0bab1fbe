"""What building an image asks of Docker, and what its failure says; Docker is a script here."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from colorway.errors import ColorwayError
from colorway.machine.images import ensure_base, ensure_image
from colorway.machine.progress import Count

IMAGES = Path(__file__).parents[2] / "images"
REFERENCE = "colorway/thing:1.0.0-0123456789ab"


@dataclass
class Heard:
    """Remembers what was reported."""

    steps: list[str]
    counts: list[Count]

    def __call__(self, what: str, count: Count | None = None, *, lasting: bool = False) -> None:
        if not self.steps or self.steps[-1] != what:
            self.steps.append(what)
        if count is not None:
            self.counts.append(count)


@dataclass(frozen=True)
class FakeDocker:
    """A `docker` on PATH that notes its arguments and does what the test says."""

    folder: Path

    def behave(self, script: str) -> None:
        program = self.folder / "docker"
        note = f'printf "%s|" "$@" >>"{self.folder}/calls"; echo >>"{self.folder}/calls"'
        program.write_text(f"#!/bin/sh\n{note}\n{script}\n")
        program.chmod(0o755)

    def calls(self) -> list[list[str]]:
        noted = self.folder / "calls"
        return [line.split("|")[:-1] for line in noted.read_text().splitlines()] if noted.exists() else []


@pytest.fixture
def heard() -> Heard:
    return Heard(steps=[], counts=[])


@pytest.fixture
def docker(tmp_path, monkeypatch) -> FakeDocker:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return FakeDocker(folder)


@pytest.fixture
def context(tmp_path) -> Path:
    """An images folder with one image and a base script that needs nothing."""
    folder = tmp_path / "images" / "thing"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM debian:forky-slim\n")
    base = tmp_path / "images" / "base"
    base.mkdir()
    (base / "make.sh").write_text('echo "==> Preparing the builder"\n')
    return folder


BUILDS = """
case $1 in
image) exit 1 ;;
build) [ "$DOCKER_BUILDKIT" = 0 ] || { echo "BuildKit is on"; exit 1; }
       echo 'Step 1/2 : FROM debian:forky-slim'; echo ' ---> 0123'; echo 'Step 2/2 : COPY a b' ;;
esac
"""


def test_a_tag_that_is_there_is_not_built_again(docker, context, heard):
    docker.behave("exit 0")

    assert ensure_image(reference=REFERENCE, version="1.0.0", context=context, progress=heard) == REFERENCE
    assert docker.calls() == [["image", "inspect", REFERENCE]], "the tag holds the digest; nothing else is to be asked"
    assert heard.steps == [], "what is there already is no step"


def test_a_missing_tag_is_built_by_the_classic_builder_with_its_version(docker, context, heard):
    docker.behave(BUILDS)

    ensure_image(reference=REFERENCE, version="1.0.0", context=context, progress=heard)

    assert docker.calls()[-1] == [
        "build", "--network", "host", "--tag", REFERENCE, "--build-arg", "VERSION=1.0.0", str(context)
    ]  # fmt: skip
    assert heard.steps == ["Preparing the builder", f"Building the image {REFERENCE}"]
    assert [(count.done, count.total) for count in heard.counts] == [(1, 2), (2, 2)], "each step of Docker's is heard"


def test_an_image_without_a_version_gets_no_argument_that_it_would_not_use(docker, context, heard):
    docker.behave(BUILDS)

    ensure_image(reference=REFERENCE, version=None, context=context, progress=heard)

    assert "--build-arg" not in docker.calls()[-1]


def test_a_proxy_is_handed_on_by_name_so_that_its_password_is_in_no_argument(docker, context, heard, monkeypatch):
    docker.behave(BUILDS)
    monkeypatch.setenv("https_proxy", "http://somebody:secret@proxy.example:3128")

    ensure_image(reference=REFERENCE, version=None, context=context, progress=heard)

    assert docker.calls()[-1][-3:-1] == ["--build-arg", "https_proxy"]
    assert not any("secret" in word for call in docker.calls() for word in call), "arguments are visible to every user"


def test_a_failed_build_names_the_image_the_step_and_the_last_words(docker, context, heard):
    docker.behave(
        "[ $1 = build ] || exit 1\n"
        "echo 'Step 1/2 : FROM debian:forky-slim'; echo 'Step 2/2 : RUN install-packages'\n"
        "printf '\\033[91mE: Unable to locate package nothing\\033[0m\\n' >&2; exit 100"
    )

    with pytest.raises(ColorwayError) as raised:
        ensure_image(reference=REFERENCE, version=None, context=context, progress=heard)

    message = str(raised.value)
    assert REFERENCE in message, "which image"
    assert "step 2 of 2, RUN install-packages" in message, "where it ended"
    assert message.endswith("E: Unable to locate package nothing"), "why, without the terminal's colors"


def test_a_base_that_cannot_be_made_says_so_before_any_build(docker, context, heard):
    docker.behave("exit 1")
    (context.parent / "base" / "make.sh").write_text('echo "==> Pulling Debian"; echo "no route to host" >&2; exit 1\n')

    with pytest.raises(ColorwayError, match=r"(?s)base of the images .*Pulling Debian.*no route to host"):
        ensure_image(reference=REFERENCE, version=None, context=context, progress=heard)

    assert {call[0] for call in docker.calls()} == {"image"}, "an image without its base is not tried"


def test_a_base_that_is_there_is_neither_pulled_nor_made(docker, heard):
    docker.behave("exit 0")
    for name in ("apt-get", "apt-config"):
        (docker.folder / name).write_text("#!/bin/sh\n")
        (docker.folder / name).chmod(0o755)

    ensure_base(folder=IMAGES / "base", progress=heard)

    assert [call[:2] for call in docker.calls()] == [["image", "inspect"], ["build", "--quiet"]], (
        "only the builder is brought up to date, from Docker's cache"
    )
    assert heard.steps == ["Preparing colorway/builder:forky"]


@pytest.mark.parametrize("dockerfile", sorted(IMAGES.glob("*/Dockerfile")), ids=lambda path: path.parent.name)
def test_every_image_ends_on_plain_debian_without_the_hosts_apt(dockerfile):
    last = [line for line in dockerfile.read_text().splitlines() if line.startswith("FROM ")][-1]

    assert last == "FROM debian:forky-slim", "the builder holds this host's apt settings; no image may start from it"


@pytest.mark.parametrize("script", sorted(IMAGES.glob("*/*.sh")), ids=lambda path: path.name)
def test_every_script_of_the_images_is_valid_shell(script):
    checked = subprocess.run(["sh", "-n", str(script)], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr
