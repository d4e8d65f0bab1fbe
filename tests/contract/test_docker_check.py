"""Check: complete inputs, names, and what the offline plugin refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.contract.programs import CONFIG, NETWORK, SECRET, SERVICE, recorded
from tests.contract.servicer import UNKNOWN, Failed, Servicer, secret

RECORDED = recorded("docker-recorded")["resources"]
DATA = "b25l"


def cleaned(value: Any) -> Any:
    """Inputs without the internal lists of defaults, which the recording left out."""
    if isinstance(value, dict):
        return {name: cleaned(item) for name, item in value.items() if name != "__defaults"}
    return [cleaned(item) for item in value] if isinstance(value, list) else value


def service(**container: Any) -> Mapping[str, Any]:
    return {"taskSpec": {"containerSpec": {"image": "web:1", **container}}}


@pytest.mark.parametrize("resource", RECORDED, ids=lambda resource: resource["name"])
def test_recorded_inputs_are_complete_already(resource: Mapping[str, Any], docker: Servicer) -> None:
    given = dict(resource["inputs"])
    if resource["type"] == SECRET:
        given["data"] = DATA
    inputs = docker.checked(resource["type"], resource["name"], given)
    expected = {**given, "data": secret(DATA)} if resource["type"] == SECRET else given
    assert cleaned(inputs) == expected, "Check adds nothing to inputs in which the defaults are filled in"


def test_every_object_says_which_of_its_properties_are_defaults(docker: Servicer) -> None:
    program = {
        **service(healthcheck={"tests": ["CMD", "true"]}, configs=[{"configId": "c", "fileName": "/c"}]),
        "updateConfig": {"parallelism": 2},
        "convergeConfig": {},
        "endpointSpec": {"ports": [{"targetPort": 80}]},
    }
    inputs = docker.checked(SERVICE, "web", program)
    container = inputs["taskSpec"]["containerSpec"]
    assert inputs["__defaults"] == ["name"], "the name was made up"
    assert (container["isolation"], container["__defaults"]) == ("default", ["isolation"])
    assert container["healthcheck"] == {
        "tests": ["CMD", "true"],
        "interval": "0s",
        "timeout": "0s",
        "startPeriod": "0s",
        "__defaults": ["interval", "startPeriod", "timeout"],
    }, "retries is left out: its default is 0, and zeros stay unsaid"
    assert container["configs"][0]["__defaults"] == ["fileGid", "fileMode", "fileUid"]
    assert container["configs"][0]["fileMode"] == 0o444, "a config is readable by all"
    assert inputs["convergeConfig"] == {"delay": "7s", "timeout": "3m", "__defaults": ["delay", "timeout"]}
    assert inputs["endpointSpec"]["ports"][0]["publishMode"] == "ingress"


@pytest.mark.parametrize(
    ("token", "inputs"),
    [(SECRET, {"data": DATA}), (CONFIG, {"dataRaw": "x"}), (NETWORK, {}), (SERVICE, service())],
)
def test_a_missing_name_is_made_of_the_logical_name_and_seven_digits(
    token: str,
    inputs: Mapping[str, Any],
    docker: Servicer,
) -> None:
    first = docker.checked(token, "thing", inputs, seed=b"one")
    assert re.fullmatch(r"thing-[0-9a-f]{7}", first["name"]), "logical name, dash, seven digits"
    assert docker.checked(token, "thing", inputs, seed=b"one") == first, "the same seed gives the same name"
    again = docker.checked(token, "thing", inputs, olds=first, seed=b"two")
    assert again["name"] == first["name"], "a later check keeps the name"
    assert docker.checked(token, "thing", inputs, seed=b"two")["name"] != first["name"], "a replacement gets a new one"


def test_a_given_name_counts_and_a_name_that_is_no_longer_given_is_kept(docker: Servicer) -> None:
    given = docker.checked(SECRET, "pw", {"data": DATA, "name": "mine"})
    assert (given["name"], given["__defaults"]) == ("mine", [])
    later = docker.checked(SECRET, "pw", {"data": DATA}, olds=given)
    assert (later["name"], later["__defaults"]) == ("mine", ["name"])


@pytest.mark.parametrize("data", [DATA, secret(DATA), UNKNOWN])
def test_the_data_of_a_secret_is_secret_however_it_comes(data: Any, docker: Servicer) -> None:
    plain = data["value"] if isinstance(data, dict) else data
    assert docker.checked(SECRET, "pw", {"data": data})["data"] == secret(plain)


@pytest.mark.parametrize(
    ("token", "inputs", "path"),
    [
        (SERVICE, {**service(), "auth": {"serverAddress": "r"}}, "auth"),
        (SERVICE, service(groups=["a"]), "taskSpec.containerSpec.groups"),
        (SERVICE, service(privileges={}), "taskSpec.containerSpec.privileges"),
        (SERVICE, service(imgae="web:1"), "taskSpec.containerSpec.imgae"),
        (
            SERVICE,
            service(
                mounts=[{"target": "/a", "type": "bind", "source": "/b", "bindOptions": {"propagation": "shared"}}]
            ),
            "taskSpec.containerSpec.mounts[0].bindOptions",
        ),
        (SERVICE, {"taskSpec": {"containerSpec": {"image": "a"}, "forceUpdate": 1}}, "taskSpec.forceUpdate"),
        (SERVICE, {"taskSpec": {"containerSpec": {"image": "a"}, "runtime": "plugin"}}, "taskSpec.runtime"),
        (
            SERVICE,
            {"taskSpec": {"containerSpec": {"image": "a"}, "networksAdvanceds": [{"id": "n", "driverOpts": []}]}},
            "taskSpec.networksAdvanceds[0].driverOpts",
        ),
        (NETWORK, {"ingress": True}, "ingress"),
        (NETWORK, {"ipv6": True}, "ipv6"),
        (SECRET, {"data": DATA, "driver": "x"}, "driver"),
        (CONFIG, {"data": DATA, "dataRaw": "x"}, "data"),
    ],
)
def test_a_field_that_is_not_ours_is_refused_by_name(
    token: str,
    inputs: Mapping[str, Any],
    path: str,
    docker: Servicer,
) -> None:
    _, failures = docker.check(token, "thing", inputs)
    assert failures == {
        path: f"{path}: the offline docker plugin takes no such field; leave it out or use the official plugin",
    }, "one sentence that names the field"


@pytest.mark.parametrize(
    ("token", "inputs", "sentence"),
    [
        (SERVICE, {}, "taskSpec: is missing; give it a value"),
        (SERVICE, {"taskSpec": {"containerSpec": {}}}, "taskSpec.containerSpec.image: is missing; give it a value"),
        (
            SERVICE,
            service(stopGracePeriod="10"),
            "taskSpec.containerSpec.stopGracePeriod: must be a duration such as 500ms, 10s or 1m30s",
        ),
        (SERVICE, service(readOnly="yes"), "taskSpec.containerSpec.readOnly: must be true or false"),
        (SERVICE, service(env=["A=1"]), "taskSpec.containerSpec.env: must be an object"),
        (SERVICE, service(args="a"), "taskSpec.containerSpec.args: must be a list"),
        (SERVICE, service(isolation="hyperv"), "taskSpec.containerSpec.isolation: must be one of default"),
        (
            SERVICE,
            {**service(), "updateConfig": {"maxFailureRatio": "20%"}},
            'updateConfig.maxFailureRatio: must be a number between 0 and 1 in quotes, such as "0.2"',
        ),
        (
            SERVICE,
            {**service(), "mode": {"replicated": {"replicas": -1}}},
            "mode.replicated.replicas: must be a whole number, 0 or more",
        ),
        (
            SERVICE,
            {**service(), "mode": {"replicated": {}, "global": True}},
            "mode: a service is either replicated or global; give one of the two",
        ),
        (
            SERVICE,
            {**service(), "mode": {"global": True}, "convergeConfig": {}},
            "convergeConfig: works with a replicated service only; leave it out",
        ),
        (SECRET, {}, "data: is missing; give it a value"),
        (CONFIG, {}, "dataRaw: is missing; give it a value"),
    ],
)
def test_a_wrong_value_is_refused_in_one_sentence(
    token: str,
    inputs: Mapping[str, Any],
    sentence: str,
    docker: Servicer,
) -> None:
    _, failures = docker.check(token, "thing", inputs)
    assert list(failures.values()) == [sentence]


def test_a_refusal_does_not_repeat_the_value(docker: Servicer) -> None:
    _, failures = docker.check(SECRET, "pw", {"data": secret("hunter2!")})
    assert failures == {"data": "data: must be base64"}, "the value may be the secret itself"


def test_unknown_values_are_accepted_everywhere(docker: Servicer) -> None:
    program = {
        "taskSpec": {
            "containerSpec": {
                "image": UNKNOWN,
                "env": {"A": UNKNOWN},
                "stopGracePeriod": UNKNOWN,
                "configs": [{"configId": UNKNOWN, "configName": UNKNOWN, "fileName": "/c"}],
            },
            "networksAdvanceds": [{"id": UNKNOWN}],
        },
        "convergeConfig": UNKNOWN,
    }
    inputs = docker.checked(SERVICE, "web", program)
    assert inputs["taskSpec"]["containerSpec"]["env"] == {"A": UNKNOWN}


def test_another_resource_type_is_refused(docker: Servicer) -> None:
    with pytest.raises(Failed, match="the offline docker plugin has no docker:index/container:Container; it has"):
        docker.check("docker:index/container:Container", "c", {})
