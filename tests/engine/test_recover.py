"""What has to be mended before an `up`, decided from facts."""

from __future__ import annotations

import pytest

from colorway.engine.recover import generation_of, host_of_apply, plan_recovery
from colorway.engine.state import NAMED_TYPES, read_deployment
from colorway.errors import ColorwayError
from colorway.swarm.services import SwarmObject

LB1 = "urn:pulumi:t::colorway::colorway:edge:Routing$command:local:Command::routing-apply-lb1-run"
LB2 = LB1.replace("lb1", "lb2")
CHECK = LB1.replace("apply", "check")
SERVICE = "urn:pulumi:t::colorway::docker:index/service:Service::web-blue-service"


def planned(state, **given):
    return plan_recovery(state, stack="test", **given)


def command(urn, generation):
    text = f"# colorway generation {generation} blue green\nuser nobody;\n"
    return {"urn": urn, "type": "command:local:Command", "custom": True, "inputs": {"stdin": text}}


def deployed(*resources, pending=()):
    operations = [{"resource": {"urn": urn}, "type": "updating"} for urn in pending]
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
    assert recovery.refresh is False, "a refresh costs seconds and mends no script"
    assert recovery.is_needed is bool(replace)
    assert len(recovery.reasons) == len(replace), "each is said"


def test_the_reason_names_the_host_and_both_generations():
    recovery = planned(deployed(command(LB1, "aaa")), live={LB1: "bbb"})
    assert recovery.reasons == (
        "lb1 serves bbb and not aaa of the last finished run; the configured one is applied again",
    )
    silent = planned(deployed(command(LB1, "aaa")), live={LB1: None})
    assert silent.reasons[0].startswith("lb1 serves nothing known and not aaa"), "None is no word for an operator"


@pytest.mark.parametrize(("pending", "refresh"), [((), False), ((SERVICE,), True)])
def test_the_swarm_is_asked_after_an_interruption(pending, refresh):
    recovery = planned(deployed(pending=pending), live={})
    assert recovery.refresh is refresh, "a refresh at every `up` costs seconds and shows diffs that are none"
    assert recovery.is_needed is refresh


def test_the_reason_names_what_was_interrupted():
    recovery = planned(deployed(pending=(SERVICE, LB1)), live={})
    assert list(recovery.reasons) == [
        (
            "the last run was interrupted while it worked on routing-apply-lb1-run, web-blue-service; "
            "the swarm is asked what it has"
        )
    ]


def test_both_can_be_needed_at_once():
    recovery = planned(deployed(command(LB1, "aaa"), pending=(SERVICE,)), live={LB1: "bbb"})
    assert (recovery.refresh, recovery.replace) == (True, (LB1,)), "killed in the middle of a release"


def test_an_apply_that_never_finished_demands_nothing():
    broken = {"urn": LB1, "type": "command:local:Command", "custom": True, "inputs": {}}
    assert planned(deployed(broken), live={LB1: "bbb"}).is_needed is False, "the `up` runs it anyway"


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


def made(name):
    return {"urn": f"{name}", "type": NAMED_TYPES["service"], "custom": True, "outputs": {"name": name}}


def test_what_a_killed_run_made_and_did_not_note_is_made_anew():
    recovery = planned(deployed(made("test-api-blue")), live={}, running=[WEB, SwarmObject("service", "test-api-blue")])
    assert recovery.remove == (WEB,), "making it again would clash with its name"
    assert recovery.reasons == ("the last run made the service test-web-blue and could not note it; it is made anew",)


def test_the_stack_of_another_checkout_is_not_touched():
    with pytest.raises(ColorwayError, match="colorway down test --orphans"):
        planned(deployed(), live={}, running=[WEB])


def test_a_first_run_that_was_killed_is_ours():
    state = read_deployment({"pending_operations": [{"resource": {"urn": "urn:x::web-blue-service"}}]})
    assert planned(state, live={}, running=[WEB]).remove == (WEB,)
