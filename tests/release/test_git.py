"""Git in real repositories: one line a commit, all or nothing, whatever stands in the way."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from colorway.release.plan.trailers import Message, ReleaseCommit, Trailers, parse_log
from colorway.release.ports.git import Git, GitError

FILE = "Pulumi.test.yaml"
BEFORE = "config:\n  colorway:traffic: {blue: 100, green: 0, active: blue}\n"
AFTER = BEFORE.replace("blue: 100, green: 0", "blue: 90, green: 10")


def message(step: str = "10", body: tuple[str, ...] = ("Back: colorway rollback --stack test",)) -> Message:
    trailers = Trailers(platform="demo", version="2.0.0", step=step, previous="1.0.0")
    return Message(subject="Send 10 % of test to green", body=body, trailers=trailers)


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture(autouse=True)
def _own_git_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    (tmp_path / "gitconfig").write_text("[init]\ndefaultBranch = main\n")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / FILE).write_text(BEFORE)
    (folder / "other.txt").write_text("one\n")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "Begin")
    return folder


def hook(project: Path, name: str, script: str) -> None:
    path = project / ".git/hooks" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def edit(repository: Git, *, head: str | None = None, body: tuple[str, ...] = ("Back: colorway rollback",)) -> str:
    return repository.commit_edit(
        FILE, before=BEFORE, after=AFTER, message=message(body=body), head=head or repository.head()
    )


def test_a_commit_holds_one_line_and_nothing_that_was_staged(project: Path) -> None:
    (project / "other.txt").write_text("two\n")
    git(project, "add", "other.txt")
    made = edit(Git(project))
    assert made == git(project, "rev-parse", "HEAD").strip(), "the commit that was made is returned"
    assert git(project, "show", "--format=", "--numstat", "HEAD").split() == ["1", "1", FILE], "one line of one file"
    assert git(project, "diff", "--cached", "--name-only").strip() == "other.txt", "what was staged stays staged"
    assert (project / FILE).read_text() == AFTER, "the working tree has the edit"


def test_what_was_written_is_read_back(project: Path) -> None:
    repository = Git(project)
    sneaky = ("log of green:", "  | Colorway-Step: finish", "# a comment?", "", "Back: colorway rollback --stack test")
    edit(repository, body=sneaky)
    [found] = repository.releases(FILE)
    assert (found.platform, found.version, found.step, found.previous, found.percent) == (
        "demo",
        "2.0.0",
        "10",
        "1.0.0",
        10,
    ), "a log line in the body is no trailer"
    assert found.author == "colorway", "nobody is configured, so the tool commits as itself"
    assert "# a comment?" in git(project, "log", "-1", "--format=%b"), "evidence is kept as it is"


def test_releases_of_another_stack_are_not_ours(project: Path) -> None:
    edit(Git(project))
    assert Git(project).releases("Pulumi.other.yaml") == (), "each stack has its own story"


def test_a_configured_name_is_used(project: Path) -> None:
    git(project, "config", "user.name", "Ana")
    edit(Git(project))
    assert git(project, "log", "-1", "--format=%an %ae").strip() == "Ana colorway@localhost", "only what lacks is lent"


def test_a_hook_that_refuses_is_quoted_and_the_edit_is_undone(project: Path) -> None:
    hook(project, "pre-commit", "echo first >&2; echo 'no commits on Friday' >&2; exit 1")
    repository, head = Git(project), git(project, "rev-parse", "HEAD").strip()
    with pytest.raises(GitError, match="no commits on Friday"):
        edit(repository)
    assert repository.head() == head, "no commit"
    assert (project / FILE).read_text() == BEFORE, "no leftover edit"
    assert repository.changed([FILE]) == (), "not even staged"


def test_a_head_that_moved_is_refused(project: Path) -> None:
    repository = Git(project)
    head = repository.head()
    git(project, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--allow-empty", "-m", "Meanwhile")
    with pytest.raises(GitError, match="meanwhile"):
        edit(repository, head=head)
    assert (project / FILE).read_text() == BEFORE, "nothing was edited"


def test_somebody_elses_edit_is_not_overwritten(project: Path) -> None:
    (project / FILE).write_text(BEFORE + "# mine\n")
    with pytest.raises(GitError, match="meanwhile"):
        edit(Git(project))
    assert (project / FILE).read_text().endswith("# mine\n"), "somebody's work stays"


def test_an_edit_that_a_killed_run_left_is_committed(project: Path) -> None:
    (project / FILE).write_text(AFTER)
    edit(Git(project))
    assert Git(project).changed([FILE]) == (), "committed"


def test_a_commit_that_somebody_slips_in_is_noticed(project: Path) -> None:
    hook(
        project,
        "pre-commit",
        "rm .git/hooks/pre-commit; unset GIT_INDEX_FILE;"
        " git -c user.name=a -c user.email=a@b commit --quiet --allow-empty -m Slip",
    )
    with pytest.raises(GitError, match=r"same moment|refused"):
        edit(Git(project))


def test_line_ends_and_file_mode_stay(project: Path) -> None:
    before, after = BEFORE.replace("\n", "\r\n"), AFTER.replace("\n", "\r\n")
    (project / FILE).write_bytes(before.encode())
    (project / FILE).chmod(0o600)
    git(project, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-am", "Other line ends")
    repository = Git(project)
    assert repository.text_at_head(FILE) == before, "read byte by byte"
    repository.commit_edit(FILE, before=before, after=after, message=message(), head=repository.head())
    assert (project / FILE).read_bytes() == after.encode(), "written byte by byte"
    assert (project / FILE).stat().st_mode & 0o777 == 0o600, "the mode stays"
    assert git(project, "show", "--format=", "--numstat", "HEAD").split() == ["1", "1", FILE], "one line"


def test_only_files_that_a_release_reads_count_as_changed(project: Path) -> None:
    (project / "other.txt").write_text("two\n")
    (project / "releases").mkdir()
    (project / "releases/3.0.0.yaml").write_text("{}\n")
    assert Git(project).changed([FILE, "releases"]) == ("releases/3.0.0.yaml",), "a manifest unknown to git would count"


def test_a_file_that_is_not_committed_is_named(project: Path) -> None:
    with pytest.raises(GitError, match=r"Pulumi\.new\.yaml: is not committed"):
        Git(project).text_at_head("Pulumi.new.yaml")


def test_a_folder_without_git_is_named(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="no git commit"):
        Git(tmp_path).head()


def test_a_push_gives_the_branch_an_upstream(project: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "remote.git")
    git(project, "remote", "add", "origin", str(tmp_path / "remote.git"))
    made = edit(Git(project))
    Git(project).push()
    assert git(tmp_path / "remote.git", "rev-parse", "main").strip() == made, "pushed"
    assert git(project, "rev-parse", "--abbrev-ref", "@{upstream}").strip() == "origin/main", "with its upstream"
    Git(project).push()


def test_a_push_that_is_refused_says_why(project: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "remote.git")
    hook_file = tmp_path / "remote.git/hooks/pre-receive"
    hook_file.write_text("#!/bin/sh\necho 'main is protected' >&2\nexit 1\n")
    hook_file.chmod(0o755)
    git(project, "remote", "add", "origin", str(tmp_path / "remote.git"))
    edit(Git(project))
    with pytest.raises(GitError, match="git push was refused"):
        Git(project).push()


def test_a_push_without_a_remote_says_what_is_missing(project: Path) -> None:
    with pytest.raises(GitError, match="no remote to push to"):
        Git(project).push()


def test_a_password_in_a_remote_address_is_never_shown(project: Path) -> None:
    git(project, "remote", "add", "origin", "http://ana:hunter2@127.0.0.1:9/x.git")
    with pytest.raises(GitError) as caught:
        Git(project).push()
    assert "hunter2" not in str(caught.value), "errors end in logs"


def test_commits_with_broken_trailers_are_left_out() -> None:
    good = "a\x1f10\x1fAna\x1fStart\x1fdemo/2.0.0\x1fstart\x1f1.0.0"
    bad = "b\x1f20\x1fAna\x1fOdd\x1fdemo/2.0.0\x1f120\x1f1.0.0"
    other = "c\x1f30\x1fAna\x1fFix a typo\x1f\x1f\x1f"
    assert [commit.sha for commit in parse_log(f"{good}\x00{bad}\x00{other}")] == ["a"], "only ours, only whole"
    assert isinstance(parse_log(good)[0], ReleaseCommit), "typed"
