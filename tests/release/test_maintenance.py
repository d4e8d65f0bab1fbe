"""Closing and opening in real repositories: one line, one commit, made live by what makes a release live."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from colorway.config.documents import parse_document
from colorway.errors import ColorwayError
from colorway.outputs import PlatformOutputs, platform_outputs
from colorway.release.plan.line import MAINTENANCE
from colorway.release.ports.git import Git
from colorway.release.run.maintenance import MESSAGE, Maintenance
from colorway.release.tell.maintenance import closed_since, links
from colorway.spec.platform_spec import PlatformSpec
from tests.support.specs import REMOTE_HOSTS, small_spec

FILE = "Pulumi.test.yaml"
BASE = "# ours\nconfig:\n  colorway:traffic: {blue: 100, green: 0, active: blue}  # moved by releases\n"
API, PORTAL = "example.com/api/", "portal.example.com/"


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True).stdout


def guarded(**edge):
    settings = {"environment": "production"}
    return small_spec(settings=settings, hosts=REMOTE_HOSTS, overrides={"edge": edge} if edge else None)


LIVE = {True: guarded(), False: small_spec()}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    (tmp_path / FILE).write_text(BASE)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "Begin")
    return tmp_path


@dataclass
class Stage:
    """A stack beside its repository, and what was done with it."""

    folder: Path
    spec: PlatformSpec = field(default_factory=small_spec)
    said: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    trouble: str | None = None
    """Why nothing can be made live."""
    is_installed: bool = True
    live: dict[str, str] = field(default_factory=dict)
    """What visitors read."""

    @property
    def maintenance(self) -> Maintenance:
        return Maintenance(spec=self.spec, ports=self)

    @property
    def closed(self) -> dict[str, str]:
        document, _ = parse_document((self.folder / FILE).read_text(), name=FILE)
        return document.section("config").data.get(MAINTENANCE, {})

    @property
    def subjects(self) -> list[str]:
        return git(self.folder, "log", "--reverse", "--format=%s").splitlines()[1:]

    # The ports.
    @property
    def repository(self):
        return Git(self.folder)

    @property
    def reporter(self):
        return SimpleNamespace(say=self.said.append)

    @property
    def lock(self):
        return SimpleNamespace(take=lambda **_: self.done.append("lock"), release=lambda: self.done.append("unlock"))

    @property
    def project(self):
        def facts(text, *, version):
            said = parse_document(text, name=FILE)[0].section("config").data.get(MAINTENANCE, {})
            small_spec(settings={"maintenance": said})
            return SimpleNamespace(files=(FILE,))

        return SimpleNamespace(facts=facts)

    @property
    def engine(self):
        live = PlatformOutputs.model_validate(platform_outputs(LIVE[self.spec.is_guarded], generation="abc"))
        live = live.model_copy(update={"maintenance": self.live})
        return SimpleNamespace(
            outputs=lambda: live if self.is_installed else None, maintenance_secret=lambda: "0123456789abcdef"
        )

    @property
    def applier(self):
        def apply(_facts, *, continue_on_error):
            if self.trouble:
                raise ColorwayError(self.trouble)
            self.done.append("live")
            return ()

        return SimpleNamespace(apply=apply)


@pytest.fixture
def stage(project: Path) -> Stage:
    return Stage(project)


def test_each_command_is_one_line_and_one_commit_under_the_lock(stage):
    stage.maintenance.on(None, message="Back at 14:00 UTC.", dry=False)
    assert stage.closed == {"everything": "Back at 14:00 UTC."}
    assert stage.done == ["lock", "live", "unlock"]
    assert git(stage.folder, "show", "--format=", "--numstat").split() == ["1", "0", FILE]
    message = git(stage.folder, "show", "--no-patch", "--format=%B")
    assert "Visitors read: Back at 14:00 UTC." in message
    assert "Back: colorway maintenance off test\n" in message, "a commit names the way back"
    stage.maintenance.off(None, dry=False)
    assert (stage.folder / FILE).read_text() == BASE, "not a byte is left of it"
    assert git(stage.folder, "show", "--format=", "--numstat").split() == ["0", "1", FILE]
    assert stage.subjects == [
        "Close for maintenance: everything of test",
        "Open again after maintenance: everything of test",
    ]
    assert stage.said[-1] == "everything of test is open"


def test_routes_are_closed_and_opened_one_by_one(stage):
    stage.maintenance.on("/api/", message=None, dry=False)
    stage.maintenance.on(f"https://{PORTAL}", message="Back soon.", dry=False)
    assert stage.closed == {API: MESSAGE, PORTAL: "Back soon."}
    assert git(stage.folder, "show", "--format=", "--numstat").split() == ["1", "1", FILE]
    stage.maintenance.on(PORTAL, message="Back at 14:00.", dry=False)
    assert stage.closed == {API: MESSAGE, PORTAL: "Back at 14:00."}, "and its words can be changed"
    stage.maintenance.off("/api/", dry=False)
    assert stage.closed == {PORTAL: "Back at 14:00."}
    stage.maintenance.on(None, message=None, dry=False)
    assert stage.closed == {"everything": MESSAGE}, "all of it, and the parts with it"
    assert len(stage.subjects) == 5


def test_what_is_said_already_makes_no_commit_and_is_made_live_all_the_same(stage):
    stage.trouble = "load balancer lb2 cannot be told"
    with pytest.raises(ColorwayError, match=r"cannot be told\ntest: the line is committed and not live") as caught:
        stage.maintenance.on(None, message=None, dry=False)
    assert "git revert HEAD && colorway up test goes back" in str(caught.value)
    assert stage.done == ["lock", "unlock"], "the lock is given back"
    stage.trouble = None
    stage.maintenance.on(None, message=None, dry=False)
    assert len(stage.subjects) == 1
    assert stage.done[-2:] == ["live", "unlock"], "the same command goes on"


def test_what_was_opened_and_is_not_live_is_opened_by_the_same_command(stage):
    stage.live = {API: MESSAGE}
    stage.maintenance.off("/api/", dry=False)
    assert stage.done == ["lock", "live", "unlock"]
    assert stage.subjects == [], "the commit is there already"


def test_an_edit_that_a_killed_run_left_is_committed(stage):
    stage.maintenance.on(None, message=None, dry=False)
    after = (stage.folder / FILE).read_text()
    git(stage.folder, "reset", "--hard", "HEAD^")
    (stage.folder / FILE).write_text(after)
    stage.maintenance.on(None, message=None, dry=False)
    assert git(stage.folder, "status", "--porcelain") == ""
    assert len(stage.subjects) == 1


def test_a_dry_run_prints_the_commit_and_changes_nothing(stage):
    stage.maintenance.on("/api/", message="Back soon.", dry=True)
    assert stage.said == [
        f"Close for maintenance: {API} of test",
        f'  +  colorway:maintenance: {{{API}: "Back soon."}}',
        "nothing was changed",
    ]
    assert (stage.done, stage.subjects) == ([], [])


@pytest.mark.parametrize(
    ("prepare", "command", "sentence"),
    [
        ({}, ("on", "/apis/"), "test: example.com/apis/ is no route; did you mean example.com/api/?"),
        ({}, ("off", "/api/"), "test: example.com/api/ is not closed by itself; closed is: nothing"),
        ({"is_installed": False}, ("on", None), "test: nothing is installed; colorway up test"),
        (
            {"spec": small_spec(traffic="90:10")},
            ("on", None),
            "test: its files say more than is live, and that would go along: traffic 100:0 → 90:10 (blue:green), the "
            "load balancers reload, no task restarts; colorway status test names the command that helps",
        ),
        (
            {"spec": guarded(**{"maintenance-secret": "cache-password"})},
            ("on", None),
            "Pulumi.test.yaml: secrets:cache-password is not set, and the link past the page ends with it; pulumi "
            'config set --secret secrets:cache-password --stack test "$(openssl rand -hex 24)"',
        ),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_changes_nothing(project, prepare, command, sentence):
    stage = Stage(project, **prepare)
    verb, place = command
    with pytest.raises(ColorwayError) as caught:
        stage.maintenance.on(place, message=None, dry=False) if verb == "on" else stage.maintenance.off(
            place, dry=False
        )
    assert str(caught.value) == sentence
    assert stage.subjects == []
    assert "live" not in stage.done


def test_a_part_of_what_is_closed_as_a_whole_is_neither_closed_nor_opened(stage):
    stage.maintenance.on(None, message=None, dry=False)
    with pytest.raises(ColorwayError, match=r"everything is closed already, example\.com/api/ with it"):
        stage.maintenance.on("/api/", message=None, dry=False)
    with pytest.raises(ColorwayError, match="closed is: everything; colorway maintenance off test opens it"):
        stage.maintenance.off("/api/", dry=False)


def test_other_edits_do_not_go_along(stage):
    (stage.folder / FILE).write_text(BASE.replace("100", "90"))
    with pytest.raises(ColorwayError, match=r"Pulumi\.test\.yaml: has edits that are not committed"):
        stage.maintenance.on(None, message=None, dry=False)


def test_since_when_is_the_time_of_the_commit_that_closed_it(stage, monkeypatch):
    for hour, act in enumerate(
        (
            lambda: stage.maintenance.on("/api/", message=None, dry=False),
            lambda: stage.maintenance.on(PORTAL, message=None, dry=False),
            lambda: stage.maintenance.on("/api/", message="Other words.", dry=False),
        )
    ):
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"2026-11-28T1{hour}:00:00Z")
        act()
    found = {place: time.hour for place, time in closed_since(Git(stage.folder), FILE).items()}
    assert found == {API: 10, PORTAL: 11}, "other words, or another place, do not count"
    stage.maintenance.off("/api/", dry=False)
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-11-28T19:00:00Z")
    stage.maintenance.on("/api/", message=None, dry=False)
    assert closed_since(Git(stage.folder), FILE)[API].hour == 19, "what was open in between does not count"


def test_the_link_is_printed_for_each_domain_and_only_where_there_is_one(stage):
    spec = guarded(**{"maintenance-secret": "cache-password", "https-port": 8443})
    spec = replace_domains(spec, {"main": "example.com", "other": "example.org"})
    assert links(spec, engine=stage.engine) == [
        "https://example.com:8443/.colorway/maintenance/0123456789abcdef",
        "https://example.org:8443/.colorway/maintenance/0123456789abcdef",
    ]
    with pytest.raises(ColorwayError, match=r"platforms/small\.yaml: edge\.maintenance-secret names no secret"):
        links(small_spec(), engine=stage.engine)


def replace_domains(spec, domains):
    return spec.model_copy(update={"settings": spec.settings.model_copy(update={"domains": domains})})
