"""Deletes that fail as the official plugin's do: by themselves, and where a test asks for it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from offline_plugins.faults import VARIABLE
from tests.contract.fake_daemon import FakeDaemon
from tests.contract.programs import SERVICE
from tests.contract.servicer import Context, Failed, Servicer, packed
from tests.contract.test_docker_operations import service

DEADLINE = r"error on wait for container with ID '\w{64}': context deadline exceeded"
NAMES = ("a", "b", "c", "d", "e")


def told(docker: Servicer, faults: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start a run with these faults."""
    monkeypatch.setenv(VARIABLE, faults)
    docker.provider.Configure(provider_pb2.ConfigureRequest(args=packed({})), Context())


def five_services(docker: Servicer) -> dict[str, tuple[str, Any]]:
    return {name: docker.create(SERVICE, name, docker.checked(SERVICE, name, service(name=name))) for name in NAMES}


def deleted(docker: Servicer, made: dict[str, tuple[str, Any]], *names: str) -> dict[str, str]:
    """Delete services one after the other; returns what each failure says."""
    failures = {}
    for name in names or NAMES:
        try:
            docker.delete(SERVICE, name, *made[name])
        except Failed as failure:
            failures[name] = failure.text
    return failures


def test_the_third_of_five_deletes_fails_although_its_service_is_gone(
    docker: Servicer, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = five_services(docker)
    told(docker, "3=deadline", monkeypatch)
    failures = deleted(docker, made)
    assert list(failures) == ["c"], "the other four go well"
    assert failures["c"].startswith("deleting urn:pulumi:docker::contract::docker:index/service:Service::c: 1 error")
    assert re.search(DEADLINE, failures["c"])
    assert "service c not found" in deleted(docker, made, "c")["c"], "the next delete of what is gone"
    assert daemon.services == {}, "the one whose delete failed is gone all the same"
    assert docker.read(SERVICE, "c", made["c"][0], state=made["c"][1], inputs={})[0] == "", "a refresh finds that out"


@pytest.mark.parametrize(("how", "words"), [("deadline", DEADLINE), ("gone", "service [bd] not found")])
def test_deletes_of_a_given_name_fail_in_the_way_that_is_asked_for(
    how: str, words: str, docker: Servicer, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = five_services(docker)
    told(docker, f"b={how}, d={how}", monkeypatch)
    failures = deleted(docker, made)
    assert list(failures) == ["b", "d"]
    assert all(re.search(words, text) for text in failures.values()), failures
    assert daemon.services == {}


def test_every_delete_can_be_told_to_fail(
    docker: Servicer, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = five_services(docker)
    told(docker, "*=deadline", monkeypatch)
    assert list(deleted(docker, made)) == list(NAMES)
    assert daemon.services == {}


def test_each_run_counts_anew(docker: Servicer, monkeypatch: pytest.MonkeyPatch) -> None:
    made = five_services(docker)
    told(docker, "1=deadline", monkeypatch)
    assert list(deleted(docker, made, "a", "b")) == ["a"]
    told(docker, "1=deadline", monkeypatch)
    assert list(deleted(docker, made, "c", "d")) == ["c"]


def test_a_service_that_never_converged_is_removed_whatever_is_to_fail(
    docker: Servicer, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(docker, "*=deadline", monkeypatch)
    with pytest.raises(Failed, match="did not converge"):
        docker.create(SERVICE, "web", docker.checked(SERVICE, "web", service(health="false")))
    assert daemon.services == {}


@pytest.mark.parametrize("faults", ["3", "3=late", "=gone", "1=gone,web"])
def test_a_list_of_faults_that_says_nothing_is_refused(
    faults: str, docker: Servicer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Failed, match=f"^{VARIABLE}: `.*` is no fault; it must be a number, a service's name or"):
        told(docker, faults, monkeypatch)
