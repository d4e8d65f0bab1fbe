"""Outputs and what the daemon is told, against what was recorded with the official plugin."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.contract.fake_daemon import FakeDaemon
from tests.contract.programs import CONFIG, NETWORK, SECRET, SERVICE, recorded
from tests.contract.servicer import UNKNOWN, Failed, Servicer, secret

RECORDED = {resource["name"]: resource for resource in recorded("docker-recorded")["resources"]}
DATA = "b25l"
INTERNAL = ("__meta", "__pulumi_raw_state_delta")
# `docker service inspect` shows defaults of the daemon that nobody sent.
DAEMON_DEFAULTS = ("UpdateConfig", "RollbackConfig")


def inputs_of(name: str) -> Mapping[str, Any]:
    resource = RECORDED[name]
    return {**resource["inputs"], "data": DATA} if resource["type"] == SECRET else resource["inputs"]


def created(docker: Servicer, name: str, **changed: Any) -> tuple[str, Any, Any]:
    """The id, inputs and outputs of a recorded resource, made now."""
    token = RECORDED[name]["type"]
    inputs = docker.checked(token, name, {**inputs_of(name), **changed})
    resource_id, outputs = docker.create(token, name, inputs)
    return resource_id, inputs, outputs


def refreshed(docker: Servicer, name: str) -> Any:
    resource_id, inputs, outputs = created(docker, name)
    found, state, _ = docker.read(RECORDED[name]["type"], name, resource_id, state=outputs, inputs=inputs)
    assert found == resource_id, "it is there"
    return {key: value for key, value in state.items() if key not in INTERNAL}


@pytest.mark.parametrize("name", ["data", "db-password", "conf", "full", "glob"])
def test_what_is_read_back_is_what_was_recorded(name: str, docker: Servicer) -> None:
    state = refreshed(docker, name)
    expected = dict(RECORDED[name]["outputs"])
    if RECORDED[name]["type"] == SECRET:
        expected["data"] = secret(DATA)
    if RECORDED[name]["type"] == NETWORK:
        expected["options"] = state["options"]
    assert state == {**expected, "id": state["id"]}, "every default, every order, every nothing"


@pytest.mark.parametrize("name", ["full", "glob"])
def test_the_daemon_is_told_what_was_recorded(name: str, docker: Servicer, daemon: FakeDaemon) -> None:
    created(docker, name)
    (service,) = daemon.services.values()
    expected = dict(RECORDED[name]["inspect"])
    if name == "glob":
        expected = {key: value for key, value in expected.items() if key not in DAEMON_DEFAULTS}
        del expected["TaskTemplate"]["RestartPolicy"]["Delay"]
    else:
        # The program said 0o1777; the recorded inputs are those after a refresh, which loses the sticky bit.
        expected["TaskTemplate"]["ContainerSpec"]["Mounts"][2]["TmpfsOptions"]["Mode"] &= 0o777
    assert service["Spec"] == expected


def test_a_config_and_a_secret_are_stored_as_they_are(docker: Servicer, daemon: FakeDaemon) -> None:
    created(docker, "conf")
    created(docker, "db-password")
    (config,), (password,) = daemon.configs.values(), daemon.secrets.values()
    assert config["Spec"]["Data"] == RECORDED["conf"]["inspect"]["Data"], "base64 of the text"
    assert password["Spec"] == {"Name": "db-password-8c50470", "Labels": {"l": "v"}, "Data": DATA}


def test_the_owner_of_a_file_may_be_left_empty(docker: Servicer) -> None:
    file = {"secretId": "s", "secretName": "n", "fileName": "/f", "fileUid": "", "fileGid": ""}
    spec = json.loads(json.dumps(inputs_of("glob")["taskSpec"]))
    spec["containerSpec"]["secrets"] = [file]
    resource_id, inputs, outputs = created(docker, "glob", taskSpec=spec)
    _, state, _ = docker.read(SERVICE, "glob", resource_id, state=outputs, inputs=inputs)
    (found,) = state["taskSpec"]["containerSpec"]["secrets"]
    assert (found["fileUid"], found["fileGid"]) == ("", ""), "as the daemon keeps it"
    assert not docker.diff(SERVICE, "glob", state=state, news=inputs, old_inputs=inputs).some


def test_an_overlay_network_with_options_wants_to_be_replaced_as_recorded(docker: Servicer) -> None:
    resource_id, inputs, outputs = created(docker, "edge")
    difference = docker.diff(NETWORK, "edge", state=outputs, news=inputs, old_inputs=inputs)
    assert list(difference.detailed.values()) == ["delete-replace"], "the daemon's own option is the difference"
    ignored = docker.diff(
        NETWORK,
        "edge",
        state=outputs,
        news=inputs,
        old_inputs=inputs,
        ignoring=["options"],
    )
    assert not ignored.some, "`ignore_changes` is the way out"
    assert resource_id == outputs["id"]


@pytest.mark.parametrize("name", ["data", "db-password", "conf", "full", "glob"])
def test_the_same_inputs_again_change_nothing(name: str, docker: Servicer) -> None:
    token = RECORDED[name]["type"]
    resource_id, inputs, outputs = created(docker, name)
    assert not docker.diff(token, name, state=outputs, news=inputs, old_inputs=inputs).some, "after a create"
    _, state, read = docker.read(token, name, resource_id, state=outputs, inputs=inputs)
    assert read == inputs, "what is there is what was asked for"
    assert not docker.diff(token, name, state=state, news=inputs, old_inputs=read).some, "after a refresh"


def test_state_says_how_the_official_plugin_rebuilds_its_own(docker: Servicer) -> None:
    _, _, outputs = created(docker, "glob")
    assert json.loads(outputs["__meta"]) == {"schema_version": "2"}
    note = outputs["__pulumi_raw_state_delta"]["obj"]["ps"]
    assert note["convergeConfig"] == {"plu": {"i": {}}}, "an absent object is an empty list there"
    task = note["taskSpec"]["plu"]["i"]["obj"]
    assert task["renamed"] == {"networksAdvanceds": "networks_advanced"}
    assert task["ps"]["containerSpec"]["plu"]["i"]["obj"]["ps"]["commands"] == {"arr": {}}


def test_a_preview_of_a_create_says_what_only_the_daemon_knows(docker: Servicer) -> None:
    inputs = docker.checked(SERVICE, "glob", inputs_of("glob"))
    resource_id, outputs = docker.create(SERVICE, "glob", inputs, preview=True)
    assert (resource_id, outputs["id"]) == ("", UNKNOWN)
    task = outputs["taskSpec"]
    assert task["containerSpec"]["image"] == "lab:1", "what the program says is known"
    assert [task[name] for name in ("resources", "restartPolicy", "placement", "runtime")] == [UNKNOWN] * 4
    assert not any(name in outputs for name in INTERNAL), "no note about what is not known"


def test_a_preview_of_an_update_keeps_what_is_known(docker: Servicer) -> None:
    resource_id, inputs, outputs = created(docker, "full")
    news = json.loads(json.dumps(inputs))
    news["taskSpec"]["containerSpec"]["image"] = UNKNOWN
    after = docker.update(SERVICE, "full", resource_id, state=outputs, news=news, preview=True)
    assert after["taskSpec"]["containerSpec"]["image"] == UNKNOWN
    assert after["taskSpec"]["runtime"] == "container"


def test_an_import_is_refused(docker: Servicer) -> None:
    resource_id, _, _ = created(docker, "glob")
    with pytest.raises(Failed, match="the offline docker plugin imports nothing; import with the official plugin"):
        docker.read(SERVICE, "glob", resource_id, state={}, inputs={})


@pytest.mark.parametrize("name", ["data", "db-password", "conf", "full"])
def test_what_is_gone_is_read_as_gone(name: str, docker: Servicer, daemon: FakeDaemon) -> None:
    token = RECORDED[name]["type"]
    resource_id, inputs, outputs = created(docker, name)
    for things in (daemon.networks, daemon.secrets, daemon.configs, daemon.services):
        things.clear()
    assert docker.read(token, name, resource_id, state=outputs, inputs=inputs) == ("", {}, {})


def test_drift_is_read_into_state_and_inputs(docker: Servicer, daemon: FakeDaemon) -> None:
    resource_id, inputs, outputs = created(docker, "full")
    daemon.services[resource_id]["Spec"]["TaskTemplate"]["ContainerSpec"]["Env"] = ["A=other", "B=2"]
    _, state, read = docker.read(SERVICE, "full", resource_id, state=outputs, inputs=inputs)
    assert read["taskSpec"]["containerSpec"]["env"] == {"A": "other", "B": "2"}
    difference = docker.diff(SERVICE, "full", state=state, news=inputs, old_inputs=read)
    assert difference.detailed == {"taskSpec.containerSpec.env.A": "update"}, "the next `up` puts it right"


def test_a_registry_gives_digest_and_platforms_at_creation(docker: Servicer, daemon: FakeDaemon) -> None:
    digest = "sha256:" + 64 * "a"
    platforms = [{"architecture": "amd64", "os": "linux"}]
    daemon.registry = {"lab:1": {"Descriptor": {"digest": digest}, "Platforms": platforms}}
    _, inputs, outputs = created(docker, "glob")
    assert outputs["taskSpec"]["containerSpec"]["image"] == f"lab:1@{digest}"
    assert outputs["taskSpec"]["placement"]["platforms"] == platforms
    difference = docker.diff(SERVICE, "glob", state=outputs, news=inputs, old_inputs=inputs)
    assert "taskSpec.containerSpec.image" in difference.detailed, "which is why images are pinned by digest"


@pytest.mark.parametrize("name", ["conf", "data"])
def test_deleting_what_is_gone_fails_where_the_official_provider_fails(
    name: str,
    docker: Servicer,
    daemon: FakeDaemon,
) -> None:
    token = RECORDED[name]["type"]
    resource_id, _, outputs = created(docker, name)
    docker.delete(token, name, resource_id, outputs)
    if token == NETWORK:
        docker.delete(token, name, resource_id, outputs)
        return
    assert token == CONFIG
    with pytest.raises(Exception, match=f"config {resource_id} not found"):
        docker.delete(token, name, resource_id, outputs)
