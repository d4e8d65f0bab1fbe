"""Ports, addresses and names that something else has are found before anything is created."""

from __future__ import annotations

import pytest

from colorway.engine import session
from colorway.engine.session import refuse_taken
from colorway.errors import ColorwayError
from tests.support.specs import REMOTE_HOSTS, small_spec
from tests.swarm.fake_api import FakeApi, swarm_of


@pytest.fixture
def api(monkeypatch) -> FakeApi:
    """Return an engine with the networks that every Docker has; all ports of the machine are free."""
    monkeypatch.setattr(session, "_is_free", lambda _port: True)
    made = FakeApi()
    made.add_network("bridge", "172.17.0.0/16")
    made.add_network("host")
    made.add_network("ingress", "10.0.0.0/24")
    made.add_network("six", "fd00::/64")
    return made


def refused(api: FakeApi, **spec) -> str:
    with pytest.raises(ColorwayError) as caught:
        refuse_taken(small_spec(**spec), swarm_of(api))
    return str(caught.value)


def test_an_empty_swarm_is_free(api) -> None:
    refuse_taken(small_spec(), swarm_of(api))


def test_addresses_of_another_stack_are_named_with_a_range_that_is_free(api) -> None:
    api.add_network("other-blue", "10.90.0.0/24", stack="other")
    api.add_network("other-data", "10.90.2.0/24", stack="other")
    api.add_network("lan", "10.91.4.0/22")
    assert refused(api) == (
        "Pulumi.test.yaml: addresses of colorway:network 10.90.0.0/16 are in use by the network other-blue of the "
        "stack other (10.90.0.0/24), other-data of the stack other (10.90.2.0/24); choose another range, for example "
        "10.92.0.0/16"
    )
    refuse_taken(small_spec(settings={"network": {"range": "10.92.0.0/16"}}), swarm_of(api))


def test_an_address_that_the_stack_does_not_use_may_be_somebody_elses(api) -> None:
    api.add_network("lan", "10.90.200.0/24")
    refuse_taken(small_spec(), swarm_of(api))


def test_a_stack_that_has_its_addresses_gives_way_to_nobody(api) -> None:
    for number, name in enumerate(("blue", "green", "data", "monitoring")):
        api.add_network(f"test-{name}", f"10.90.{number}.0/24", stack="test")
    api.add_network("late", "10.90.0.0/24")
    refuse_taken(small_spec(), swarm_of(api))


def test_a_stack_whose_networks_got_no_addresses_is_told_why(api) -> None:
    api.add_network("first", "10.90.0.0/24")
    for name in ("blue", "green", "data", "monitoring"):
        # As Docker shows a network that it could not allocate.
        api.add_network(f"test-{name}", stack="test", Driver="")
    assert "in use by the network first that no stack of colorway made (10.90.0.0/24)" in refused(api)


def test_names_that_others_have_are_refused(api) -> None:
    api.add_network("test-blue")
    api.add_service("test-postgres", stack=None)
    api.add_service("test-shop-blue", stack="test-shop")
    lines = refused(api).splitlines()
    assert [line.split(";")[0] for line in lines] == [
        "Pulumi.test.yaml: the name test-postgres is in use by a service that no stack of colorway made",
        "Pulumi.test.yaml: the name test-shop-blue is in use by a service of the stack test-shop",
        "Pulumi.test.yaml: the name test-blue is in use by a network that no stack of colorway made",
    ], "each with its owner"
    assert all(line.endswith("give this stack another name, which is the name of its file") for line in lines)


def test_what_the_stack_has_itself_is_no_obstacle(api, monkeypatch) -> None:
    monkeypatch.setattr(session, "_is_free", lambda _port: False)
    api.add_service("test-lb-localhost", ports=(80, 443))
    api.add_service("test-prometheus", ports=(9090,))
    refuse_taken(small_spec(), swarm_of(api))


def test_a_port_of_another_program_or_service_is_named_with_its_key(api, monkeypatch) -> None:
    monkeypatch.setattr(session, "_is_free", lambda port: port == 80)
    api.add_service("other-lb-localhost", stack="other", ports=(443,))
    assert refused(api).splitlines() == [
        "Pulumi.test.yaml: port 443 is in use by the service other-lb-localhost of the stack other; remove that, or "
        "choose another port with colorway:overrides: {edge: {https-port: …}}",
        "Pulumi.test.yaml: port 9090 is in use by another program; stop that program, or choose another port with "
        "colorway:overrides: {monitoring: {port: …}}",
    ]


def test_ports_of_other_machines_are_not_looked_for_here(api, monkeypatch) -> None:
    monkeypatch.setattr(session, "_is_free", lambda _port: False)
    refuse_taken(small_spec(hosts=REMOTE_HOSTS), swarm_of(api))


def test_a_task_that_may_use_more_processors_than_there_are_is_named(api, monkeypatch) -> None:
    monkeypatch.setattr(session.os, "cpu_count", lambda: 2)
    strong = {"edge": {"limits": {"cpus": 4, "memory": "256Mi"}}}
    assert refused(api, overrides=strong) == (
        "Pulumi.test.yaml: the load balancer of the host localhost may use 4 processors, and this machine has 2; write "
        "a lower cpus under its limits, in colorway:overrides"
    )
    refuse_taken(small_spec(), swarm_of(api))
