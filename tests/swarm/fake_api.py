"""An engine in memory, asked through the real `Connection` and `Swarm`; it fails as docker-py really does.

What docker-py raises for each trouble was seen on real sockets; `test_connections.py` sees it again.
"""

from __future__ import annotations

import requests
import urllib3
from docker.errors import APIError, NotFound

from colorway.spec.hosts import HostSpec
from colorway.spec.names import STACK_LABEL
from colorway.swarm.connections import Connection
from colorway.swarm.inside import SERVICE_OF_CONTAINER
from colorway.swarm.services import Swarm
from tests.support.specs import THIS_MACHINE

HERE = HostSpec.model_validate(THIS_MACHINE[0])


def silent() -> Exception:
    """Return what docker-py raises where a daemon takes the question and says nothing for 20 s."""
    inner = urllib3.exceptions.ReadTimeoutError(None, None, "Read timed out. (read timeout=20)")
    return requests.exceptions.ReadTimeout(inner)


def gone() -> Exception:
    """Return what docker-py raises where nobody listens at the socket."""
    refused = ConnectionRefusedError(111, "Connection refused")
    return requests.exceptions.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", refused))


def cut() -> Exception:
    """Return what docker-py raises where the daemon dies while it answers."""
    return requests.exceptions.ChunkedEncodingError(
        urllib3.exceptions.ProtocolError("Connection broken: IncompleteRead(0 bytes read)")
    )


def no_json() -> Exception:
    """Return what docker-py raises where something else than Docker answers."""
    return requests.exceptions.JSONDecodeError("Expecting value", "<html>", 0)


def slow_exec() -> Exception:
    """Return what a read from a command's output raises that nothing comes from."""
    return TimeoutError("timed out")


def refused(status: int, said: str) -> APIError:
    """Return what docker-py raises for an answer that says no."""
    response = requests.Response()
    response.status_code, response.url, response.reason = status, "http+docker://localhost/v1.41/x", "x"
    kind = NotFound if status == 404 else APIError
    return kind("x", response=response, explanation=said)


SILENCES = (silent, gone, cut, no_json, slow_exec)


class FakeApi:
    """As much of `docker.APIClient` as the boundary asks."""

    def __init__(self) -> None:
        self.trouble: Exception | None = None
        self.asked: list[str] = []
        self.stored: dict[str, list[dict]] = {
            "services": [],
            "networks": [],
            "secrets": [],
            "configs": [],
            "tasks": [],
            "containers": [],
        }
        self.pulled: list[tuple[str, str]] = []
        self.pull_events: list[dict] = [{"status": "Pulling"}]

    def __getattr__(self, name):
        if name not in self.__dict__.get("stored", {}):
            raise AttributeError(name)

        def listed(*, filters=None, **_given):
            self._ask(name)
            label = (filters or {}).get("label", "")
            return [raw for raw in self.stored[name] if matches(raw, label)]

        return listed

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.trouble:
            raise self.trouble

    def inspect_container(self, name):
        self._ask("inspect_container")
        raise refused(404, f"No such container: {name}")

    def logs(self, name, **_given):
        self._ask("logs")
        raise refused(404, f"No such container: {name}")

    def remove_service(self, name):
        self._ask("remove_service")
        before = len(self.stored["services"])
        self.stored["services"] = [raw for raw in self.stored["services"] if raw["Spec"]["Name"] != name]
        if len(self.stored["services"]) == before:
            raise refused(404, f"service {name} not found")

    def inspect_service(self, name, **_given):
        self._ask("inspect_service")
        for raw in self.stored["services"]:
            if raw["Spec"]["Name"] == name:
                return raw
        raise refused(404, f"service {name} not found")

    def update_service(self, name, version, *, fetch_current_spec, task_template=None, mode=None):
        assert fetch_current_spec, "what is not said again would be gone"
        self._ask("update_service")
        raw = self.inspect_service(name)
        if version != raw["Version"]["Index"]:
            raise refused(500, "rpc error: code = Unknown desc = update out of sequence")
        raw["Version"] = {"Index": version + 1}
        raw["Spec"]["TaskTemplate"] = task_template or raw["Spec"]["TaskTemplate"]
        raw["Spec"]["Mode"] = mode or raw["Spec"]["Mode"]

    def remove_config(self, name):
        self._ask("remove_config")

    def remove_network(self, name):
        self._ask("remove_network")
        raise refused(403, f"error while removing network: network {name} is in use by task x")

    def pull(self, repository, *, tag, stream, decode):
        assert stream, "without a stream docker-py swallows what the registry says"
        assert decode
        self._ask("pull")
        self.pulled.append((repository, tag))
        return iter(self.pull_events)

    def inspect_distribution(self, reference):
        self._ask("inspect_distribution")
        raise refused(404, f"manifest unknown: {reference}")

    def inspect_image(self, reference):
        self._ask("inspect_image")
        return {"Id": reference}

    # What a test puts in.

    def add_service(self, name, *, stack="test", running=1, wanted=1, color="", ports=(), order="start-first", **task):
        labels = {STACK_LABEL: stack} if stack else {}
        if color:
            labels["colorway.color"] = color
        self.stored["services"].append(
            {
                "ID": f"id-{name}",
                "Version": {"Index": 1},
                "Spec": {
                    "Name": name,
                    "Labels": labels,
                    "TaskTemplate": {"ContainerSpec": {"Image": "x"}},
                    "Mode": {"Replicated": {"Replicas": wanted}},
                    "UpdateConfig": {"Order": order},
                    "EndpointSpec": {"Ports": [{"PublishedPort": port} for port in ports]},
                },
            }
        )
        self.stored["tasks"] += [
            {
                "ID": f"task-{name}-{number}",
                "ServiceID": f"id-{name}",
                "UpdatedAt": "2026-11-27T05:00:00Z",
                "DesiredState": "running",
                "Status": {"State": "running", "Message": "started", **task},
            }
            for number in range(running)
        ]

    def add_network(self, name, subnet=None, *, stack=None, **more):
        self.stored["networks"].append(
            {
                "Id": f"id-{name}",
                "Name": name,
                "Driver": "overlay",
                "Labels": {STACK_LABEL: stack} if stack else None,
                "IPAM": {"Config": [{"Subnet": subnet}] if subnet else None},
                **more,
            }
        )


def matches(raw: dict, label: str) -> bool:
    labels = raw.get("Spec", raw).get("Labels") or {}
    name, _, value = label.partition("=")
    if label == SERVICE_OF_CONTAINER:
        return label in labels
    return not label or labels.get(name) == value


def swarm_of(api: FakeApi, host: HostSpec = HERE) -> Swarm:
    """Return the real adapter over a fake engine."""
    return Swarm(host, connection=Connection(host, client=lambda: api))
