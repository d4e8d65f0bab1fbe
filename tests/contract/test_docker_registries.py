"""Logins of registries: which requests carry which, as the official provider's source has it (docker_service)."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from tests.contract.fake_daemon import FakeDaemon
from tests.contract.programs import SERVICE
from tests.contract.servicer import Context, Servicer, packed, secret
from tests.contract.test_docker_outputs import inputs_of

LOGIN = {"address": "registry.example.com:5000", "username": "deploy", "password": "hunter2"}
OTHER = {"address": "https://other.example.com", "username": "me", "password": "another"}
SENT = {"username": "deploy", "password": "hunter2", "serveraddress": "https://registry.example.com:5000"}


def service_with(image: str) -> dict[str, Any]:
    inputs = copy.deepcopy(dict(inputs_of("full")))
    inputs["taskSpec"]["containerSpec"]["image"] = image
    return inputs


def configured(docker: Servicer, *logins: Any) -> Servicer:
    settings = {"registryAuth": secret(json.dumps(logins))}
    docker.provider.Configure(provider_pb2.ConfigureRequest(args=packed(settings)), Context())
    return docker


@pytest.mark.parametrize(
    ("image", "sent"),
    [
        ("registry.example.com:5000/team/shop:1", SENT),
        ("registry.example.com/team/shop:1", {}),
        ("other.example.com/shop:1", {**OTHER, "serveraddress": OTHER["address"]}),
        ("shop:1", {}),
    ],
)
def test_a_service_is_made_and_changed_with_the_login_of_its_images_registry(
    docker: Servicer, daemon: FakeDaemon, image: str, sent: dict[str, str]
) -> None:
    configured(docker, LOGIN, OTHER)
    expected = {key: value for key, value in sent.items() if key != "address"}
    inputs = docker.checked(SERVICE, "full", service_with(image))
    resource_id, outputs = docker.create(SERVICE, "full", inputs)
    assert [login for _, login in daemon.logins] == [expected, expected], "asked for the digest, and made"
    assert [path.split("/")[1] for path, _ in daemon.logins] == ["distribution", "services"]
    daemon.logins.clear()
    changed = copy.deepcopy(inputs)
    changed["taskSpec"]["containerSpec"]["env"] = {"A": "other"}
    docker.update(SERVICE, "full", resource_id, state=outputs, news=docker.checked(SERVICE, "full", changed))
    assert daemon.logins == [(f"/services/{resource_id}/update", expected)], "an update asks for no digest"


def test_a_new_password_changes_no_service(docker: Servicer, daemon: FakeDaemon) -> None:
    configured(docker, LOGIN)
    inputs = docker.checked(SERVICE, "full", service_with("registry.example.com:5000/team/shop:1"))
    _, outputs = docker.create(SERVICE, "full", inputs)
    assert "hunter2" not in json.dumps(outputs), "a service knows nothing of logins"
    configured(docker, {**LOGIN, "password": "new"})
    assert not docker.diff(SERVICE, "full", state=outputs, news=inputs, old_inputs=inputs).some


def test_without_logins_the_daemon_gets_an_empty_one(docker: Servicer, daemon: FakeDaemon) -> None:
    docker.create(SERVICE, "full", docker.checked(SERVICE, "full", service_with("registry.example.com/shop:1")))
    assert [login for _, login in daemon.logins] == [{}, {}], "with none, the daemon would keep that of before"
