"""`up` and `down` around an engine that fails: what is mended, what is said, what is left alone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest
from pulumi import automation as auto
from pulumi.automation._cmd import CommandResult
from pulumi.automation.errors import ConcurrentUpdateError
from pulumi.automation.events import DiagnosticEvent, EngineEvent

from colorway.engine import operations
from colorway.engine.operations import Engine, EngineError
from colorway.engine.plugins import PluginChoice
from colorway.engine.state import read_deployment
from colorway.errors import ColorwayError
from colorway.outputs import OUTPUT, platform_outputs
from tests.support.specs import ROOT, small_spec

SERVICE = "urn:pulumi:test::colorway::docker:index/service:Service::shop-green-service"
APPLY = "urn:pulumi:test::colorway::command:local:Command::routing-apply-localhost-run"
DEADLINE = f"deleting {SERVICE}: 1 error occurred:\n\t* error on wait for container: context deadline exceeded"
GONE = f"deleting {SERVICE}: 1 error occurred:\n\t* service not found"


def failed(text="error: update failed"):
    return auto.CommandError(CommandResult(stdout="", stderr=text, code=255))


def locked(pid):
    owner = f"root@{socket.gethostname()} (pid {pid})"
    text = f"error: the stack is currently locked by 1 lock(s). file: created by {owner} at now"
    return ConcurrentUpdateError(CommandResult(stdout="", stderr=text, code=255))


class FakeStack:
    """A stack whose operations fail as they are told, in order."""

    def __init__(self, *fates):
        self.fates = list(fates)
        self.done = []
        self.workspace = self

    def up(self, *, on_event, replace=None, continue_on_error=None):
        self._operate(("up", tuple(replace or ()), continue_on_error), on_event)

    def destroy(self, *, on_event):
        self._operate(("destroy",), on_event)

    def preview(self, *, on_event):
        self._operate(("preview",), on_event)

    def refresh(self, *, target, clear_pending_creates, run_program):
        assert clear_pending_creates, "a create that was killed is either there or not"
        assert not run_program, "a refresh asks the swarm, not the program"
        self.done.append(("refresh", tuple(target or ())))

    def cancel(self):
        self.done.append(("cancel",))

    def remove_stack(self, name, *, preserve_config):
        assert preserve_config, "the stack's file is the user's"
        self.done.append(("remove", name))

    def _operate(self, what, on_event):
        self.done.append(what)
        fate = self.fates.pop(0) if self.fates else None
        if isinstance(fate, str):
            diagnostic = DiagnosticEvent(message=fate, color="", severity="error")
            on_event(EngineEvent(sequence=1, timestamp=0, diagnostic_event=diagnostic))
            raise failed()
        if fate:
            raise fate


class FakeSwarm:
    """A swarm whose load balancer serves one generation."""

    def __init__(self, live=None):
        self.live = live

    def live_generation(self, _service):
        return self.live

    def named_objects(self, _stack):
        return set()


class Case:
    """An engine on a fake stack, and what it said."""

    def __init__(self, monkeypatch, *fates, spec=None, deployment=None, live=None):
        self.said = []
        self.stack = FakeStack(*fates)
        self.engine = Engine(
            root=ROOT,
            pulumi=ROOT / "pulumi",
            plugins=PluginChoice(path_prefix=None, sentence=""),
            spec=spec or small_spec(),
            say=self.said.append,
            swarm=FakeSwarm(live),
        )
        monkeypatch.setattr(operations, "stack_of", lambda **_given: self.stack)
        monkeypatch.setattr(operations, "read_state", lambda *_stack, **_given: read_deployment(deployment))
        monkeypatch.setattr(operations, "watched_tasks", nobody_watches)

    @property
    def operations(self):
        return [done[0] for done in self.stack.done]


@contextmanager
def nobody_watches(*_args, **_given):
    yield {}


@pytest.fixture
def case(monkeypatch):
    return lambda *fates, **given: Case(monkeypatch, *fates, **given)


@pytest.fixture(scope="module")
def dead():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def installed(spec, *resources, pending=()):
    stack = {
        "urn": "urn:pulumi:test::colorway::pulumi:pulumi:Stack::colorway-test",
        "type": "pulumi:pulumi:Stack",
        "outputs": {OUTPUT: platform_outputs(spec, generation="abc")},
    }
    service = {"urn": SERVICE, "type": "docker:index/service:Service", "custom": True}
    return {
        "resources": [stack, service, *resources],
        "pending_operations": [{"resource": {"urn": urn}} for urn in pending],
    }


def test_an_ordinary_up_is_one_operation(case):
    made = case(deployment=installed(small_spec()))
    made.engine.up()
    assert made.stack.done == [("up", (), None)], "a refresh at every `up` costs seconds and shows diffs that are none"
    assert made.said == []


@pytest.mark.parametrize("error", [DEADLINE, GONE])
def test_a_delete_that_failed_although_it_worked_is_mended_in_the_same_up(case, error):
    made = case(error, deployment=installed(small_spec()))
    made.engine.up()
    assert made.stack.done == [("up", (), None), ("refresh", (SERVICE,)), ("up", (), None)], (
        "every later `up` would fail until somebody refreshes"
    )
    assert made.said[0].startswith("recovering: a delete failed although the service may be gone")


@pytest.mark.parametrize(
    "error",
    [
        "creating urn:x: context deadline exceeded",
        f"deleting {SERVICE}: permission denied",
        "routing-apply-localhost: container not found",
    ],
)
def test_any_other_failure_is_told_and_not_repeated(case, error):
    made = case(error)
    with pytest.raises(EngineError) as caught:
        made.engine.up()
    assert made.operations == ["up"], "a second try would hide a fault"
    assert str(caught.value) == error, "the reason"
    assert caught.value.hint == (
        "Nothing was rolled back. `colorway status test` says what is live; `colorway up test` tries again."
    ), "and what helps, apart: a release goes back by itself"


def test_a_failure_without_words_is_told_by_the_engines_last_line(case):
    made = case(failed("Updating:\nerror: could not load plugin\n"))
    with pytest.raises(EngineError, match=r"^could not load plugin$"):
        made.engine.up()


def test_the_lock_of_a_dead_process_is_taken_away(case, dead):
    made = case(locked(dead))
    made.engine.up()
    assert made.operations == ["up", "cancel", "up"]
    assert made.said == [f"recovering: process {dead} held the stack's lock and is dead; the lock is taken away"]


def test_the_lock_of_a_living_process_stays(case):
    made = case(locked(os.getpid()))
    with pytest.raises(ColorwayError, match=r"^test: another run is working on this stack; wait until it ends"):
        made.engine.up()
    assert made.operations == ["up"], "nothing is cancelled"


def test_an_interrupted_run_is_followed_by_a_refresh_of_docker_resources(case):
    spec = small_spec()
    apply = {"urn": APPLY, "type": "command:local:Command", "custom": True}
    made = case(deployment=installed(spec, apply, pending=(SERVICE,)))
    made.engine.up()
    assert made.stack.done == [("refresh", (SERVICE,)), ("up", (), None)], "scripts have nothing to be asked about"
    assert made.said[0].startswith("recovering: the last run was interrupted while it worked on shop-green-service")


def test_a_generation_that_is_not_live_is_applied_again(case):
    text = "# colorway generation abc blue green\n"
    apply = {"urn": APPLY, "type": "command:local:Command", "custom": True, "inputs": {"stdin": text}}
    made = case(deployment=installed(small_spec(), apply), live="def")
    made.engine.up()
    assert made.stack.done == [("up", (APPLY,), None)], "the engine takes it for unchanged otherwise"
    quiet = case(deployment=installed(small_spec(), apply), live="abc")
    quiet.engine.up()
    assert quiet.stack.done == [("up", (), None)]


def test_a_way_back_goes_on_past_a_sick_color(case):
    made = case()
    made.engine.up(continue_on_error=True)
    assert made.stack.done == [("up", (), True)]


def test_a_change_that_needs_two_commits_is_refused_before_anything_happens(case):
    wanted = small_spec(traffic="90:10", versions={"blue": "1.0.0", "green": "2.0.1"})
    made = case(spec=wanted, deployment=installed(small_spec()))
    with pytest.raises(ColorwayError) as caught:
        made.engine.up()
    assert made.stack.done == [], "nothing was changed"
    said = str(caught.value).splitlines()
    assert said[0].startswith("Pulumi.test.yaml: colorway:versions and colorway:traffic change together")
    assert said[-1] == "This needs more than one commit; --in-place REASON applies it all the same."


def test_a_reason_applies_it_all_the_same_and_is_said(case):
    wanted = small_spec(traffic="90:10", versions={"blue": "1.0.0", "green": "2.0.1"})
    made = case(spec=wanted, deployment=installed(small_spec()))
    made.engine.up(in_place="nobody uses it yet")
    assert made.operations == ["up"]
    assert made.said == ["in place, because: nobody uses it yet"], "the log of the run says who decided"


def test_the_first_install_may_change_everything(case):
    made = case(spec=small_spec(traffic="90:10"), deployment=None)
    made.engine.up()
    assert made.operations == ["up"]


def test_down_removes_resources_and_state(case):
    made = case(deployment=installed(small_spec()))
    made.engine.down()
    assert made.operations == ["destroy", "remove"]


def test_down_of_nothing_asks_no_engine(case):
    made = case(deployment=None)
    made.engine.down()
    assert made.operations == ["remove"]


@pytest.mark.parametrize("pending", [(), (SERVICE,)])
def test_down_survives_a_service_that_is_gone(case, pending):
    made = case(GONE if not pending else "boom", deployment=installed(small_spec(), pending=pending))
    made.engine.down()
    assert made.operations == ["destroy", "refresh", "destroy", "remove"]


def test_down_keeps_the_state_where_something_could_not_be_removed(case):
    made = case("network is in use", deployment=installed(small_spec()))
    with pytest.raises(EngineError, match=r"^network is in use"):
        made.engine.down()
    assert made.operations == ["destroy"], "without state nobody would find what is left"


def test_a_preview_says_nothing_and_changes_nothing(case):
    made = case(deployment=installed(small_spec()), live="def")
    assert made.engine.preview() == []
    assert (made.operations, made.said) == (["preview"], [])
