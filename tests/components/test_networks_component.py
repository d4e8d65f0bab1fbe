"""The networks of a stack."""

from __future__ import annotations

import pytest

from components.networks import Networks
from tests.support.recorder import NETWORK, run_program
from tests.support.specs import REMOTE_HOSTS, THIS_MACHINE, small_spec


def networks(**changes):
    spec = small_spec(**changes)
    return run_program(lambda: Networks("net", spec)).of_type(NETWORK)


ALL = ["blue", "green", "monitoring", "shared", "store-postgres", "store-redis"]
MTU = "com.docker.network.driver.mtu"


@pytest.mark.parametrize("versions", [{"blue": "1", "green": "2"}, {"blue": "1", "green": None}])
def test_all_exist_even_while_a_color_is_off(versions):
    assert sorted(networks(versions=versions)) == [f"net-{label}" for label in ALL], (
        "a network more on a running service replaces it, which is an outage"
    )


def test_subnet_and_gateway_are_fixed_and_addresses_tell_the_colors_apart():
    found = {name: network.inputs["ipamConfigs"] for name, network in networks().items()}
    assert found == {
        "net-blue": [{"subnet": "10.90.0.0/21", "gateway": "10.90.0.1"}],
        "net-green": [{"subnet": "10.90.8.0/21", "gateway": "10.90.8.1"}],
        "net-shared": [{"subnet": "10.90.16.0/20", "gateway": "10.90.16.1"}],
        "net-monitoring": [{"subnet": "10.90.32.0/20", "gateway": "10.90.32.1"}],
        "net-store-postgres": [{"subnet": "10.90.104.0/21", "gateway": "10.90.104.1"}],
        "net-store-redis": [{"subnet": "10.90.232.0/21", "gateway": "10.90.232.1"}],
    }, "without a gateway the first refresh wants to replace the network"


@pytest.mark.parametrize(
    ("hosts", "said", "options"),
    [
        (THIS_MACHINE, {}, None),
        (REMOTE_HOSTS, {}, {"encrypted": ""}),
        (REMOTE_HOSTS[2:], {}, {"encrypted": ""}),
        (REMOTE_HOSTS, {"encrypted": False}, None),
        (THIS_MACHINE, {"encrypted": True}, {"encrypted": ""}),
        (THIS_MACHINE, {"mtu": 1450}, {MTU: "1450"}),
        (REMOTE_HOSTS, {"mtu": 8950}, {"encrypted": "", MTU: "8950"}),
    ],
    ids=["this machine", "hosts", "one host that may get company", "without", "with", "mtu", "both"],
)
def test_what_goes_between_hosts_is_encrypted_unless_the_stack_says_otherwise(hosts, said, options):
    hosts = [dict(host) for host in hosts]
    if len(hosts) == 1 and hosts[0]["address"] != "127.0.0.1":
        hosts[0]["roles"] = THIS_MACHINE[0]["roles"]
    environment = "local" if hosts[0]["address"] == "127.0.0.1" else "lab"
    for name, network in networks(hosts=hosts, settings={"network": said, "environment": environment}).items():
        assert network.inputs.get("options") == options, name


def test_the_options_are_those_of_the_first_day():
    for name, network in networks().items():
        assert network.ignore_changes == ("options",), (
            f"{name}: the daemon adds its own, and the next `up` would replace it"
        )
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
        *(f"shop1-{label}" for label in ALL),
    }, "two stacks can share a swarm"
