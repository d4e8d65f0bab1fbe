"""`up` and `down` around an engine that fails: what is mended, what is said, what is left alone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
from pulumi import automation as auto
from pulumi.automation._cmd import CommandResult
from pulumi.automation.errors import ConcurrentUpdateError
from pulumi.automation.events import DiagnosticEvent, EngineEvent

from colorway.cdn.leaving import RECORD_VARIABLE, WITHIN_VARIABLE
from colorway.config.pulumi_config import KEPT_BACK_VARIABLE
from colorway.data import generations
from colorway.engine import operations, runner
from colorway.engine.ending import EngineError
from colorway.engine.operations import Engine
from colorway.engine.plugins import PluginChoice
from colorway.engine.state import read_deployment
from colorway.errors import ColorwayError
from colorway.outputs import OUTPUT, platform_outputs
from colorway.swarm.connections import NoAnswerError
from colorway.swarm.services import SwarmObject
from tests.support.cloudflare import FakeCloudflare, Right
from tests.support.specs import REMOTE_HOSTS, ROOT, ZONE, small_spec
from tests.support.stores import backed_up_spec

SERVICE = "urn:pulumi:test::colorway::docker:index/service:Service::shop-green-service"
APPLY = "urn:pulumi:test::colorway::command:local:Command::routing-apply-localhost-run"
DEADLINE = f"deleting {SERVICE}: 1 error occurred:\n\t* error on wait for container: context deadline exceeded"
GONE = f"deleting {SERVICE}: 1 error occurred:\n\t* service not found"

INVALID = """error: The Pulumi CLI encountered a snapshot integrity error. This is a bug!

Command:           pulumi up
Error:             getting snapshot: snapshot integrity failure; refusing to use it: resource one refers to missing two

Stack Trace:

goroutine 1 [running]:
	github.com/pulumi/pulumi/pkg/v3/cmd/pulumi/main.go:67 +0x6d
"""


def failed(text="error: update failed"):
    return auto.CommandError(CommandResult(stdout="", stderr=text, code=255))


def locked(pid):
    owner = f"root@{socket.gethostname()} (pid {pid})"
    text = f"error: the stack is currently locked by 1 lock(s). file: created by {owner} at now"
    return ConcurrentUpdateError(CommandResult(stdout="", stderr=text, code=255))


class FakeStack:
    """A stack whose operations fail as they are told, in order; a refresh finds what failed to be deleted gone."""

    def __init__(self, *fates, deployment=None, owners=(), is_cut_short=False):
        self.fates = list(fates)
        self.done = []
        self.workspace = self
        self.deployment = deployment
        self.owners = list(owners)
        self.gone = set()
        self.kept_back = []
        self.env_vars = {}
        self._is_cut_short = is_cut_short

    def deployed(self):
        return read_deployment(self.deployment)

    def written(self):
        return self.deployed().written

    def lock_owners(self):
        return self.owners

    def configured_secrets(self):
        return {}

    def is_absent(self):
        return False

    def is_cut_short(self):
        return self._is_cut_short

    def restore(self):
        self.done.append(("restore",))
        return "its last whole copy is back" if self._is_cut_short else None

    def repair(self):
        self.done.append(("repair",))
        for resource in self.deployment["resources"]:
            resource.pop("dependencies", None)

    def up(self, *, on_event, replace=None, exclude=None, continue_on_error=None):
        self.excluded = exclude
        self.kept_back.append(os.environ.get(KEPT_BACK_VARIABLE))
        self._operate(("up", tuple(replace or ()), continue_on_error), on_event)

    def destroy(self, *, on_event):
        self._operate(("destroy",), on_event)

    def preview(self, *, on_event):
        self._operate(("preview",), on_event)

    def refresh(self, *, target, clear_pending_creates, run_program):
        assert clear_pending_creates, "a create that was killed is either there or not"
        assert not run_program, "a refresh asks the swarm, not the program"
        known = self.deployed().urns
        assert set(target) <= known, f"the engine ends with no resource named {sorted(set(target) - known)}"
        self.done.append(("refresh", tuple(target)))
        self.deployment["resources"] = [r for r in self.deployment["resources"] if r["urn"] not in self.gone]

    def cancel(self):
        if self._is_cut_short and ("restore",) not in self.done:
            raise auto.CommandError(CommandResult(stdout="", stderr="failed to load checkpoint: EOF", code=1))
        self.done.append(("cancel",))

    def remove_stack(self, name, *, preserve_config):
        assert preserve_config, "the stack's file is the user's"
        self.done.append(("remove", name))

    def _operate(self, what, on_event):
        self.done.append(what)
        if self.deployed().dangling:
            raise failed(INVALID)
        fate = self.fates.pop(0) if self.fates else None
        if isinstance(fate, str):
            for message in fate.split("|"):
                self.gone |= {urn for urn in self.deployed().urns if f"deleting {urn}:" in message}
                diagnostic = DiagnosticEvent(message=message, color="", severity="error")
                on_event(EngineEvent(sequence=1, timestamp=0, diagnostic_event=diagnostic))
            raise failed()
        if fate:
            raise fate


class FakeSwarm:
    """A swarm whose load balancer serves one generation."""

    def __init__(self, live=None, running=()):
        self.live = live
        self.running = set(running)
        self.removed = []
        self.autonamed = []
        self.one_off = []
        self.alive = []

    def alive_of(self, color, *, network):
        assert (color, network) == ("blue", "test-blue"), "of the color that is off"
        return self.alive.pop(0) if self.alive else []

    def live_generations(self, spec, *, without=()):
        return {host.name: self.live for host in spec.load_balancers if host.name not in without}

    def fenced(self, _spec):
        return ()

    def why_no_image(self, reference):
        return f"the registry says no to {reference}" if reference.startswith("registry") else None

    def named_objects(self, _stack):
        return self.running

    def stopped(self, _stack):
        return frozenset()

    def autonamed_objects(self, _stack):
        return self.autonamed

    def one_off_tasks(self, _stack):
        return self.one_off

    def remove(self, made):
        self.removed.append(made)


class Case:
    """An engine on a fake stack, and what it said."""

    def __init__(self, monkeypatch, *fates, spec=None, deployment=None, live=None, running=(), **stack):
        self.said = []
        self.events = []
        self.stack = FakeStack(*fates, deployment=deployment, **stack)
        self.swarm = FakeSwarm(live, running)
        self.stack.done = self.events
        self.engine = Engine(
            root=ROOT,
            pulumi=ROOT / "pulumi",
            plugins=PluginChoice(path_prefix=None, sentence=""),
            spec=spec or small_spec(),
            say=self.said.append,
            swarm=self.swarm,
        )
        monkeypatch.setattr(operations, "stack_of", lambda **_given: self.stack)
        monkeypatch.setattr(operations, "read_state", lambda *_stack, **_given: read_deployment(deployment))
        monkeypatch.setattr(operations, "watched_tasks", nobody_watches)
        monkeypatch.setattr(operations, "remove_leftovers", lambda _spec, **_given: None)
        monkeypatch.setattr(operations, "claimed", self.claimed)
        self.is_held = False
        self.noted = []

    @contextmanager
    def claimed(self, _stack, *, root, swarm, reason):
        self.is_held = True
        yield self
        self.is_held = False

    def refuse_older(self, written):
        assert self.is_held, "what another run is just writing is no state"

    def note(self, written):
        assert self.is_held, "after the lock is given back somebody else writes"
        self.noted.append(written)

    @property
    def done(self):
        return [done for done in self.stack.done if done != ("restore",)]

    @property
    def operations(self):
        return [done[0] for done in self.stack.done if done != ("restore",)]


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


def pending_operation(urn, operation="updating", name=None):
    resource = {"urn": urn, "type": urn.rsplit("::", 2)[1].rpartition("$")[2], "inputs": {"name": name} if name else {}}
    return {"resource": resource, "type": operation}


def installed(spec, *resources, pending=()):
    stack = {
        "urn": "urn:pulumi:test::colorway::pulumi:pulumi:Stack::colorway-test",
        "type": "pulumi:pulumi:Stack",
        "outputs": {OUTPUT: platform_outputs(spec, generation="abc")},
    }
    service = {"urn": SERVICE, "type": "docker:index/service:Service", "custom": True}
    return {
        "resources": [stack, service, *resources],
        "pending_operations": [pending_operation(urn) for urn in pending],
    }


def test_an_ordinary_up_is_one_operation(case):
    made = case(deployment=installed(small_spec()))
    made.engine.up()
    assert made.done == [("up", (), None)], "a refresh at every `up` costs seconds and shows diffs that are none"
    assert made.said == []


DROP = {"2.0.0": {"0002-drop": False}}


def with_drop(**versions):
    return small_spec(versions=versions, migrations=DROP, traffic="0:100")


def test_a_migration_waits_for_what_goes_off_and_for_its_last_task(case, monkeypatch):
    monkeypatch.setattr(runner.time, "sleep", lambda _seconds: None)
    made = case(deployment=installed(with_drop(blue="1.0.0", green="2.0.0")), spec=with_drop(blue=None, green="2.0.0"))
    made.swarm.alive = [["task 1 (running) on the node n"], []]
    made.engine.up()
    assert made.operations == ["up", "up"], "what is deleted is deleted last"
    assert made.stack.kept_back == ["0002-drop", None], "so the first one leaves it out"
    assert made.swarm.alive == [], "and the second one begins when nothing is left"
    assert made.said == ["0002-drop runs once nothing is left of the color that it waited for"]


def test_a_migration_that_failed_is_run_by_the_next_up_alone(case):
    gone = with_drop(blue=None, green="2.0.0")
    made = case(deployment=installed(gone.model_copy(update={"kept_back": ("0002-drop",)})), spec=gone)
    made.engine.up()
    assert made.stack.kept_back == [None]


def test_a_migration_does_not_run_beside_a_task_that_does_not_end(case, monkeypatch):
    times = iter(range(0, 10_000, 30))
    monkeypatch.setattr(runner.time, "monotonic", lambda: next(times))
    monkeypatch.setattr(runner.time, "sleep", lambda _seconds: None)
    made = case(deployment=installed(with_drop(blue="1.0.0", green="2.0.0")), spec=with_drop(blue=None, green="2.0.0"))
    made.swarm.alive = [["task 1 (running) on the node n"]] * 100
    with pytest.raises(EngineError, match=r"0002-drop waits: task 1 .* on the node n, of the color that is off"):
        made.engine.up()
    assert made.stack.kept_back == ["0002-drop"], "the color is off, the migration has not run"


def test_a_rollback_is_one_operation_where_a_migration_waits(case):
    both, back = {"blue": "1.0.0", "green": "2.0.0"}, {"blue": "1.0.0", "green": None}
    was, wanted = (small_spec(versions=versions, migrations=DROP) for versions in (both, back))
    made = case(deployment=installed(was), spec=wanted)
    made.engine.up()
    assert made.stack.kept_back == [None], "nothing runs, so nothing is waited for"


@pytest.mark.parametrize("error", [DEADLINE, GONE])
def test_a_delete_that_failed_although_it_worked_is_mended_in_the_same_up(case, error):
    made = case(error, deployment=installed(small_spec()))
    made.engine.up()
    assert made.done == [("up", (), None), ("refresh", (SERVICE,)), ("up", (), None)], (
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


@pytest.fixture(scope="module")
def living(tmp_path_factory):
    program = tmp_path_factory.mktemp("bin") / "pulumi"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "600"]) as process:
        yield process.pid
        process.kill()


@pytest.mark.parametrize("command", ["up", "down"])
def test_nothing_is_touched_beside_an_engine_that_lives(case, living, command):
    web = SwarmObject("service", "test-web-blue")
    state = installed(small_spec(), pending=(SERVICE,))
    state["pending_operations"][0] = pending_operation(SERVICE, "creating", name="test-web-blue")
    made = case(deployment=state, running=[web], owners=[(socket.gethostname(), living)])
    with pytest.raises(ColorwayError, match=r"^test: another run is working on this stack \(process \d+\); wait"):
        getattr(made.engine, command)()
    assert (made.stack.done, made.swarm.removed) == ([], []), "what a live run has pending is never an orphan"


def test_the_lock_of_a_living_process_stays(case, living):
    made = case(locked(living))
    with pytest.raises(ColorwayError, match=r"^test: another run is working on this stack; wait until it ends"):
        made.engine.up()
    assert made.operations == ["up"], "nothing is cancelled"


def test_an_interrupted_run_is_followed_by_a_refresh_of_docker_resources(case):
    spec = small_spec()
    apply = {"urn": APPLY, "type": "command:local:Command", "custom": True}
    made = case(deployment=installed(spec, apply, pending=(SERVICE,)))
    made.engine.up()
    assert made.done == [("refresh", (SERVICE,)), ("up", (), None)], "scripts have nothing to be asked about"
    assert made.said[0].startswith("recovering: the last run was interrupted while it worked on shop-green-service")


def test_a_generation_that_is_not_live_is_applied_again(case):
    text = "# colorway generation abc blue green\n"
    apply = {"urn": APPLY, "type": "command:local:Command", "custom": True, "inputs": {"stdin": text}}
    made = case(deployment=installed(small_spec(), apply), live="def")
    made.engine.up()
    assert made.done == [("up", (APPLY,), None)], "the engine takes it for unchanged otherwise"
    quiet = case(deployment=installed(small_spec(), apply), live="abc")
    quiet.engine.up()
    assert quiet.done == [("up", (), None)]


@pytest.mark.parametrize("is_way_back", [False, True])
def test_hosts_come_before_the_engine_and_leave_after_it_and_hold_no_way_back_up(case, monkeypatch, is_way_back):
    spec = small_spec(hosts=REMOTE_HOSTS)
    check = {
        "urn": "urn:pulumi:test::colorway::command:remote:Command::routing-check-lb1-run",
        "type": "command:remote:Command",
        "custom": True,
        "parent": "urn:pulumi:test::colorway::colorway:host:HostScript::routing-check-lb1",
    }
    parent = {"urn": check["parent"], "type": "colorway:host:HostScript"}
    made = case(spec=spec, deployment=installed(spec, parent, check))

    class Members:
        def __init__(self, *, spec, swarm, say, known):
            assert set(known) == {host.name for host in spec.settings.hosts}, "how those are reached that left the file"

        def before(self):
            assert made.is_held
            made.events.append(("before",))
            return ("lb1",)

        def after(self, anew, *, idle):
            assert made.is_held
            assert anew == ("lb1",)
            assert list(idle) == []
            made.events.append(("after",))

    monkeypatch.setattr(operations, "Members", Members)
    monkeypatch.setattr(operations.fencing, "Edge", NoEdge)
    made.engine.up(continue_on_error=is_way_back)
    ups = ("up", (check["urn"],), None), ("up", (), True)
    assert made.done == ([ups[1]] if is_way_back else [("before",), ups[0], ("after",)])


def test_a_way_back_waits_for_no_load_balancer_that_is_fenced(case, monkeypatch):
    asked = []

    class Edge(NoEdge):
        def fenced(self):
            return ("lb2",)

        def let_in(self, *, without):
            asked.append(tuple(without))
            return tuple(without)

    monkeypatch.setattr(operations.fencing, "Edge", Edge)
    made = case(spec=small_spec(hosts=REMOTE_HOSTS))
    made.engine.up(continue_on_error=True)
    assert asked == [("lb2",)], "whether it is back would take 15 s to find out"


class NoEdge:
    """Load balancers that are all well."""

    def __init__(self, **_given):
        pass

    def without(self, _hosts):
        return ()

    def fenced(self):
        return ()

    def let_in(self, *, without):
        return ()

    def serves(self, *, without):
        return {}


@pytest.mark.parametrize("data", [False, True])
def test_down_asks_every_host_for_the_data_that_is_left_or_shall_go(case, monkeypatch, data):
    asked = []

    class Leftovers:
        def __init__(self, *, spec, say):
            pass

        def remove(self):
            asked.append("remove")

        def tell(self):
            asked.append("tell")

    monkeypatch.setattr(operations, "Leftovers", Leftovers)
    made = case(spec=small_spec(hosts=REMOTE_HOSTS))
    made.engine.down(data=data)
    assert asked == ["remove" if data else "tell"]


BARRIER = {
    "urn": "urn:pulumi:test::colorway::command:local:Command::workers-barrier",
    "type": "command:local:Command",
    "dependencies": [SERVICE, "urn:pulumi:test::colorway::docker:index/service:Service::scheduler-blue-service"],
}
"""Not come to by a way back that went on past a failure, which removed what it waits for."""


@pytest.mark.parametrize("command", ["up", "down"])
def test_references_to_what_is_gone_are_taken_out_before_the_engine_reads_them(case, command):
    made = case(deployment=installed(small_spec(), dict(BARRIER)))
    getattr(made.engine, command)()
    assert made.operations[:2] == ["repair", {"up": "up", "down": "destroy"}[command]], "every command would crash"
    assert made.said[0] == (
        "recovering: the last run left references to scheduler-blue-service in the state, which is gone; they are "
        "taken out"
    )


def test_a_preview_of_a_state_with_such_references_says_what_takes_them_out(case):
    made = case(deployment=installed(small_spec(), dict(BARRIER)))
    with pytest.raises(ColorwayError, match=r"left references to what is gone .* `colorway up test` takes them out"):
        made.engine.preview()
    assert made.operations == ["preview"], "a preview writes nothing"


def test_of_a_crash_the_error_is_told_and_no_line_of_its_trace(case):
    made = case(failed(INVALID))
    with pytest.raises(EngineError, match=r"^getting snapshot: snapshot integrity failure"):
        made.engine.up()


def test_a_way_back_goes_on_past_a_sick_color(case):
    made = case()
    made.engine.up(continue_on_error=True)
    assert made.done == [("up", (), True)]


HERE = (
    {
        "name": "localhost",
        "address": "127.0.0.1",
        "public-address": "203.0.113.11",
        "roles": ["manager", "web", "database", "load-balancer", "monitoring"],
    },
)
BEHIND = {"hosts": HERE, "settings": {"zones": {"main": ZONE}}}


def with_purge(waiting):
    """Return a stack behind a CDN, which was told what waits to be purged."""
    purge = {"urn": "urn:pulumi:test::colorway::command:local:Command::purge-command", "type": "command:local:Command"}
    found = installed(small_spec(**BEHIND), purge)
    found["resources"][0]["outputs"][OUTPUT]["purge"] = {"serving": ["b"], "on": ["b"], "waiting": waiting}
    return found


@pytest.fixture
def cloudflare(monkeypatch):
    with FakeCloudflare() as fake:
        fake.add_zone("example.com", identifier=ZONE)
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", fake.url)
        yield fake


@pytest.fixture
def token(monkeypatch, cloudflare):
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", cloudflare.add_token(*Right))


@pytest.mark.usefixtures("token")
def test_what_a_cdn_did_not_forget_is_tried_again_by_the_next_up(case):
    made = case(spec=small_spec(**BEHIND), deployment=with_purge({"a": "the CDN answers 503"}))
    made.engine.up()
    assert made.done == [("up", ("urn:pulumi:test::colorway::command:local:Command::purge-command",), None)]
    assert json.loads(made.stack.env_vars[RECORD_VARIABLE])["waiting"] == {"a": "the CDN answers 503"}


@pytest.mark.usefixtures("token")
def test_a_cdn_that_forgot_all_is_left_alone(case):
    made = case(spec=small_spec(**BEHIND), deployment=with_purge({}))
    made.engine.up()
    assert made.done == [("up", (), None)]


def test_the_way_back_needs_no_token(case):
    made = case(spec=small_spec(**BEHIND), deployment=with_purge({}))
    made.engine.up(continue_on_error=True)
    assert made.done, "a missing token must not keep users on a bad version"
    with pytest.raises(ColorwayError, match="nothing may change them"):
        made.engine.up()


def test_a_token_that_lacks_a_right_is_refused_before_anything_is_changed(case, cloudflare, monkeypatch):
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", cloudflare.add_token(Right.DNS_WRITE))
    made = case(spec=small_spec(**BEHIND), deployment=with_purge({}))
    with pytest.raises(ColorwayError, match=r"Pulumi.test.yaml: colorway:zones: .* Zone Settings Write and Cache"):
        made.engine.up()
    assert made.done == []
    asked = len(cloudflare.heard)
    made.engine.up(continue_on_error=True)
    assert made.done, "the way back changes no zone that it can do without"
    assert len(cloudflare.heard) == asked, "and waits for nobody"


@pytest.mark.usefixtures("token")
def test_a_cdn_holds_a_way_back_up_for_seconds_and_no_longer(case):
    made = case(spec=small_spec(**BEHIND), deployment=with_purge({"a": "the CDN answers 503"}))
    made.engine.up(continue_on_error=True)
    assert made.done == [("up", (), True)]
    assert 0 < float(made.stack.env_vars[WITHIN_VARIABLE]) <= 5


def test_a_change_that_needs_two_commits_is_refused_before_anything_happens(case):
    wanted = small_spec(traffic="90:10", versions={"blue": "1.0.0", "green": "2.0.1"})
    made = case(spec=wanted, deployment=installed(small_spec()))
    with pytest.raises(ColorwayError) as caught:
        made.engine.up()
    assert made.done == [], "nothing was changed"
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


def test_down_names_what_is_protected_before_anything_goes(case):
    deployment = installed(small_spec())
    deployment["resources"][1]["protect"] = True
    made = case(deployment=deployment)
    with pytest.raises(
        ColorwayError, match=r"^test: shop-green-service are protected, .*`pulumi state unprotect --all"
    ):
        made.engine.down()
    assert made.done == [], "half a platform is worse than a whole one"


def test_down_of_nothing_asks_no_engine(case):
    made = case(deployment=None)
    made.engine.down()
    assert made.operations == ["remove"]


def test_down_asks_the_state_anew_after_each_try(case):
    other = SERVICE.replace("shop", "api")
    state = installed(small_spec(), {"urn": other, "type": "docker:index/service:Service", "custom": True})
    made = case(f"{DEADLINE}|{GONE}", DEADLINE.replace(SERVICE, other), deployment=state)
    made.engine.down()
    assert made.done == [
        ("destroy",),
        ("refresh", (SERVICE,)),
        ("destroy",),
        ("refresh", (other,)),
        ("destroy",),
        ("remove", "test"),
    ], "a refresh that names what is gone ends with `no resource named`, and half of the platform stays"


def test_deletes_that_do_not_get_fewer_are_told(case):
    made = case(GONE, GONE, GONE, deployment=installed(small_spec()))
    made.stack.gone = frozenset()
    with pytest.raises(EngineError, match="service not found"):
        made.engine.down()
    assert made.operations == ["destroy", "refresh", "destroy"], "nothing gets less, so a person has to look"


def test_down_mends_what_a_killed_run_left_and_then_removes_it(case):
    web = SwarmObject("service", "test-web-blue")
    state = installed(small_spec())
    state["pending_operations"] = [pending_operation(SERVICE.replace("shop", "web"), "creating", name="test-web-blue")]
    made = case(deployment=state, running=[web])
    made.engine.down()
    assert made.swarm.removed == [web], "no state will ever name it again"
    assert made.operations == ["refresh", "destroy", "remove"]


def test_down_removes_what_a_killed_run_made_under_names_of_the_engine(case):
    secret = SwarmObject("secret", "secret-database-password-86c88d2")
    made = case(deployment=installed(small_spec()))
    made.swarm.autonamed = [secret]
    made.engine.down()
    assert made.swarm.removed == [secret], "its name is random: no later run would ever meet it"
    assert made.said[-1] == "recovering: of what no state knew, 1 secrets and configs are removed, too"


def test_down_removes_nothing_by_label_where_the_state_could_not_be_emptied(case):
    made = case("network is in use", deployment=installed(small_spec()))
    made.swarm.autonamed = [SwarmObject("secret", "secret-database-password-86c88d2")]
    with pytest.raises(EngineError):
        made.engine.down()
    assert made.swarm.removed == [], "a service that is left may need it"


def test_down_ends_a_command_that_runs_beside_the_services(case):
    command = SwarmObject("service", "test-web-blue-run-12ab34cd")
    made = case(deployment=installed(small_spec()))
    made.swarm.one_off = [command]
    made.engine.down()
    assert made.swarm.removed == [command], "it holds the networks that go next"


def test_a_state_that_was_cut_short_is_put_back_under_the_lock_only(case):
    made = case(deployment=installed(small_spec()), is_cut_short=True)
    with pytest.raises(ColorwayError, match=r"^test: the last run was killed while it wrote the state; `colorway up"):
        made.engine.preview()
    assert made.stack.done == [], "a preview writes nothing"
    made.engine.down()
    assert made.stack.done[0] == ("restore",)
    assert made.said[0] == "recovering: its last whole copy is back"


def test_a_state_that_was_cut_short_under_the_lock_of_a_dead_engine_is_put_back_before_that_goes(case, dead):
    made = case(deployment=installed(small_spec()), is_cut_short=True, owners=[(socket.gethostname(), dead)])
    made.engine.up()
    assert [done[0] for done in made.stack.done][:3] == ["restore", "cancel", "up"], "the CLI reads it to take the lock"


def test_down_keeps_the_state_where_something_could_not_be_removed(case):
    made = case("network is in use", deployment=installed(small_spec()))
    with pytest.raises(EngineError, match=r"^network is in use"):
        made.engine.down()
    assert made.operations == ["destroy"], "without state nobody would find what is left"


def test_a_preview_says_nothing_and_changes_nothing(case):
    made = case(deployment=installed(small_spec()), live="def")
    assert made.engine.preview().changes == ()
    assert (made.operations, made.said) == (["preview"], [])


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            'migrate failed: Rejected 1 second ago "No such image: registry.example.com/crm:1@sha256:1"',
            "; the registry says no to registry.example.com/crm:1@sha256:1",
        ),
        ('migrate failed: Rejected 1 second ago "No such image: colorway/crm:1"', ""),
    ],
)
def test_what_a_registry_says_of_a_migrations_image_is_told(case, error, told):
    with pytest.raises(EngineError) as caught:
        case(error).engine.up()
    assert str(caught.value) == f"{error}{told}", "Swarm says the same whatever the registry said"


class WithSecrets:
    """A stack whose file has secrets, or whose passphrase is wrong."""

    def __init__(self, secrets):
        self.secrets = secrets

    def configured_secrets(self):
        if self.secrets is None:
            raise failed()
        return self.secrets


REGISTRIES = {"registries": {"registry.example.com": {"user": "deploy", "password": "registry-password"}}}


def test_logins_are_those_of_the_stack_file_with_their_passwords(case, monkeypatch):
    engine = case(spec=small_spec(settings=REGISTRIES)).engine
    monkeypatch.setattr(operations, "stack_of", lambda **_given: WithSecrets({"registry-password": "hunter2"}))
    login = engine.logins()["registry.example.com"]
    assert (login.user, login.password, login.secret) == ("deploy", "hunter2", "registry-password")
    assert "hunter2" not in repr(login), "what is logged or shown in a traceback"


def test_passwords_that_cannot_be_decrypted_are_one_sentence(case, monkeypatch):
    engine = case(spec=small_spec(settings=REGISTRIES)).engine
    monkeypatch.setattr(operations, "stack_of", lambda **_given: WithSecrets(None))
    with pytest.raises(ColorwayError, match=r"^test: the passwords of its registries cannot be read: "):
        engine.logins()


def test_a_stack_without_registries_asks_for_no_secret(case, monkeypatch):
    engine = case().engine
    monkeypatch.setattr(operations, "stack_of", lambda **_given: pytest.fail("decrypting costs a second"))
    assert engine.logins() == {}


def of_generation(number, begins=None):
    came = {"generation": begins, "backup": "20261128-020000F", "to": "release-9"}
    return backed_up_spec(kept={"generation": number, "begins-from": came} if begins else None)


@pytest.fixture
def volumes(monkeypatch):
    """What the members' hosts have of a store that is taken from generation 2 to 1."""
    there = {"db1": [], "db2": []}
    monkeypatch.setattr(generations, "volumes_of", lambda host: SimpleNamespace(names=lambda: there[host.name]))
    monkeypatch.setattr(generations, "kept", lambda *_hosts: nullcontext())
    monkeypatch.setattr(operations, "kept", lambda *_hosts: nullcontext())
    return there


def going_back(case):
    return case(spec=of_generation(1), deployment=installed(of_generation(2, 1)))


FORGOTTEN = (
    "Pulumi.lab.yaml: the data store postgres goes back to generation 1, of which no host has any data: `colorway data "
    "forget` removed it, or its hosts are new; those there: 2. Nothing was changed; revert the commit that goes back"
)


@pytest.mark.parametrize("reason", [None, "it is meant"])
def test_no_way_leads_back_to_a_generation_that_was_forgotten(case, volumes, reason):
    volumes.update(db1=["lab-postgres.2-db1"], db2=["lab-postgres.2-db2"])
    made = going_back(case)
    with pytest.raises(ColorwayError) as caught:
        made.engine.up(in_place=reason)
    assert str(caught.value) == FORGOTTEN, "its members would wait for ever for data that nobody has"
    assert made.operations == [], "nothing was changed"


def test_a_preview_says_that_a_generation_was_forgotten(case, volumes):
    volumes.update(db1=["lab-postgres.2-db1"])
    with pytest.raises(ColorwayError) as caught:
        going_back(case).engine.preview()
    assert FORGOTTEN in str(caught.value)


UNKNOWN = (
    "whether postgres still has the data of an earlier generation is not known: db1 was asked for its volumes and did "
    "not answer"
)


@pytest.fixture
def silent(monkeypatch, volumes):
    """The first member's host does not answer."""

    def names(host):
        if host.name == "db1":
            raise NoAnswerError("db1 was asked for its volumes and did not answer")
        return volumes[host.name]

    monkeypatch.setattr(generations, "volumes_of", lambda host: SimpleNamespace(names=lambda: names(host)))


def test_a_silent_host_leaves_the_question_to_up_which_refuses(case, silent):
    made = going_back(case)
    assert "goes back from generation 2 to 1" in made.engine.preview().sentence
    assert made.said == [UNKNOWN]
    with pytest.raises(NoAnswerError):
        going_back(case).engine.up()


def test_a_silent_host_does_not_block_the_way_back(case, silent):
    made = going_back(case)
    made.engine.up(continue_on_error=True)
    assert UNKNOWN in made.said
    assert made.operations, "it was gone"


def test_one_host_that_has_the_generation_is_enough(case, silent, volumes):
    volumes.update(db2=["lab-postgres-db2", "lab-postgres.2-db2"])
    made = going_back(case)
    made.engine.up(continue_on_error=True)
    assert made.operations, "the other one copies from it"
    assert made.said == [], "what is known by one need not be asked of the other"


def test_the_way_back_to_a_generation_that_is_there_is_open(case, volumes):
    volumes.update(db1=["lab-postgres-db1", "lab-postgres.2-db1"])
    assert "goes back from generation 2 to 1" in going_back(case).engine.preview().sentence
