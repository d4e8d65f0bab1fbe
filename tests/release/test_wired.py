"""The real files, the real git and the real command line, with the engine of the fakes: what a user sees."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from colorway.cli import release as cli_release
from colorway.cli import release_run as cli_release_run
from colorway.config import documents, stack_files
from colorway.config.documents import parse_document
from colorway.errors import ColorwayError
from colorway.outputs import PlatformOutputs, platform_outputs
from colorway.release.plan.facts import ServiceHealth
from colorway.release.plan.situation import Goal, Request
from colorway.release.plan.steps import Done, ExitCode, Freeze, code_of
from colorway.release.ports import project as release_project
from colorway.release.ports.git import Git
from colorway.release.ports.project import Files, Page
from colorway.release.ports.protocols import Answer, Ports
from colorway.release.run.apply import ApplyByCi
from colorway.release.run.execute import execute
from colorway.release.tell.status import read_release
from colorway.render.nginx import generation
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.traffic import Color
from tests.release.fakes import FakeClock, FakeMeter, World
from tests.support.specs import ROOT

FILE = "Pulumi.local.yaml"
READ_ONCE = cache(documents.parse_document)
START = """\
encryptionsalt: v1:abc=
config:
  colorway:environment: local
  colorway:platform: demo
  colorway:domains: {main: localhost.localdomain}
  colorway:versions: {blue: "1.0.0", green: null}
  colorway:traffic: {blue: 100, green: 0, active: blue}  # the line that moves
  colorway:hosts:
    - name: localhost
      address: 127.0.0.1
      roles: [manager, web, database, load-balancer, monitoring]
"""


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Ana", "-c", "user.email=ana@example.com"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def _own_git_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    (tmp_path / "gitconfig").write_text("[init]\ndefaultBranch = main\n[user]\nname = Ana\n")


@pytest.fixture(autouse=True)
def _read_each_text_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read YAML once per text and test session: it would be four fifths of the time."""
    for module in (documents, release_project):
        monkeypatch.setattr(module, "parse_document", READ_ONCE)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with the demo platform, its images left out: folders with an empty Dockerfile do."""
    folder = tmp_path / "project"
    for name in ("platforms", "releases"):
        shutil.copytree(ROOT / name, folder / name)
    for image in (ROOT / "images").glob("*/Dockerfile"):
        (folder / "images" / image.parent.name).mkdir(parents=True)
        (folder / "images" / image.parent.name / "Dockerfile").touch()
    (folder / FILE).write_text(START)
    platform = folder / "platforms/demo.yaml"
    text = platform.read_text()
    assert "bake: 10m" in text, "the demo's bake times are shortened here"
    platform.write_text(text.replace("bake: 10m", "bake: 20s").replace("bake: 6m", "bake: 20s"))
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "Begin")
    return folder


class FilesEngine:
    """Applies the files of a folder to nothing, as the real engine does to a swarm."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.up(continue_on_error=False)

    def up(self, *, continue_on_error: bool) -> None:
        self.spec: PlatformSpec = stack_files.from_file(root=self.folder, stack="local")
        digest = generation(self.spec).digest
        self.exported = PlatformOutputs.model_validate(platform_outputs(self.spec, generation=digest))

    def outputs(self) -> PlatformOutputs:
        return self.exported

    def live(self) -> dict[str, str | None]:
        return {"localhost": self.exported.generation}

    def health(self) -> list[ServiceHealth]:
        return [
            ServiceHealth(service=row.service, color=row.color, wanted=row.replicas, running=row.replicas)
            for row in self.exported.services
        ]

    def preview_token(self) -> str:
        return "token"

    def certificate(self, load_balancer: str) -> str:
        return ""

    def fenced(self) -> tuple[str, ...]:
        return ()

    def fence_lost(self) -> tuple[str, ...]:
        return ()

    def log_tail(self, color: Color) -> list[str]:
        return []


class Whoami:
    def __init__(self, engine: FilesEngine) -> None:
        self.engine = engine

    def entrances(self) -> list[str]:
        return ["lb1"]

    def ask(self, page: Page, *, color: Color | None, entrance: str | None = None) -> Answer:
        answering = color or self.engine.spec.active
        version = self.engine.spec.settings.versions.of(answering)
        return Answer(status=200, body=f'{{"color": "{answering}", "version": "{version}"}}')


class Users(FakeMeter):
    """Users of both services of the demo."""

    def __init__(self, engine: FilesEngine, world: World) -> None:
        super().__init__(world)
        self.engine = engine

    def read(self, *, own):
        self.world.installed = self.engine.outputs().installed
        window = super().read(own=own)
        return replace(window, services=(window.services[0], replace(window.services[0], service="api")))


def ports(folder: Path, world: World, engine: FilesEngine, **more) -> Ports:
    return replace(
        world.ports(),
        **{
            "stack": "local",
            "engine": engine,
            "repository": Git(folder),
            "project": Files(folder, "local"),
            "meter": Users(engine, world),
            "prober": Whoami(engine),
            "applier": world.ports().applier.__class__(engine),
            **more,
        },
    )


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def shell(project: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """Return what runs a command of the real command line on the project."""
    engine = FilesEngine(project)
    monkeypatch.setattr(cli_release_run, "real_ports", lambda *_args, **_more: ports(project, world, engine))
    app = typer.Typer()
    cli_release.register(app, root=lambda: project, connect=lambda _spec: None)

    def run(*arguments: str, stack: str = "local", given: str | None = None):
        result = CliRunner().invoke(app, [*arguments, "--stack", stack], input=given)
        if result.exception and not isinstance(result.exception, SystemExit | ColorwayError):
            raise result.exception
        return result

    return run


def test_a_release_of_the_demo_from_the_command_line(shell, project: Path) -> None:
    result = shell("release", "2.0.0", "--yes")
    assert result.exit_code == ExitCode.DONE, result.output
    subjects = git(project, "log", "--reverse", "--format=%s").splitlines()[1:]
    assert subjects == [
        "Start 2.0.0 as green on local",
        "Send 10 % of local to green (2.0.0)",
        "Send 50 % of local to green (2.0.0)",
        "Send all traffic of local to green (2.0.0)",
    ], "git log tells the story"
    numbers = git(project, "log", "--format=", "--numstat", "-4").splitlines()
    assert numbers == [f"1\t1\t{FILE}"] * 4, "each commit changes exactly one line"
    assert git(project, "status", "--porcelain") == "", "nothing is left over"
    history = shell("history")
    assert "2.0.0" in history.output, "the release is in the history"
    assert "hot" in history.output, "and how it stands"


def test_reverting_the_last_commit_undoes_one_stage(shell, project: Path, world: World) -> None:
    shell("release", "2.0.0", "--yes")
    git(project, "revert", "--no-edit", "HEAD")
    status = read_release(root=project, stack="local", lock=None, now=world.clock.now())
    assert "50 % of the traffic, moved there by hand" in status.lines()[0], "status names what the file says"
    assert "colorway release 2.0.0 --stack local continues it" in status.helps, "and what helps"
    assert shell("release").exit_code == ExitCode.DONE, "and it can go on from there, without naming the version"


def test_traffic_that_a_person_moved_is_named_so(shell, project: Path, world: World) -> None:
    text = (project / FILE).read_text().replace("green: null", 'green: "2.0.0"')
    (project / FILE).write_text(text.replace("blue: 100, green: 0, active: blue", "blue: 90, green: 10, active: blue"))
    git(project, "commit", "--quiet", "-am", "Try 2.0.0")
    status = read_release(root=project, stack="local", lock=None, now=world.clock.now())
    assert status.lines() == (
        "traffic was moved by hand: 90:10; no release is under way",
        "release: colorway release 2.0.0 --stack local takes it from here, colorway rollback --stack local takes all "
        "traffic back to blue (1.0.0)",
    ), "and what helps"
    world.smoked.add((Color.GREEN, "2.0.0"))
    for command in ("release 2.0.0", "rollback"):
        result = shell(*command.split(), "--dry-run")
        assert result.exit_code == 0, f"{command} is what status says it is: {result.output}"


def test_a_rollback_from_the_command_line(shell, project: Path) -> None:
    shell("release", "2.0.0", "--yes")
    result = shell("rollback")
    assert result.exit_code == ExitCode.DONE, result.output
    assert (project / FILE).read_text() == START, "byte for byte as it was"
    assert "2.0.0 is rolled back" in result.output, "said plainly"
    again = shell("rollback")
    assert again.exit_code == ExitCode.REFUSED, "nothing more to roll back"
    assert "no release is under way" in again.output, "in one sentence"


ASKING = ["release 3.0.0", "rollback", "finish"]


@pytest.mark.parametrize("command", ASKING)
def test_at_a_terminal_every_command_of_a_release_asks_first(
    shell, project: Path, world: World, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    shell("release", "2.0.0", "--yes")
    monkeypatch.setattr(cli_release_run, "_at_a_terminal", lambda: True)
    if command != "rollback":
        world.clock.time += timedelta(days=365 * 50)  # commits have this machine's time: the hot time is over now
    (project / "releases/demo/3.0.0.yaml").write_text((project / "releases/demo/2.0.0.yaml").read_text())
    git(project, "add", ".")
    git(project, "commit", "--quiet", "-m", "Add 3.0.0")
    before = git(project, "rev-parse", "HEAD")
    refused = shell(*command.split(), given="n\n")
    assert "Go on?" in refused.output, "the plan is shown, and nothing is done without a word"
    assert refused.exit_code == 1
    assert git(project, "rev-parse", "HEAD") == before, "who says no changes nothing"
    agreed = shell(*command.split(), given="y\n")
    assert git(project, "rev-parse", "HEAD") != before, agreed.output


def test_yes_is_the_same_word_everywhere(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_release_run, "_at_a_terminal", lambda: True)
    for command in (["rollback"], ["finish"], ["release", "2.0.0"]):
        result = shell(*command, "--yes")
        assert "No such option" not in result.output, result.output
        assert "Go on?" not in result.output, "who said yes is not asked"


def test_a_dry_run_prints_the_plan_with_its_diffs(shell, project: Path) -> None:
    result = shell("release", "2.0.0", "--dry-run")
    assert result.exit_code == 0, result.output
    assert '    +  colorway:versions: {blue: "1.0.0", green: "2.0.0"}' in result.output, "the first diff"
    assert "    +  colorway:traffic: {blue: 0, green: 100, active: green}  # the line that moves" in result.output
    assert "watching green at 10 % for 20s" in result.output, "the bake"
    assert git(project, "log", "--format=%s") == "Begin", "nothing was committed"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["release", "2.0.1"], "did you mean 2.0.0?"),
        (["release", "1.0.0"], "blue runs 1.0.0 already"),
        (["release"], "no release is under way"),
        (["finish"], "nothing to finish"),
        (["release", "2.0.0", "--stages", "50,10"], "growing percentages"),
        (["release", "2.0.0", "--bake", "5"], "is no duration"),
    ],
)
def test_mistakes_are_one_sentence(shell, arguments: list[str], words: str) -> None:
    result = shell(*arguments)
    assert words in result.output.replace("\n", " ").replace("│", ""), "what is wrong, or that there is nothing to do"


def test_a_manifest_that_is_not_committed_is_no_version(shell, project: Path) -> None:
    shutil.copy(project / "releases/demo/2.0.0.yaml", project / "releases/demo/3.0.0.yaml")
    result = shell("release", "3.0.0", "--yes")
    assert result.exit_code == ExitCode.REFUSED, result.output
    assert "releases/demo/3.0.0.yaml: differs from HEAD" in result.output, "git would not have it"


@pytest.mark.parametrize(
    "file", ["templates/nginx.conf.j2", "components/web/tier.py", "images/demo/page.html", "__main__.py"]
)
def test_what_the_program_reads_must_be_committed(shell, project: Path, file: str) -> None:
    (project / file).parent.mkdir(parents=True, exist_ok=True)
    (project / file).write_text("an edit that nobody has looked at\n")
    result = shell("release", "2.0.0", "--yes")
    assert result.exit_code == ExitCode.REFUSED, result.output
    assert f"{file}: differs from HEAD" in result.output, "it would ship inside a one-line commit"


def test_a_broken_manifest_is_named_before_anything_is_done(shell, project: Path) -> None:
    (project / "releases/demo/3.0.0.yaml").write_text("migrations: [{id: 0001-initial}]\n")
    git(project, "add", ".")
    git(project, "commit", "--quiet", "-m", "Add 3.0.0")
    result = shell("release", "3.0.0", "--yes")
    assert result.exit_code == ExitCode.REFUSED, result.output
    assert "releases/demo/3.0.0.yaml:1: migrations.0.backward-compatible: is missing" in result.output, "where and what"


def test_a_leftover_edit_is_seen_in_the_status(shell, project: Path, world: World) -> None:
    shell("release", "2.0.0", "--yes")
    (project / FILE).write_text(
        (project / FILE).read_text().replace("blue: 0, green: 100, active: green", "blue: 100, green: 0, active: blue")
    )
    lines = read_release(root=project, stack="local", lock=None, now=world.clock.now()).lines()
    assert any("uncommitted edit of the line that releases move" in line for line in lines), "named"
    result = shell("rollback")
    assert result.exit_code == ExitCode.DONE, result.output
    assert any("restoring the stack file" in line for line in world.said), "and undone, with a word"


def test_status_of_a_stack_without_a_release_says_nothing(project: Path, world: World) -> None:
    status = read_release(root=project, stack="local", lock=None, now=world.clock.now())
    assert status.lines() == (), "nothing is under way"
    assert read_release(root=project, stack="none", lock=None, now=world.clock.now()) is None, "no such stack"


def page(path: str, *, name: str = "localhost.localdomain") -> Page:
    return Page(name=name, path=path)


NAMED = """
  portal:
    build: demo
    command: [python3, -m, demo, web]
    port: 8000
    routes: [{path: /, host: portal}, {path: /, domain: more}]
    health: {path: /healthz}
    ready-path: /readyz
    limits: {cpus: 1, memory: 192Mi}
"""


def test_a_service_is_tried_out_and_asked_under_its_own_name(project: Path) -> None:
    platform = project / "platforms/demo.yaml"
    text = platform.read_text().replace("\n  api:\n", f"{NAMED}  api:\n", 1)
    named = "    - {path: /hello, host: portal, status: 204}\n"
    platform.write_text(re.sub(r"(\n  smoke:\n)", rf"\1{named}", text))
    start = START.replace("{main: localhost.localdomain}", "{main: localhost.localdomain, more: example.org}")
    facts = Files(project, "local").facts(start, version="2.0.0")
    portal = "portal.localhost.localdomain"
    tried = [trial.page for trial in facts.smoke]
    assert tried[0] == page("/hello", name=portal), "as it is declared"
    assert page("/readyz", name=portal) in tried, "and its ready path, once"
    assert page("/readyz", name="example.org") not in tried
    assert facts.pages["portal"] == page("/hello", name=portal), (
        "a service that nobody asks could not be judged, and a good release would go back at the deadline"
    )


def test_the_demos_facts(project: Path) -> None:
    facts = Files(project, "local").facts(START, version="2.0.0")
    assert [trial.page for trial in facts.smoke] == [page("/whoami"), page("/api/whoami"), page("/readyz")], (
        "declared, and ready paths"
    )
    assert facts.pages == {"web": page("/whoami"), "api": page("/api/whoami")}, "a good page of each service"
    assert facts.judged == ("web", "api"), "what users can ask, no worker and no scheduler"
    assert all("2.0.0" in image for image in facts.images), "the images of the version that was asked for"
    assert facts.healthy_within > timedelta(seconds=60), "a color gets its start period"
    leftover = START.replace("blue: 100, green: 0, active: blue", "blue: 50, green: 50, active: blue")
    (project / FILE).write_text(leftover.replace("green: null", 'green: "2.0.0"'))
    assert Files(project, "local").facts(START, version=None).committed == facts.committed, (
        "HEAD counts, not the folder"
    )


def test_what_a_shared_service_answers_is_tried_out_and_judges_no_color(project: Path) -> None:
    platform = project / "platforms/demo.yaml"
    shared = (
        platform.read_text().replace("  api:\n", "  api:\n    kind: shared\n").replace("service: api", "service: web")
    )
    platform.write_text(shared)
    facts = Files(project, "local").facts(START, version="2.0.0")
    assert [trial.test.path for trial in facts.smoke] == ["/whoami", "/api/whoami", "/readyz"]
    assert facts.pages == {"web": page("/whoami")}, "requests to /api/ would count for no color"
    assert facts.judged == ("web",), "nor would its failures"
    assert len(facts.images) == 1, "a release pulls what it brings"


RENAMED = """
services:
  web: {env: {API_URL: "http://backend:8000"}}
  api: null
  backend:
    build: demo
    command: [python3, -m, demo, api]
    port: 8000
    routes: [{path: /api/}]
    health: {path: /healthz}
    ready-path: /readyz
    limits: {cpus: 1, memory: 192Mi}
"""


@pytest.mark.parametrize("green", ["null", '"2.0.0"'], ids=["before it starts", "while it is watched"])
def test_a_version_is_judged_by_the_services_that_it_has(project: Path, green: str) -> None:
    platform = project / "platforms/demo.yaml"
    platform.write_text(platform.read_text().replace("  service: api\n", "  service: web\n"))
    manifest = project / "releases/demo/2.0.0.yaml"
    manifest.write_text(manifest.read_text() + RENAMED)
    facts = Files(project, "local").facts(START.replace("green: null", f"green: {green}"), version="2.0.0")
    assert facts.judged == ("web", "backend"), "it would be held for ever for want of requests to one that it dropped"
    assert facts.pages == {"web": page("/whoami"), "backend": page("/api/whoami")}, "and is asked where it answers"


@pytest.fixture
def remote(project: Path, tmp_path: Path) -> Path:
    """Return a bare repository that the project pushes to; the stack says that CI applies."""
    text = START + "  colorway:release: {apply: ci}\n"
    assert not parse_document(text, name=FILE)[1], "still YAML"
    (project / FILE).write_text(text)
    git(project, "commit", "--quiet", "-am", "Let CI apply")
    bare = tmp_path / "remote.git"
    git(tmp_path, "init", "--quiet", "--bare", str(bare))
    git(project, "remote", "add", "origin", str(bare))
    git(project, "push", "--quiet", "-u", "origin", "HEAD:main")
    return bare


class Runner(FakeClock):
    """CI's runner: whenever somebody waits, it fetches what was pushed and applies that."""

    def __init__(self, engine: FilesEngine) -> None:
        super().__init__()
        self.engine, self.applied, self.is_down = engine, [], False

    def sleep(self, duration: timedelta) -> None:
        super().sleep(duration)
        if self.is_down:
            return
        folder = self.engine.folder
        before = git(folder, "rev-parse", "HEAD")
        git(folder, "pull", "--quiet", "origin", "main")
        now = git(folder, "rev-parse", "HEAD")
        if now != before:
            self.engine.up(continue_on_error=False)
            self.applied.append(git(folder, "log", "-1", "--format=%s"))


@pytest.fixture
def runner(remote: Path, tmp_path: Path) -> Runner:
    checkout = tmp_path / "runner"
    git(tmp_path, "clone", "--quiet", "--branch", "main", str(remote), str(checkout))
    return Runner(FilesEngine(checkout))


def ci_ports(project: Path, world: World, runner: Runner) -> Ports:
    made = ports(project, world, runner.engine, clock=runner)
    world.clock = runner
    applier = ApplyByCi(engine=runner.engine, repository=made.repository, clock=runner, reporter=made.reporter)
    return replace(made, applier=applier)


def test_ci_applies_every_commit_of_a_release(project: Path, world: World, runner: Runner) -> None:
    ending = execute(Request(goal=Goal.RELEASE, version="2.0.0"), ci_ports(project, world, runner))
    assert code_of(ending) == ExitCode.DONE, ending
    assert len(runner.applied) == 4, "each commit was pushed, and waited for"
    assert runner.engine.outputs().traffic.active is Color.GREEN, "by CI's own `up`"


def test_a_ci_that_does_not_come_is_waited_for_only_so_long(project: Path, world: World, runner: Runner) -> None:
    runner.is_down = True
    ending = execute(Request(goal=Goal.RELEASE, version="2.0.0"), ci_ports(project, world, runner))
    assert not isinstance(ending, Freeze) or "CI has not applied" in ending.reason, ending
    told = " ".join(world.said)
    assert "CI has not applied commit" in told, "with its commit"
    assert "within 30 min" in told, "and the limit"
    assert git(project, "log", "-1", "--format=%s").startswith("Turn green off"), "git says that it was undone"


def test_a_push_that_is_refused_holds_the_release_and_is_tried_again(
    project: Path, world: World, runner: Runner, remote: Path
) -> None:
    hook = remote / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho 'main is frozen' >&2\nexit 1\n")
    hook.chmod(0o755)
    ending = execute(Request(goal=Goal.RELEASE, version="2.0.0"), ci_ports(project, world, runner))
    assert isinstance(ending, Freeze), "a push is nobody's fault but git's"
    assert "git push was refused" in ending.reason, "and says so"
    hook.unlink()
    ending = execute(Request(goal=Goal.RESUME), ci_ports(project, world, runner))
    assert isinstance(ending, Done), "the next run pushes what was not pushed"
