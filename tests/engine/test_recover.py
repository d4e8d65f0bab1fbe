"""What has to be mended before an `up`, decided from facts."""

from __future__ import annotations

import pytest

from colorway.engine.recover import Recovery, generation_of, host_of_apply, plan_recovery
from colorway.engine.state import NAMED_TYPES, read_deployment
from colorway.errors import ColorwayError
from colorway.swarm.services import SwarmObject

LB1 = "urn:pulumi:t::colorway::colorway:edge:Routing$command:local:Command::routing-apply-lb1-run"
LB2 = LB1.replace("lb1", "lb2")
CHECK = LB1.replace("apply", "check")
LABELS = LB1.replace("routing-apply-lb1", "hosts-labels")
SERVICE = "urn:pulumi:t::colorway::docker:index/service:Service::web-blue-service"


def planned(state, **given):
    return plan_recovery(state, stack="test", **given)


def command(urn, generation):
    text = f"# colorway generation {generation} blue green\nuser nobody;\n"
    return {"urn": urn, "type": "command:local:Command", "custom": True, "inputs": {"stdin": text}}


def service(urn):
    name = urn.rsplit("::", 1)[-1].removesuffix("-service")
    return {"urn": urn, "type": NAMED_TYPES["service"], "custom": True, "outputs": {"name": name}}


def begun(urn, operation="updating", name=None):
    resource = {"urn": urn, "type": urn.split("::")[2].rpartition("$")[2], "inputs": {"name": name} if name else {}}
    return {"resource": resource, "type": operation}


def deployed(*resources, pending=()):
    operations = [begun(urn) for urn in pending]
    return read_deployment({"resources": list(resources), "pending_operations": operations})


@pytest.mark.parametrize(
    ("state", "live", "replace"),
    [
        ([], {}, ()),
        ([command(LB1, "aaa")], {LB1: "aaa"}, ()),
        ([command(LB1, "aaa")], {LB1: "bbb"}, (LB1,)),
        ([command(LB1, "aaa")], {LB1: None}, (LB1,)),
        ([command(LB1, "aaa")], {LB1: "none"}, (LB1,)),
        ([command(LB1, "aaa"), command(LB2, "aaa")], {LB1: "aaa", LB2: "bbb"}, (LB2,)),
        ([command(LB1, "aaa"), command(LB2, "aaa")], {LB1: "bbb", LB2: "bbb"}, (LB1, LB2)),
        ([command(CHECK, "aaa")], {}, ()),
    ],
    ids=[
        "nothing is installed",
        "what is live is what was applied",
        "a killed run went on behind the state's back",
        "the load balancer does not answer",
        "the load balancer's directory was lost",
        "one of two differs",
        "both differ",
        "a check serves nobody",
    ],
)
def test_an_apply_runs_again_where_something_else_is_live(state, live, replace):
    recovery = planned(deployed(*state), live=live)
    assert recovery.replace == replace, "the engine takes the apply for unchanged and would do nothing"
    assert recovery.refresh == (), "a refresh costs seconds and mends no script"
    assert len(recovery.reasons) == len(replace), "each is said"


def test_the_reason_names_the_host_and_both_generations():
    recovery = planned(deployed(command(LB1, "aaa")), live={LB1: "bbb"})
    assert recovery.reasons == (
        "lb1 serves bbb and not aaa of the last finished run; the configured one is applied again",
    )
    silent = planned(deployed(command(LB1, "aaa")), live={LB1: None})
    assert silent.reasons[0].startswith("lb1 serves nothing known and not aaa"), "None is no word for an operator"


ROOT = "urn:pulumi:t::colorway::pulumi:pulumi:Stack::colorway-t"
OTHER = SERVICE.replace("web", "api")
STACK = {"urn": ROOT, "type": "pulumi:pulumi:Stack"}


@pytest.mark.parametrize(
    ("state", "pending", "asked"),
    [
        ([service(SERVICE), service(OTHER)], (), ()),
        ([service(SERVICE), service(OTHER)], (begun(SERVICE),), (SERVICE,)),
        ([service(SERVICE), service(OTHER)], (begun(SERVICE, "deleting"),), (SERVICE,)),
        ([service(OTHER)], (begun(SERVICE, "creating"),), (ROOT,)),
        ([service(OTHER)], (begun(SERVICE, "deleting"),), (ROOT,)),
        ([command(LB1, "aaa"), service(OTHER)], (begun(LB1),), (ROOT,)),
    ],
    ids=["nothing", "an update", "a delete", "a create", "a delete that is noted already", "a script"],
)
def test_only_what_was_being_changed_is_asked_about(state, pending, asked):
    body = {"resources": [STACK, *state], "pending_operations": list(pending)}
    recovery = planned(read_deployment(body), live={LB1: "aaa"})
    assert recovery.refresh == asked, (
        "whatever else is refreshed shows differences that are none, and the next `up` updates it under its users"
    )


def test_a_script_that_was_interrupted_runs_again():
    body = {"resources": [STACK, command(LABELS, "aaa")], "pending_operations": [begun(LABELS)]}
    assert planned(read_deployment(body), live={}).replace == (LABELS,), "it may have done the new thing, or half of it"
    body = {"resources": [STACK], "pending_operations": [begun(LABELS, "creating")]}
    assert planned(read_deployment(body), live={}).replace == (), "the engine has none to replace; it creates it"


def test_the_reason_names_what_was_interrupted():
    recovery = planned(deployed(pending=(SERVICE, LB1)), live={})
    assert list(recovery.reasons) == [
        (
            "the last run was interrupted while it worked on routing-apply-lb1-run, web-blue-service; "
            "the swarm is asked what it has"
        )
    ]


def test_both_can_be_needed_at_once():
    recovery = planned(deployed(command(LB1, "aaa"), service(SERVICE), pending=(SERVICE,)), live={LB1: "bbb"})
    assert (recovery.refresh, recovery.replace) == ((SERVICE,), (LB1,)), "killed in the middle of a release"


def test_an_apply_that_never_finished_demands_nothing():
    broken = {"urn": LB1, "type": "command:local:Command", "custom": True, "inputs": {}}
    assert planned(deployed(broken), live={LB1: "bbb"}) == Recovery(), "the `up` runs it anyway"


@pytest.mark.parametrize(
    ("text", "generation"),
    [
        ("# colorway generation 12ab blue\n", "12ab"),
        ("user x;\n# colorway generation 9\n", "9"),
        ("user x;\n", None),
        ("", None),
    ],
)
def test_a_text_names_its_generation(text, generation):
    assert generation_of(text) == generation


def test_an_apply_names_its_host():
    assert host_of_apply(LB1) == "lb1"
    assert host_of_apply(LB1.replace("lb1", "run-2")) == "run-2", "a host may be named like a part of the name"


WEB = SwarmObject("service", "test-web-blue")


API = SwarmObject("service", "test-api-blue")
CREATING = begun(SERVICE, "creating", name="test-web-blue")


def made(name):
    return {"urn": f"{name}", "type": NAMED_TYPES["service"], "custom": True, "outputs": {"name": name}}


def test_what_a_killed_run_made_and_did_not_note_is_made_anew():
    state = read_deployment({"resources": [STACK, made("test-api-blue")], "pending_operations": [CREATING]})
    recovery = planned(state, live={}, running=[WEB, API])
    assert recovery.remove == (WEB,), "making it again would clash with its name"
    assert recovery.reasons[-1] == "the last run made the service test-web-blue and could not note it; it is made anew"


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"resources": [STACK, made("test-api-blue")]},
        {"resources": [STACK, made("test-api-blue")], "pending_operations": [begun(OTHER, "creating", name="x")]},
        {"resources": [STACK], "pending_operations": [begun(SERVICE, "updating", name="test-web-blue")]},
    ],
    ids=["a fresh checkout", "a checkout that is behind", "another one is pending", "it was not being made"],
)
def test_what_this_state_did_not_begin_to_make_is_never_removed(state):
    with pytest.raises(ColorwayError, match=r"^test: the swarm runs test-web-blue .*colorway down test --orphans"):
        planned(read_deployment(state), live={}, running=[WEB])


def test_a_first_run_that_was_killed_is_ours():
    state = read_deployment({"pending_operations": [CREATING]})
    assert planned(state, live={}, running=[WEB]).remove == (WEB,)


def test_a_member_that_a_restore_has_stopped_is_asked_about_so_that_it_begins_again():
    member = SERVICE.replace("web-blue", "postgres-db1")
    found = planned(deployed(service(SERVICE), service(member)), live={}, stopped=["postgres-db1", "postgres-db9"])
    assert found.refresh == (member,), "the state says that it has a task"
    assert found.reasons == ("postgres-db1 was told to stop; it begins as the stack's files say",)
