"""The program makes exactly what the inventory says, on every stack."""

from __future__ import annotations

import re
from functools import cache

import pytest

from colorway.config.stack_files import from_file
from components.swarm_spec import HOST_NETWORK
from tests.program.stacks import STACKS, run_spec, run_stack
from tests.spec.test_inventory import replicated
from tests.support.recorder import NETWORK, RECORD, SECRET, SERVICE
from tests.support.specs import MAIL, ROOT, small_spec

ON_EVERY_STACK = pytest.mark.parametrize("stack", STACKS)


@cache
def spec_of(stack):
    return from_file(root=ROOT, stack=stack)


@cache
def recorded(stack):
    return run_stack(stack)


@cache
def wanted(stack):
    return spec_of(stack).inventory()


def published(service):
    ports = service.inputs["endpointSpec"].get("ports") or []
    return [(port["publishedPort"], port["targetPort"]) for port in ports]


@ON_EVERY_STACK
def test_services_have_the_images_ports_and_replicas_of_the_inventory(stack):
    made = {
        one.inputs["name"]: (
            one.container["image"],
            published(one),
            one.inputs["mode"]["replicated"]["replicas"],
            one.protect,
        )
        for one in recorded(stack).of_type(SERVICE).values()
    }
    assert made == {
        service.name: (
            service.image.reference,
            [(port.port, port.inside) for port in service.ports],
            service.replicas,
            service.is_protected,
        )
        for service in wanted(stack).services
    }


@ON_EVERY_STACK
def test_tasks_may_use_the_processors_that_the_inventory_says(stack):
    made = {one.inputs["name"]: one for one in recorded(stack).of_type(SERVICE).values()}
    for service in wanted(stack).services:
        limited = made[service.name].inputs["taskSpec"]["resources"]["limits"]["nanoCpus"] / 1e9
        assert limited == service.cpus if service.cpus else limited <= 1, service.name


@ON_EVERY_STACK
def test_records_are_those_of_the_inventory(stack):
    made = recorded(stack).of_type(RECORD).values()
    told = {(one.inputs["name"], one.inputs["type"], one.inputs["content"], one.inputs["zoneId"]) for one in made}
    assert told == {(one.name, one.kind, one.address, one.zone) for one in wanted(stack).records}
    assert len(told) == len(made)


@ON_EVERY_STACK
def test_services_are_placed_as_the_inventory_says(stack):
    made = recorded(stack).of_type(SERVICE).values()
    constraints = {one.inputs["name"]: one.inputs["taskSpec"]["placement"]["constraints"] for one in made}
    for service in wanted(stack).services:
        one = f"-host=={service.host}" if service.host else f"-{service.role.value}==true"
        assert any(constraint.endswith(one) for constraint in constraints[service.name]), service.name


@ON_EVERY_STACK
def test_networks_secrets_volumes_and_directories_are_those_of_the_inventory(stack):
    recording, found = recorded(stack), wanted(stack)
    assert {one.inputs["name"]: one.protect for one in recording.of_type(NETWORK).values()} == {
        network.name: network.is_protected for network in found.networks
    }
    spec = spec_of(stack)
    own = {f"replication-authority-{service.host}" for service in found.services if service.host_ports}
    own |= {f"{name}-repository-configuration" for name in spec.backed_up}
    own |= {f"{name}-members" for name in spec.replicated_stores if spec.watchers(name)}
    own |= {f"{name}-pool" for name in spec.replicated_databases}
    own |= {"certificates-token"} if spec.settings.tls.is_issued else set()
    assert set(recording.of_type(SECRET)) == own | {f"secret-{one.name}" for one in found.secrets if one.is_mounted}, (
        "the platform's, and those by which members know each other and reach a repository"
    )
    mounts = [mount for one in recording.of_type(SERVICE).values() for mount in one.container["mounts"]]
    assert {mount["source"] for mount in mounts if mount["type"] == "volume"} == {one.name for one in found.volumes}
    for source in {mount["source"] for mount in mounts if mount["type"] == "bind"}:
        assert any(source.startswith(f"{one.path}/") for one in found.directories), f"{source} would be left behind"


@ON_EVERY_STACK
def test_services_and_migrations_join_the_networks_of_the_inventory(stack):
    recording, found = recorded(stack), wanted(stack)
    name = spec_of(stack).stack
    ids = {f"{one.name}-id": one.inputs["name"].removeprefix(f"{name}-") for one in recording.of_type(NETWORK).values()}
    made = {
        one.inputs["name"]: {network["id"] for network in one.inputs["taskSpec"]["networksAdvanceds"]}
        for one in recording.of_type(SERVICE).values()
    }
    on_hosts = {one for one, networks in made.items() if networks == {HOST_NETWORK.id}}
    assert on_hosts >= {service.name for service in found.services if service.host_ports}, "its ports are open for it"
    assert {one: {ids[network] for network in made[one] - {HOST_NETWORK.id}} for one in made} == {
        service.name: set(service.networks) for service in found.services
    }, "rooms are reckoned from it"
    for service in found.declared:
        if service.runs or service.color is not None:
            continue
        commands = [one.inputs["create"] for one in recording.commands if f" {service.name} " in one.inputs["create"]]
        assert commands, f"{service.name}: nobody runs it"
        for command in commands:
            options = set(re.findall(r"--network=(\S+)", command))
            assert options == {f"{name}-{network}" for network in service.networks}, service.name


@ON_EVERY_STACK
def test_one_shot_services_have_a_name_that_was_checked(stack):
    checked = {service.name for service in wanted(stack).declared if not service.runs}
    runs = [one for one in recorded(stack).commands if one.name.startswith("migrations-")]
    for one in runs:
        assert any(f" {name} " in one.inputs["create"] for name in checked), f"{one.name} would be too long, unseen"


@pytest.mark.parametrize("stack", [stack for stack in STACKS if spec_of(stack).replicated_stores])
def test_the_ports_of_a_replicated_store_are_those_that_its_programs_are_told(stack):
    recording, found = recorded(stack), wanted(stack)
    made = {one.inputs["name"]: one for one in recording.of_type(SERVICE).values()}
    for service in found.services:
        files = made[service.name].container.get("configs", [])
        texts = [recording.one(file["configName"].removesuffix("-1234567")).text for file in files]
        told = "".join([made[service.name].text, *texts])
        assert [port for port in service.host_ports if not re.search(rf"\b{port}\b", told)] == [], service.name


def test_a_shared_service_is_made_once_as_the_inventory_says():
    volume = {"name": "mails", "target": "/mails"}
    keys = {**MAIL, "replicas": 2, "volumes": [volume], "published": [{"port": 1025, "target": 25}]}
    spec = small_spec(overrides={"services": {"mail": keys}})
    recording, found = run_spec(spec), spec.inventory()
    made = {one.inputs["name"]: one for one in recording.of_type(SERVICE).values()}
    assert set(made) == {service.name for service in found.services}
    [wanted] = [service for service in found.services if service.logical == "mail"]
    one = made["test-mail"]
    assert one.container["image"] == wanted.image.reference
    assert published(one) == [(port.port, port.inside) for port in wanted.ports]
    assert one.inputs["mode"]["replicated"]["replicas"] == wanted.replicas
    ids = [
        network["id"].removeprefix("net-").removesuffix("-id")
        for network in one.inputs["taskSpec"]["networksAdvanceds"]
    ]
    assert ids == list(wanted.networks)
    mounts = {mount["source"] for mount in one.container["mounts"] if mount["type"] == "volume"}
    assert mounts == {"test-mails"} <= {one.name for one in found.volumes}


def test_a_replicated_store_is_made_without_a_change_of_the_component():
    spec = replicated(small_spec())
    made = run_spec(spec).of_type(SERVICE)
    assert {"redis-0-service", "redis-1-service", "redis-2-service"} <= set(made)
    assert {one.inputs["name"] for one in made.values()} == {service.name for service in spec.inventory().services}
