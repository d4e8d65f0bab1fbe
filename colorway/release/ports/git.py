"""The project's git repository, through the git command; never through a shell."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from colorway.errors import ColorwayError
from colorway.release.plan.trailers import FORMAT, Note, ReleaseCommit, parse_log

IDENTITY = (("user.name", "colorway"), ("user.email", "colorway@localhost"))
"""Who commits where nobody is configured."""
TIME_LIMIT = 300
"""Seconds for one git command, hooks included."""
LOCAL_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
"""Set by git for its hooks; inherited, they would point at another repository."""
_PASSWORD = re.compile(r"(?<=//)[^/@\s]+@")


class GitError(ColorwayError):
    """Git refused; the message says what, why in git's or the hook's last line, and what was undone."""


@dataclass(frozen=True)
class Git:
    """The repository that holds a project."""

    root: Path
    """The project's folder."""

    def head(self) -> str:
        """Return the commit that HEAD is at.

        Raises:
            GitError: the folder is no repository, or has no commit.
        """
        return self._ask("rev-parse", "--verify", "HEAD^{commit}", what="the project has no git commit to release from")

    def user(self) -> str:
        """Return who works here: the committer's name, or the fallback's."""
        return self._run("config", "user.name").stdout.strip() or IDENTITY[0][1]

    def changed(self, paths: Sequence[str]) -> tuple[str, ...]:
        """Return the files below some paths that differ from HEAD, those that git does not know included."""
        text = self._ask("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--", *paths)
        return tuple(record[3:] for record in text.split("\x00") if record)

    def text_at_head(self, file: str) -> str:
        """Return a file as it is committed.

        Raises:
            GitError: HEAD does not have it.
        """
        return self.text_at("HEAD", file)

    def text_at(self, commit: str, file: str) -> str:
        """Return a file as a commit has it.

        Raises:
            GitError: the commit does not have it.
        """
        done = self._run("cat-file", "--filters", f"{commit}:./{file}")
        if done.returncode:
            raise GitError(f"{file}: is not committed; a release is a commit to it, so add and commit it first")
        return done.stdout

    def text_here(self, file: str) -> str:
        """Return a file as it is in the working tree, empty where it is gone."""
        path = self.root / file
        return path.read_bytes().decode(errors="replace") if path.is_file() else ""

    def releases(self, file: str) -> tuple[ReleaseCommit, ...]:
        """Return the commits of releases that touched a file, newest first."""
        return parse_log(self._ask("log", "-z", "--no-show-signature", f"--format={FORMAT}", "--", file))

    def edits(self, file: str, key: str) -> tuple[tuple[str, datetime], ...]:
        """Return the commits that changed a key's line of a file, newest first, each with its time, UTC."""
        text = self._ask("log", "--no-show-signature", "--format=%H %ct", f"-G{re.escape(key)}", "--", file)
        rows = (line.split() for line in text.splitlines())
        return tuple((sha, datetime.fromtimestamp(int(seconds), tz=UTC)) for sha, seconds in rows)

    def restore(self, file: str, *, text: str) -> None:
        """Undo an uncommitted edit: write a file as HEAD has it."""
        _write(self.root / file, text)

    def commit_edit(self, file: str, *, before: str, after: str, message: Note, head: str) -> str:
        """Edit one file and commit it alone; both or neither.

        Args:
            file: Path below the project.
            before: What HEAD has; what the edit was made from.
            after: The edited text.
            message: The commit's message.
            head: Commit that `before` was read from.

        Returns:
            The new commit.

        Raises:
            GitError: HEAD has moved, the file was changed meanwhile, or git or a hook refused; the edit is undone.
        """
        if self.head() != head or self.text_here(file) not in {before, after}:
            raise GitError(f"{file}: somebody committed or edited it meanwhile; nothing was changed, run again")
        _write(self.root / file, after)
        try:
            self.commit_only(file, message=message)
        except GitError:
            if self.text_at_head(file) != after:
                self.restore(file, text=before)
                raise
        made = self.head()
        if self._run("rev-parse", "--verify", f"{made}^").stdout.strip() != head:
            raise GitError(
                f"{file}: somebody else committed in the same moment; look at `git log`, then run the command again"
            )
        return made

    def commit_only(self, file: str, *, message: Note) -> None:
        """Commit one file and nothing else, whatever is staged besides.

        Raises:
            GitError: git or a hook refused.
        """
        arguments = ["commit", "--only", "--quiet", "--cleanup=whitespace", "--file=-", "--", file]
        done = self._run(*self._identity(), *arguments, stdin=message.text())
        if done.returncode:
            raise GitError(
                f"{file}: git commit was refused, by a hook perhaps: {_last_line(done)}; "
                "the edit is undone; repair that and run the command again"
            )

    def push(self) -> None:
        """Push the branch to its upstream; one that has none gets it, on the only remote or `origin`.

        Raises:
            GitError: there is no branch or no remote, or the remote refused.
        """
        branch = self._ask("symbolic-ref", "--short", "HEAD", what="HEAD is on no branch, so CI would not see a push")
        remote = self._run("config", f"branch.{branch}.remote").stdout.strip()
        target = self._run("config", f"branch.{branch}.merge").stdout.strip()
        if remote and target:
            done = self._run("push", "--quiet", remote, f"HEAD:{target}")
        else:
            done = self._run("push", "--quiet", "--set-upstream", self._only_remote(), f"HEAD:refs/heads/{branch}")
        if done.returncode:
            raise GitError(
                f"git push was refused: {_last_line(done)}; the commit is in this repository only; "
                "repair that (git pull --rebase, perhaps) and run the command again"
            )

    def _only_remote(self) -> str:
        remotes = self._run("remote").stdout.split()
        if len(remotes) == 1 or "origin" in remotes:
            return "origin" if "origin" in remotes else remotes[0]
        raise GitError("CI applies this stack, and the repository has no remote to push to; add one as origin")

    def _identity(self) -> list[str]:
        """Return the options that stand in for what the user has not configured; git's own variables win over them."""
        missing = [(key, value) for key, value in IDENTITY if not self._run("config", key).stdout.strip()]
        return [part for key, value in missing for part in ("-c", f"{key}={value}")]

    def _ask(self, *arguments: str, what: str = "git does not answer") -> str:
        done = self._run(*arguments)
        if done.returncode:
            raise GitError(f"{what}: {_last_line(done)}")
        return done.stdout.strip("\n")

    def _run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name not in LOCAL_VARIABLES}
        environment |= {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
        try:
            done = subprocess.run(
                ["git", "-C", str(self.root), *arguments],
                input=stdin.encode(),
                capture_output=True,
                env=environment,
                timeout=TIME_LIMIT,
                check=False,
            )
        except FileNotFoundError:
            raise GitError("git is not installed, and a release is a commit; install git") from None
        except subprocess.TimeoutExpired:
            raise GitError(f"git {arguments[0]} did not end within {TIME_LIMIT} s; look at its hooks") from None
        # Not by subprocess: it would turn the line ends of a file into its own.
        out, err = (raw.decode(errors="replace") for raw in (done.stdout, done.stderr))
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def _write(path: Path, text: str) -> None:
    """Replace a file in one step: whoever is killed here leaves the old text or the new one."""
    mode = path.stat().st_mode if path.exists() else 0o644
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise GitError(f"{path.name}: cannot be written ({error.strerror})") from error


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last thing that git or a hook said, without the password that a remote's address may hold."""
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return _PASSWORD.sub("", lines[-1][:300]) if lines else f"exit code {done.returncode}"
