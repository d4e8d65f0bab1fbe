"""What the engine's state says."""

from __future__ import annotations

import pytest

from colorway.engine.state import read_deployment
from colorway.outputs import OUTPUT, platform_outputs
from tests.support.specs import small_spec

STACK = "urn:pulumi:test::colorway::pulumi:pulumi:Stack::colorway-test"
SERVICE = "urn:pulumi:test::colorway::colorway:web:WebTier$docker:index/service:Service::shop-blue-service"
APPLY = "urn:pulumi:test::colorway::command:local:Command::routing-apply-localhost-run"
COMPONENT = "urn:pulumi:test::colorway::colorway:host:HostScript::routing-apply-localhost"


def stack(outputs):
    return {"urn": STACK, "type": "pulumi:pulumi:Stack", "outputs": outputs}


def resource(urn, kind, **more):
    return {"urn": urn, "type": kind, "custom": True, **more}


@pytest.mark.parametrize("deployment", [None, {}, {"resources": None, "pending_operations": None}, {"resources": []}])
def test_nothing_is_installed(deployment):
    deployed = read_deployment(deployment)
    assert deployed.is_empty
    assert deployed.outputs is None
    assert deployed.applied_generations == {}
    assert deployed.pending == ()


def test_a_stack_of_components_only_is_empty():
    assert read_deployment(
        {"resources": [stack({}), {"urn": COMPONENT, "type": "colorway:host:HostScript"}]}
    ).is_empty, "a first `up` that failed at once has nothing to remove"


def test_the_outputs_are_typed():
    spec = small_spec(traffic="90:10")
    outputs = platform_outputs(spec, generation="abc")
    deployed = read_deployment(
        {"resources": [stack({OUTPUT: outputs}), resource(SERVICE, "docker:index/service:Service")]}
    )
    assert not deployed.is_empty
    assert deployed.outputs is not None
    assert deployed.outputs.installed == (spec.settings.versions, spec.settings.traffic), (
        "what a commit is compared with"
    )
    assert deployed.outputs.drain == spec.drain, "a duration survives JSON"


@pytest.mark.parametrize("outputs", [{}, {OUTPUT: None}, {OUTPUT: {"schema_version": 1}}, {OUTPUT: {"unknown": 1}}])
def test_outputs_of_another_time_count_as_none(outputs):
    assert read_deployment({"resources": [stack(outputs)]}).outputs is None, "no traceback over an old state"


def test_resources_are_known_by_urn():
    deployed = read_deployment(
        {
            "resources": [
                stack({}),
                resource(SERVICE, "docker:index/service:Service"),
                resource(APPLY, "command:local:Command"),
            ]
        }
    )
    assert deployed.urns == {STACK, SERVICE, APPLY}
    assert deployed.stack_urn == STACK
    assert read_deployment(None).stack_urn is None


def test_the_applied_text_of_each_load_balancer_is_known():
    deployed = read_deployment(
        {
            "resources": [
                {"urn": COMPONENT, "type": "colorway:host:HostScript"},
                resource(APPLY, "command:local:Command", inputs={"stdin": "# colorway generation abc blue\n"}),
                resource(APPLY.replace("apply", "check"), "command:local:Command", inputs={"stdin": "x"}),
            ]
        }
    )
    assert deployed.applied_generations == {APPLY: "# colorway generation abc blue\n"}, "applies only, no components"


def test_interrupted_operations_are_known():
    begun = {"urn": SERVICE, "type": "docker:index/service:Service", "inputs": {"name": "test-shop-blue"}}
    deployed = read_deployment({"pending_operations": [{"resource": begun, "type": "creating"}, {}]})
    assert [(one.urn, one.is_create, one.name) for one in deployed.pending] == [
        (SERVICE, True, "test-shop-blue"),
        ("", False, None),
    ]


@pytest.mark.parametrize(
    ("text", "year"), [("2026-11-27T04:52:16.613728785Z", 2026), ("0001-01-01T00:00:00Z", None), ("", None)]
)
def test_a_state_knows_when_it_was_written(text, year):
    written = read_deployment({"manifest": {"time": text}}).written
    assert (written and written.year) == year, "Go's zero is no time"


def test_what_is_in_zones_is_known_by_kind_and_zone():
    record = resource("urn:1", "cloudflare:index/dnsRecord:DnsRecord", inputs={"zoneId": "z", "name": "a"})
    rules = resource("urn:2", "cloudflare:index/ruleset:Ruleset", inputs={"zoneId": "z", "phase": "a_phase"})
    assert read_deployment(
        {"resources": [record, rules, resource(SERVICE, "docker:index/service:Service", inputs=None)]}
    ).in_zones == {
        ("cloudflare:index/dnsRecord:DnsRecord", "z"),
        ("cloudflare:index/ruleset:Ruleset a_phase", "z"),
    }, "the rules of another phase need another right"
