"""The programs of the recorded scenarios: from the few words of a recording to the inputs of every resource.

Written once, for the servicer called directly and for the real engine. A value of another resource is asked
for through `refer`, because it is an id here and an output there.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"
NETWORK = "docker:index/network:Network"
SECRET = "docker:index/secret:Secret"
CONFIG = "docker:index/serviceConfig:ServiceConfig"
SERVICE = "docker:index/service:Service"
COMMAND = "command:local:Command"

Refer = Callable[[str, str], Any]

RANGE = "10.209"
"""Where the networks' addresses begin: below those of the stacks under test (`tests/support/places.py`)."""
LABEL = "contract"
"""Of secrets and configs, whose names are made up, so that they are found when a test did not come to its end."""

OURS = {"labels": [{"label": LABEL, "value": "1"}]}

# A program that stops at once on SIGTERM, unless somebody made it stubborn.
STUBBORN = "/stubborn"
SLEEPER = f"trap 'test -e {STUBBORN} || exit 0' TERM; while :; do sleep 1 & wait $!; done"


@dataclass(frozen=True, kw_only=True)
class Declared:
    """One resource of a program."""

    type: str
    name: str
    inputs: Mapping[str, Any]


def recorded(name: str) -> Any:
    """One recording."""
    return json.loads((DATA / f"{name}.json").read_text())


def docker_program(program: Mapping[str, Any], refer: Refer, *, prefix: str = "") -> Iterator[Declared]:
    """The resources of a docker scenario, one after the other, so that each can refer to those before.

    Args:
        program: the words of the recording.
        refer: gives a value of a resource that was declared before.
        prefix: of the names of networks and services.
    """
    yield Declared(type=NETWORK, name="net", inputs=_network(f"{prefix}net", 0))
    yield Declared(type=SECRET, name="pw", inputs={"data": _base64(program.get("pw", "one")), **OURS})
    yield Declared(type=CONFIG, name="conf", inputs={"dataRaw": program.get("conf", "one\n"), **OURS})
    networks = ["net"]
    if program.get("net2"):
        yield Declared(type=NETWORK, name="net2", inputs=_network(f"{prefix}net2", 1))
        networks.append("net2")
    for name in ("svc", "new"):
        if name in program:
            inputs = _service(name, program[name], refer, prefix=prefix, networks=networks)
            yield Declared(type=SERVICE, name=name, inputs=inputs)


def command_program(program: Mapping[str, Any]) -> Iterator[Declared]:
    """The one resource of a command scenario."""
    yield Declared(type=COMMAND, name="run", inputs=program["cmd"])


def _network(name: str, number: int) -> Mapping[str, Any]:
    network = f"{RANGE}.{number}"
    ranges = [{"subnet": f"{network}.0/24", "gateway": f"{network}.1"}]
    return {"name": name, "driver": "overlay", "attachable": True, "ipamConfigs": ranges}


def _service(
    logical_name: str,
    words: Mapping[str, Any],
    refer: Refer,
    *,
    prefix: str,
    networks: list[str],
) -> Mapping[str, Any]:
    container = {
        "image": words.get("image", "lab:1"),
        "commands": ["sh", "-c"],
        "args": [SLEEPER],
        "env": words.get("env", {"A": "1"}),
        # A task on an overlay network takes several seconds to go, even when its program stops at once.
        "stopGracePeriod": "15s",
        "healthcheck": {
            "tests": words.get("health", ["CMD", "true"]),
            "interval": "1s",
            "timeout": words.get("patience", "1s"),
            "startPeriod": "0s",
            "retries": 2,
        },
        "secrets": [
            {"secretId": refer("pw", "id"), "secretName": refer("pw", "name"), "fileName": "/run/secrets/pw"},
        ],
        "configs": [
            {"configId": refer("conf", "id"), "configName": refer("conf", "name"), "fileName": "/etc/conf"},
        ],
    }
    if "clabels" in words:
        container["labels"] = _labels(words["clabels"])
    service: dict[str, Any] = {
        "name": prefix + words.get("name", logical_name),
        "taskSpec": {
            "containerSpec": container,
            "networksAdvanceds": [{"id": refer(network, "id")} for network in networks],
            "restartPolicy": {"condition": "any", "delay": "10s", "maxAttempts": 0, "window": "0s"},
        },
        "endpointSpec": {"mode": "dnsrr"},
        "updateConfig": {
            "parallelism": 1,
            "delay": "0s",
            "failureAction": "rollback",
            "monitor": "5s",
            "maxFailureRatio": "0.0",
            "order": "start-first",
        },
    }
    if "labels" in words:
        service["labels"] = _labels(words["labels"])
    if words.get("global"):
        service["mode"] = {"global": True}
    else:
        service["mode"] = {"replicated": {"replicas": words.get("replicas", 1)}}
        service["convergeConfig"] = {"delay": "1s", "timeout": words.get("timeout", "20s")}
    return service


def _labels(labels: Mapping[str, str]) -> list[Mapping[str, str]]:
    return [{"label": label, "value": value} for label, value in labels.items()]


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
