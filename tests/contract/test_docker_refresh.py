"""What a refresh reads back, against what was recorded with the official plugin for every kind of service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.contract.fake_daemon import FakeDaemon
from tests.contract.programs import NETWORK, SERVICE, recorded
from tests.contract.servicer import Servicer

RECORDED = {resource["name"]: resource for resource in recorded("docker-refreshed")["resources"]}
SERVICES = [name for name, resource in RECORDED.items() if resource["type"] == SERVICE]
HOST = "host"
NETWORKS = ["taskSpec.networksAdvanceds"]
INTERNAL = ("__meta", "__pulumi_raw_state_delta", "id")


def without_internal(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in properties.items() if name not in INTERNAL}


@pytest.fixture
def made(request: pytest.FixtureRequest, docker: Servicer, daemon: FakeDaemon) -> tuple[str, Any]:
    """The id and outputs of a recorded service, made now of its recorded inputs."""
    daemon.networks[RECORDED[HOST]["refreshed"]["outputs"]["taskSpec"]["networksAdvanceds"][0]["id"]] = {"Name": "host"}
    return docker.create(SERVICE, request.param, RECORDED[request.param]["inputs"])


@pytest.mark.parametrize(("name", "made"), [(name, name) for name in SERVICES], indirect=["made"])
def test_a_refresh_reads_what_the_official_plugin_reads(name: str, made: tuple[str, Any], docker: Servicer) -> None:
    recording = RECORDED[name]
    resource_id, outputs = made
    assert without_internal(outputs) == without_internal(recording["outputs"]), "after the create"
    _, state, inputs = docker.read(SERVICE, name, resource_id, state=outputs, inputs=recording["inputs"])
    assert without_internal(state) == without_internal(recording["refreshed"]["outputs"]), "every value, every order"
    assert inputs == recording["refreshed"]["inputs"], "what the engine compares the program with from then on"


@pytest.mark.parametrize(("name", "made"), [(name, name) for name in SERVICES], indirect=["made"])
def test_a_refresh_leaves_nothing_to_do(name: str, made: tuple[str, Any], docker: Servicer) -> None:
    program = RECORDED[name]["inputs"]
    resource_id, outputs = made
    _, state, inputs = docker.read(SERVICE, name, resource_id, state=outputs, inputs=program)
    ignoring = NETWORKS if name == HOST else []
    difference = docker.diff(SERVICE, name, state=state, news=program, old_inputs=inputs, ignoring=ignoring)
    assert not difference.some, difference.detailed


@pytest.mark.parametrize("made", [HOST], indirect=True)
def test_a_network_by_name_is_read_back_as_its_id_and_replaces_the_service(
    made: tuple[str, Any], docker: Servicer
) -> None:
    program = RECORDED[HOST]["inputs"]
    resource_id, outputs = made
    assert not docker.diff(SERVICE, HOST, state=outputs, news=program, old_inputs=program).some, "until a refresh"
    _, state, inputs = docker.read(SERVICE, HOST, resource_id, state=outputs, inputs=program)
    (network,) = state["taskSpec"]["networksAdvanceds"]
    assert (network["name"], len(network["id"])) == ("", 25)
    difference = docker.diff(SERVICE, HOST, state=state, news=program, old_inputs=inputs)
    assert difference.detailed == {"__meta": "update-replace", "taskSpec.networksAdvanceds": "update"}, "as recorded"


def test_a_service_with_every_key_is_read_back_as_it_was_made(docker: Servicer) -> None:
    # By the rules that were recorded for other services: of these fields there is no recording yet.
    nfs = {"driverName": "local", "driverOptions": {"type": "nfs", "o": "addr=nas,nfsvers=4", "device": ":/export"}}
    container = {
        "image": "web:1",
        "commands": ["tini", "--"],
        "args": ["serve"],
        "dir": "/srv",
        "user": "1000:1000",
        "stopSignal": "SIGQUIT",
        "hosts": [{"host": "b", "ip": "10.0.0.2"}, {"host": "a", "ip": "10.0.0.3"}],
        "healthcheck": {"tests": ["NONE"], "interval": "5s", "timeout": "3s", "retries": 3, "startPeriod": "30s"},
        "mounts": [
            {"type": "volume", "source": "uploads", "target": "/uploads", "readOnly": False, "volumeOptions": nfs},
            {"type": "tmpfs", "target": "/dev/shm", "tmpfsOptions": {"sizeBytes": 268435456, "mode": 0o777}},
        ],
    }
    program = {
        "name": "every",
        "taskSpec": {
            "containerSpec": container,
            "placement": {"constraints": ["node.labels.zone==a"], "maxReplicas": 2},
            "restartPolicy": {"condition": "on-failure", "delay": "5s", "maxAttempts": 3, "window": "2m"},
        },
        "endpointSpec": {
            "mode": "dnsrr",
            "ports": [{"targetPort": 53, "publishedPort": 9053, "publishMode": "host", "protocol": "udp"}],
        },
    }
    inputs = docker.checked(SERVICE, "every", program)
    resource_id, outputs = docker.create(SERVICE, "every", inputs)
    mounts = outputs["taskSpec"]["containerSpec"]["mounts"]
    assert [mount["volumeOptions"]["driverOptions"] for mount in mounts if mount["type"] == "volume"] == [
        nfs["driverOptions"]
    ]
    _, state, read = docker.read(SERVICE, "every", resource_id, state=outputs, inputs=inputs)
    difference = docker.diff(SERVICE, "every", state=state, news=inputs, old_inputs=read)
    assert not difference.some, difference.detailed


def test_a_mode_with_the_sticky_bit_is_read_back_without_it(docker: Servicer) -> None:
    mount = {"target": "/tmp", "type": "tmpfs", "tmpfsOptions": {"sizeBytes": 1048576, "mode": 0o1777}}
    inputs = docker.checked(SERVICE, "tmp", {"taskSpec": {"containerSpec": {"image": "web:1", "mounts": [mount]}}})
    resource_id, outputs = docker.create(SERVICE, "tmp", inputs)
    _, state, read = docker.read(SERVICE, "tmp", resource_id, state=outputs, inputs=inputs)
    (found,) = state["taskSpec"]["containerSpec"]["mounts"]
    assert found["tmpfsOptions"]["mode"] == 0o777, "the swarm has it; the official plugin does not read it"
    difference = docker.diff(SERVICE, "tmp", state=state, news=inputs, old_inputs=read)
    assert difference.detailed == {"taskSpec.containerSpec.mounts": "update"}, (
        "so every refresh would touch the service"
    )


def test_an_encrypted_network_whose_options_are_ignored_stays_as_it_is(docker: Servicer, daemon: FakeDaemon) -> None:
    recording = next(item for item in RECORDED.values() if item["type"] == NETWORK)
    program = recording["inputs"]
    resource_id, outputs = docker.create(NETWORK, "net", program)
    assert daemon.networks[resource_id]["Options"]["encrypted"] == "", "the option is there, and its value is nothing"
    _, state, inputs = docker.read(NETWORK, "net", resource_id, state=outputs, inputs=program)
    assert set(state["options"]) == set(recording["refreshed"]["outputs"]["options"])
    for known, before in ((outputs, program), (state, inputs)):
        difference = docker.diff(NETWORK, "net", state=known, news=program, old_inputs=before, ignoring=["options"])
        assert not difference.some, difference.detailed
