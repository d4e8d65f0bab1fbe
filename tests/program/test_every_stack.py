"""`__main__.py` on every stack file of the project."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from colorway.outputs import OUTPUT, PlatformOutputs
from colorway.spec.edge.zones import REDIRECT_PHASE
from components.swarm_spec import HOST_NETWORK
from offline_plugins.cloudflare.resource_types import rule_problem
from tests.program.stacks import STACKS, config_of, run_stack
from tests.support.cloudflare import rules
from tests.support.recorder import SERVICE, Recording
from tests.support.specs import ROOT

URNS = Path(__file__).resolve().parent / "urns"
LOCAL_BUILD = re.compile(r"colorway/[a-z-]+:(?:[\w.]+-)?[0-9a-f]{12}")
PINNED = re.compile(r"[\w./:-]+@sha256:[0-9a-f]{64}")
BOTH_WAYS = pytest.mark.parametrize("preview", [True, False], ids=["preview", "up"])
ON_EVERY_STACK = pytest.mark.parametrize("stack", STACKS)


@cache
def recorded(stack: str, *, preview: bool = False) -> Recording:
    return run_stack(stack, preview=preview)


def test_there_are_stacks():
    assert "local" in STACKS, "`make up` runs it"


@ON_EVERY_STACK
@BOTH_WAYS
def test_the_program_runs_and_asks_nobody(stack, preview):
    recording = recorded(stack, preview=preview)
    assert recording.of_type(SERVICE), "a platform without services is none"
    assert set(recording.outputs) >= {OUTPUT, "preview-token"}


@ON_EVERY_STACK
def test_a_preview_announces_exactly_what_an_up_makes(stack):
    seen = [{one.urn for one in recorded(stack, preview=preview).resources} for preview in (True, False)]
    assert seen[0] == seen[1], "a resource that is made inside an apply is missing in previews"


@ON_EVERY_STACK
def test_the_urns_are_the_committed_ones(stack, golden):
    urns = sorted(one.urn for one in recorded(stack).resources)
    golden(
        URNS / f"{stack}.txt",
        "\n".join(urns) + "\n",
        cure="a changed URN needs an alias in the same commit, or the resource is deleted and made again; "
        "then run pytest --update-golden and commit",
    )


def test_every_list_of_urns_belongs_to_a_stack():
    assert {path.stem for path in URNS.glob("*.txt")} == set(STACKS), "a list that no stack has protects nothing"


@ON_EVERY_STACK
def test_type_and_name_of_a_resource_are_unique(stack):
    count = Counter((one.type, one.name) for one in recorded(stack).resources)
    assert not [key for key, times in count.items() if times > 1], "the engine refuses the second one"


@ON_EVERY_STACK
def test_physical_names_of_services_are_unique_and_short_enough(stack):
    physical = [one.inputs["name"] for one in recorded(stack).of_type(SERVICE).values()]
    assert len(set(physical)) == len(physical), "the swarm refuses the second one in the middle of an `up`"
    assert all(len(name) <= 63 for name in physical), "a DNS label takes 63 characters"


@ON_EVERY_STACK
def test_every_resource_names_its_provider(stack):
    lost = [one.name for one in recorded(stack).custom if not one.provider]
    assert not lost, f"default providers are switched off, so these would fail: {lost}"


@ON_EVERY_STACK
def test_every_resource_belongs_to_a_component(stack):
    roots = [one.name for one in recorded(stack).custom if one.parent.split("::")[2] == "pulumi:pulumi:Stack"]
    assert not roots, f"these are in nobody's care: {roots}"


@ON_EVERY_STACK
def test_no_image_can_move(stack):
    images = {name: one.container["image"] for name, one in recorded(stack).of_type(SERVICE).items()}
    for name, image in images.items():
        assert LOCAL_BUILD.fullmatch(image) or PINNED.fullmatch(image), (
            f"{name}: {image} can be another image on the next host; pin it by digest"
        )
    for command in recorded(stack).commands:
        for word in re.findall(r"\S+@sha256:\S+|colorway/[\w-]+:\S+", str(command.inputs["create"])):
            assert LOCAL_BUILD.fullmatch(word) or PINNED.fullmatch(word), f"{command.name}: {word}"


@ON_EVERY_STACK
def test_the_outputs_are_what_the_release_tool_reads(stack):
    outputs = PlatformOutputs.model_validate(recorded(stack).outputs[OUTPUT])
    assert outputs.stack == stack
    assert outputs.schema_version == 1, "a new meaning of a field raises it"
    registered = {one.inputs["name"] for one in recorded(stack).of_type(SERVICE).values()}
    assert {service.service for service in outputs.services} == registered, (
        "`status` would miss a service, or look for one that nobody makes"
    )
    wanted = {one.inputs["name"]: one.inputs["mode"] for one in recorded(stack).of_type(SERVICE).values()}
    for service in outputs.services:
        assert wanted[service.service] == {"replicated": {"replicas": service.replicas}}, service.service
    assert {lb.service for lb in outputs.load_balancers} <= registered


@ON_EVERY_STACK
def test_the_generation_is_known_to_an_up_only_after_it_was_applied(stack):
    assert recorded(stack, preview=True).outputs[OUTPUT] is None, (
        "the output depends on every apply, so a failed one never looks done"
    )
    generation = recorded(stack).outputs[OUTPUT]["generation"]
    applied = [one for one in recorded(stack).commands if one.name.startswith("routing-apply-")]
    assert applied, "somebody applies it"
    for one in applied:
        assert one.inputs["stdin"].startswith(f"# colorway generation {generation} ")


@ON_EVERY_STACK
def test_networks_are_joined_by_id(stack):
    for name, one in recorded(stack).of_type(SERVICE).items():
        for network in one.inputs["taskSpec"]["networksAdvanceds"]:
            # Of the hosts' own network Swarm keeps what it was told.
            assert network["id"].endswith("-id") or network["id"] == HOST_NETWORK.id, (
                f"{name}: {network['id']} is a name, which differs for ever"
            )


@ON_EVERY_STACK
def test_rules_at_cloudflare_are_such_as_it_takes(stack):
    for name, one in recorded(stack).of_type("cloudflare:index/ruleset:Ruleset").items():
        for rule in one.inputs["rules"]:
            assert rule_problem(rule) is None, name
            rules.condition(rule["expression"])
            if one.inputs["phase"] == REDIRECT_PHASE:
                to = rule["actionParameters"]["fromValue"]["targetUrl"]
                assert to.get("value") or rules.target(to["expression"]), name


def test_production_leads_each_www_to_the_domain_itself():
    made = recorded("production").of_type("cloudflare:index/ruleset:Ruleset").values()
    said = [rule for one in made if one.inputs["phase"] == REDIRECT_PHASE for rule in one.inputs["rules"]]
    assert {rule["description"] for rule in said} == {
        f"www.{name}/ leads to https://{name}" for name in ("bizosaas.com", "bizoholic.com", "coreldove.com")
    }


def test_cloudflare_is_only_imported_for_a_zone():
    private = [stack for stack in STACKS if "colorway:zones" not in config_of(stack)]
    code = (
        "import sys; from tests.program.stacks import run_stack; run_stack(sys.argv[1]); "
        "sys.exit('pulumi_cloudflare' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, private[0]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, f"its import costs 1.5 s at every `up`\n{run.stderr}"
