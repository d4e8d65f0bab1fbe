"""The four networks."""

from __future__ import annotations

import pytest

from components.networks import Networks
from tests.support.recorder import NETWORK, run_program
from tests.support.specs import small_spec


def networks(**changes):
    spec = small_spec(**changes)
    return run_program(lambda: Networks("net", spec)).of_type(NETWORK)


@pytest.mark.parametrize("versions", [{"blue": "1", "green": "2"}, {"blue": "1", "green": None}])
def test_all_four_exist_even_while_a_color_is_off(versions):
    assert sorted(networks(versions=versions)) == ["net-blue", "net-data", "net-green", "net-monitoring"], (
        "a network more on a running service replaces it, which is an outage"
    )


def test_subnet_and_gateway_are_fixed_and_addresses_tell_the_colors_apart():
    found = {name: network.inputs["ipamConfigs"] for name, network in networks().items()}
    assert found == {
        "net-blue": [{"subnet": "10.90.0.0/24", "gateway": "10.90.0.1"}],
        "net-green": [{"subnet": "10.90.1.0/24", "gateway": "10.90.1.1"}],
        "net-data": [{"subnet": "10.90.2.0/24", "gateway": "10.90.2.1"}],
        "net-monitoring": [{"subnet": "10.90.3.0/24", "gateway": "10.90.3.1"}],
    }, "without a gateway the first refresh wants to replace the network"


def test_no_options_are_given():
    for name, network in networks().items():
        assert "options" not in network.inputs, f"{name}: the daemon adds its own, and the next `up` would replace it"
        assert "attachable" not in network.inputs, f"{name}: nothing but services joins it"


@pytest.mark.parametrize(
    ("environment", "protected"), [("local", False), ("lab", False), ("staging", True), ("production", True)]
)
def test_networks_of_staging_and_production_are_protected(environment, protected):
    assert {network.protect for network in networks(settings={"environment": environment}).values()} == {protected}, (
        "deleting one takes down every service on it"
    )


def test_the_swarms_names_begin_with_the_stack():
    assert {network.inputs["name"] for network in networks(stack="shop1").values()} == {
        "shop1-blue",
        "shop1-green",
        "shop1-data",
        "shop1-monitoring",
    }, "two stacks can share a swarm"
