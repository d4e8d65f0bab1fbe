"""The recorded docker scenarios, called directly: what is announced, what fails with which words, what state keeps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.contract.fake_daemon import FakeDaemon
from tests.contract.programs import SECRET, Declared, docker_program, recorded
from tests.contract.servicer import UNKNOWN, Difference, Failed, Servicer, secret, shown

SCENARIOS = recorded("docker-scenarios")["scenarios"]
NO_ID = re.compile(r"\b([0-9a-f]{64}|[a-z0-9]{25})\b")


class Stack:
    """What the engine does with a program, as far as the plugin can tell."""

    def __init__(self, servicer: Servicer) -> None:
        self.servicer = servicer
        self.resources: dict[str, dict[str, Any]] = {}
        self.expected: list[Mapping[str, Any]] = []

    def announced(self, name: str) -> Mapping[str, Any] | None:
        """What the recording announces for a resource, the first time that it does."""
        return next((event for event in self.expected if event["name"] == name and event["step"] == "start"), None)

    def run(self, program: Mapping[str, Any], *, preview: bool) -> list[str]:
        """Go through a program; returns what failed."""
        seen: dict[str, Mapping[str, Any]] = {}
        failures: list[str] = []
        obsolete: list[tuple[str, dict[str, Any]]] = []
        for declared in docker_program(program, lambda name, output: seen[name].get(output, UNKNOWN)):
            name, old = declared.name, self.resources.get(declared.name)
            inputs = self.servicer.checked(
                declared.type,
                name,
                declared.inputs,
                olds=old and old["inputs"],
                seed=name.encode(),
            )
            resource = {"type": declared.type, "inputs": inputs, "id": "", "state": {}}
            try:
                if old is None:
                    assert self.announced(name) is None or self.announced(name)["op"] == "create"
                    self._create(name, resource, preview=preview)
                else:
                    self._change(name, old, resource, declared, obsolete, preview=preview)
            except Failed as failed:
                failures.append(failed.text)
                if failed.left is not None:
                    state = {"type": declared.type, "inputs": (old or resource)["inputs"], "id": failed.left.id}
                    self.resources[name] = {**state, "state": shown(failed.left.properties), "sick": failed.text}
                break
            seen[name] = resource["state"]
            if not preview:
                self.resources[name] = resource
        if not preview and not failures:
            gone = [(name, self.resources[name]) for name in list(self.resources) if name not in seen]
            for name, resource in [*obsolete, *gone]:
                try:
                    self.servicer.delete(resource["type"], name, resource["id"], resource["state"])
                except Failed as failed:
                    failures.append(failed.text)
                    continue
                if (name, resource) in gone:
                    del self.resources[name]
        return failures

    def _create(self, name: str, resource: dict[str, Any], *, preview: bool) -> None:
        resource["id"], resource["state"] = self.servicer.create(
            resource["type"],
            name,
            resource["inputs"],
            preview=preview,
        )

    def _change(
        self,
        name: str,
        old: dict[str, Any],
        resource: dict[str, Any],
        declared: Declared,
        obsolete: list[tuple[str, dict[str, Any]]],
        *,
        preview: bool,
    ) -> None:
        difference = self.servicer.diff(
            resource["type"],
            name,
            state=old["state"],
            news=resource["inputs"],
            old_inputs=old["inputs"],
        )
        self._compare(name, old, difference)
        if difference.replaces:
            if difference.first_delete and not preview:
                self.servicer.delete(resource["type"], name, old["id"], old["state"])
            # The engine checks the inputs of a replacement again, as those of a new resource.
            resource["inputs"] = self.servicer.checked(
                resource["type"],
                name,
                declared.inputs,
                seed=str(old["id"]).encode(),
            )
            self._create(name, resource, preview=preview)
            if not difference.first_delete:
                obsolete.append((name, old))
        elif difference.some or "sick" in old:
            resource["id"] = old["id"]
            resource["state"] = self.servicer.update(
                resource["type"],
                name,
                old["id"],
                state=old["state"],
                news=resource["inputs"],
                preview=preview,
            )
        else:
            resource["id"], resource["state"] = old["id"], old["state"]

    def _compare(self, name: str, old: Mapping[str, Any], difference: Difference) -> None:
        event = self.announced(name)
        if event is None:
            assert not difference.some, f"{name}: nothing is announced for it, yet {difference.detailed} differs"
            return
        replacing = event["op"] in {"replace", "create-replacement", "delete-replaced"}
        assert bool(difference.replaces) == replacing, f"{name}: whether it is replaced"
        assert difference.first_delete == (event["op"] == "delete-replaced"), f"{name}: what is deleted when"
        described = next((item for item in self.expected if item["name"] == name and "diffs" in item), {})
        assert difference.diffs == described.get("diffs", []), f"{name}: the properties that differ"
        kinds = {path: diff["kind"] for path, diff in described.get("detailed", {}).items()}
        assert difference.detailed == kinds, f"{name}: how they differ"
        assert "sick" in old or difference.some, f"{name}: an update without differences retries a failed one"


def masked(text: str) -> str:
    return NO_ID.sub("ID", text)


def test_the_scenarios_go_as_recorded(docker: Servicer, daemon: FakeDaemon) -> None:
    stack = Stack(docker)
    for scenario in SCENARIOS:
        where = scenario["scenario"]
        # The recorded program ignored the signal to stop, which mattered here only.
        daemon.stubborn = where == "delete"
        for run in scenario["runs"]:
            stack.expected = [event for event in run["events"] if event["step"] != "error"]
            failures = stack.run(scenario["program"], preview=run["op"] == "preview")
            told = [event["text"] for event in run["events"] if event["step"] == "error"]
            assert bool(failures) != run["ok"], f"{where}: {failures}"
            # The first line is the official provider's own log, the last the engine's.
            assert [masked(text).strip() for text in failures] == [
                masked(text).partition("\n\t* ")[2] if "\n\t* updating" in text else masked(text) for text in told[1:-1]
            ], f"{where}: the words"
        sick = {name: resource.get("sick") for name, resource in stack.resources.items()}
        for name, kept in scenario["state"]["resources"].items():
            assert name in sick, f"{where}: {name} stays in state"
            if isinstance(kept, Mapping):
                container = stack.resources[name]["inputs"]["taskSpec"]["containerSpec"]
                assert (container["image"], container["env"]) == (kept["image_in"], kept["env_in"]), where
                errors = [masked(text) for text in kept.get("initErrors", [])]
                told = [masked(sick[name])] if sick[name] else []
                assert told == errors, f"{where}: why it is to be retried"
        running = [
            f"{service['Spec']['Name']} {daemon._wanted(service['Spec'])}/{daemon._wanted(service['Spec'])} "
            f"{service['Spec']['TaskTemplate']['ContainerSpec']['Image']}"
            for service in daemon.services.values()
        ]
        assert running == scenario["swarm"], f"{where}: what the swarm runs"


def test_a_failure_is_told_as_the_official_provider_does(docker: Servicer, log: Any) -> None:
    inputs = docker.checked(SECRET, "pw", {"name": "pw", "data": secret("b25l")})
    docker.create(SECRET, "pw", inputs)
    with pytest.raises(Failed, match="secret pw already exists") as failure:
        docker.create(SECRET, "pw", inputs)
    assert failure.value.text == "1 error occurred:\n\t* Error response from daemon: secret pw already exists\n\n"
    (line,) = [line for _, line, _ in log.lines]
    words = "Error response from daemon: secret pw already exists: provider=docker@5.2.0"
    assert line == f"  sdk-v2/provider2.go:571: sdk.helper_schema: {words}", "its own line in the log as well"
