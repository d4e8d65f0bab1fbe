"""CI's own files: pinned, no more rights than needed, and calling only what exists."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from tests.support.wait import wait_until

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
RUN = ROOT / ".ci" / "run"


def load(path):
    return yaml.load(path.read_text(), Loader=yaml.BaseLoader)


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


def commands():
    """What CI runs, as one text per file."""
    texts = {path.name: "\n".join(step.get("run", "") for step in steps(load(path))) for path in WORKFLOWS}
    return {**texts, "run": RUN.read_text(), "Makefile": (ROOT / "Makefile").read_text()}


def make_targets():
    return set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def cli_commands():
    """The names that Typer gives the commands: read, not imported, so that this test needs no engine."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / "colorway" / "cli" / "stack.py").read_text())):
        if isinstance(node, ast.FunctionDef) and any("app.command" in ast.unparse(one) for one in node.decorator_list):
            given = re.search(r"command\('([a-z-]+)'", " ".join(map(ast.unparse, node.decorator_list)))
            names.add(given[1] if given else node.name.rstrip("_").replace("_", "-"))
    return names


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def workflow(request):
    return load(request.param)


def test_there_are_workflows():
    assert {path.stem for path in WORKFLOWS} >= {"test", "preview", "up"}, "tests, previews and ups run in CI"


def test_every_job_says_what_its_token_may_do(workflow):
    assert "permissions" in workflow, "the default token may write everything"
    for name, job in workflow["jobs"].items():
        granted = job.get("permissions", workflow["permissions"])
        assert isinstance(granted, dict), f"{name}: name each right; write-all is none"
        if "write" in granted.values():
            used = " ".join(step.get("uses", "") + step.get("run", "") for step in job["steps"])
            assert "actions/checkout" not in used, f"{name}: a job with a writing token runs none of the branch's code"


def test_every_action_is_pinned_by_commit(workflow):
    uses = [one["uses"] for one in [*workflow["jobs"].values(), *steps(workflow)] if "uses" in one]
    for action in uses:
        assert action.startswith("./") or re.search(r"@[0-9a-f]{40}$", action), f"{action}: a tag can be moved"


def test_every_job_has_a_time_limit(workflow):
    for name, job in workflow["jobs"].items():
        assert "uses" in job or int(job["timeout-minutes"]) <= 60, f"{name}: six hours is GitHub's default"


def test_no_checkout_leaves_the_token_behind(workflow):
    for step in steps(workflow):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false", "later steps could read it from .git"


def test_no_script_is_built_from_an_expression(workflow):
    for step in steps(workflow):
        assert "${{" not in step.get("run", ""), "a branch's name could become shell; pass it by environment"


def test_forks_never_meet_a_secret():
    for path in WORKFLOWS:
        assert "pull_request_target" not in path.read_text(), f"{path.name}: it gives a fork's code the secrets"
    preview = load(ROOT / ".github" / "workflows" / "preview.yml")
    same_repository = "github.event.pull_request.head.repo.full_name == github.repository"
    assert preview["jobs"]["stacks"]["if"] == same_repository, "the first of the chain decides"
    for name in ("preview", "comment"):
        assert "stacks" in preview["jobs"][name]["needs"], f"{name} runs only after that decision"


def test_ups_of_one_stack_never_overlap():
    job = load(ROOT / ".github" / "workflows" / "up.yml")["jobs"]["up"]
    assert job["concurrency"] == {"group": "up-${{ matrix.stack }}", "cancel-in-progress": "false"}, (
        "one at a time, whole"
    )
    assert job["environment"] == "${{ matrix.stack }}", "credentials and reviewers belong to the stack"


def test_only_make_targets_that_exist_are_called():
    for name, text in commands().items():
        called = set(re.findall(r"^[^#\"]*\bmake ([a-z][a-z0-9-]*)", text, re.MULTILINE))
        assert called <= make_targets(), f"{name} calls targets that the Makefile does not have"


def test_only_commands_that_exist_are_called():
    for name, text in commands().items():
        called = set(re.findall(r"-m colorway ([a-z][a-z-]*)", text))
        assert called <= cli_commands(), f"{name} calls commands that colorway does not have"


# --- which stacks a range of commits touches


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A clone in small: four stacks of hosts, of two platforms, and two that are not."""
    monkeypatch.chdir(tmp_path)
    for stack, environment, platform in [
        ("local", "local", "demo"),
        ("rehearsal", "lab", "demo"),
        ("staging", "staging", "a"),
        ("production", "production", "a"),
        ("portal", "production", "b"),
        ("preproduction", "staging", "b"),
    ]:
        Path(f"Pulumi.{stack}.yaml").write_text(
            f'config:\n  colorway:environment: {environment}\n  colorway:platform: "{platform}"\n'
        )
    for folder in ("platforms", "releases/a", "components", "docs"):
        Path(folder).mkdir(parents=True)
    git("init", "--quiet", "--initial-branch", "main")
    commit("README.md")
    return tmp_path


def git(*arguments):
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    done = subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(path):
    with Path(path).open("a") as file:
        file.write("# changed\n")
    git("add", ".")
    git("commit", "--quiet", "--message", path)


def touched(start):
    [script] = [step["run"] for step in steps(load(ROOT / ".github" / "workflows" / "stacks.yml")) if "run" in step]
    output = Path("output")
    output.unlink(missing_ok=True)
    environment = {**os.environ, "FROM": start, "GITHUB_OUTPUT": str(output)}
    subprocess.run(["bash", "-eo", "pipefail", "-c", script], check=True, env=environment, capture_output=True)
    return output.read_text().strip()


@pytest.mark.skipif(shutil.which("jq") is None, reason="the script needs jq, which GitHub's runners have")
@pytest.mark.parametrize(
    ("path", "stacks"),
    [
        ("Pulumi.production.yaml", '["production"]'),
        ("Pulumi.local.yaml", "[]"),
        ("platforms/a.yaml", '["staging","production"]'),
        ("releases/a/2.0.0.yaml", '["staging","production"]'),
        ("platforms/b.yaml", '["preproduction","portal"]'),
        ("components/web.py", '["staging","preproduction","production","portal"]'),
        ("docs/one.md", "[]"),
    ],
)
def test_a_commit_touches_the_stacks_that_read_the_file(repository, path, stacks):
    start = git("rev-parse", "HEAD")
    commit(path)
    assert touched(start) == f"stacks={stacks}", "staging comes first, local and lab never"


@pytest.mark.skipif(shutil.which("jq") is None, reason="the script needs jq, which GitHub's runners have")
@pytest.mark.parametrize("start", ["", "0" * 40])
def test_an_unknown_start_touches_all_stacks(repository, start):
    every = '["staging","preproduction","production","portal"]'
    assert touched(start) == f"stacks={every}", "better one `up` too many than one too few"


# --- .ci/run, with a Makefile and a colorway that only pretend

MAKEFILE = """\
set-up:
\t@echo set up
test:
\t@echo '===== 3 passed in 0.10s ====='
\t@test ! -e fail-test
e2e:
\t@sleep 1000 & echo $$! > daemon
\t@test ! -e hang || { touch hanging; sleep 1000; }
\t@echo '===== 5 passed, 1 skipped in 61.00s (0:01:01) ====='
\t@test ! -e fail-e2e
"""


@pytest.fixture
def clone(tmp_path):
    for path, text in (
        ("Makefile", MAKEFILE),
        (".venv/bin/python", '#!/bin/sh\necho "$@" >> called\n'),
        (".ci/run", RUN.read_text()),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
        (tmp_path / path).chmod(0o755)
    yield tmp_path
    if (tmp_path / "daemon").exists():
        # On a busy machine its own time may be over.
        with suppress(ProcessLookupError):
            os.kill(int((tmp_path / "daemon").read_text()), 9)


def run_ci(clone):
    return subprocess.run([clone / ".ci/run"], capture_output=True, text=True, timeout=60, cwd="/", check=False)


def test_the_ci_script_ends_with_the_runners_own_closing_lines(clone):
    done = run_ci(clone)
    assert done.returncode == 0, f"all passed: {done.stderr}"
    assert done.stdout.splitlines()[-2:] == [
        "===== 3 passed in 0.10s =====",
        "===== 5 passed, 1 skipped in 61.00s (0:01:01) =====",
    ], "word for word, although a daemon of the run is still alive"


@pytest.mark.parametrize("part", ["test", "e2e"])
def test_the_ci_script_fails_if_one_part_fails_and_still_runs_the_rest(clone, part):
    (clone / f"fail-{part}").touch()
    done = run_ci(clone)
    assert done.returncode == 1, "a failure must reach the caller"
    assert "5 passed" in done.stdout, "both parts ran"
    assert (clone / "called").read_text().splitlines() == [
        "-m tests.support.leftovers",
        "-m colorway down local --data --yes",
        "-m colorway teardown",
    ], "what the run started is stopped after a failure, too"


def test_the_ci_script_that_is_told_to_end_stops_what_runs_and_tidies_up(clone):
    (clone / "hang").touch()
    with subprocess.Popen([clone / ".ci/run"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
        wait_until((clone / "hanging").exists, limit=60, what="the e2e tests run")
        run.terminate()
        said, _ = run.communicate(timeout=60)
    assert run.returncode == 143, f"whoever ended it sees that:\n{said}"
    assert "-m tests.support.leftovers" in (clone / "called").read_text(), "killed tests could not remove their stacks"
    assert "e2e: ended before its tests did" in said.splitlines()[-1], "no closing line that nobody printed"


def test_the_ci_script_ends_within_65_minutes():
    text = RUN.read_text()
    (limit,) = re.findall(r"LIMIT=(\d+)", text)
    (patience,) = re.findall(r"PATIENCE=(\d+)", text)
    (kept,) = re.findall(r"LIMIT - (\d+) - SECONDS", text)
    ends = [int(seconds) for seconds in re.findall(r"^ +part \w+ (\d+) .* \|\| true$", text, re.MULTILINE)]
    assert int(limit) <= 65 * 60, "the limit of the whole"
    assert int(patience) + sum(ends) <= int(kept), "what comes after the tests fits into what is kept for it"
