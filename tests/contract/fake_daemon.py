"""A daemon with a swarm in memory: what the plugin asks of the real one, and time that passes when it waits."""

from __future__ import annotations

import base64
import copy
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from offline_plugins.docker.daemon import DaemonError
from offline_plugins.waiting import CanceledError, Patience

MISSING, CONFLICT, BAD_REQUEST = 404, 409, 400


class VirtualPatience(Patience):
    """Waits by putting its clock forward."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = 0.0

    def now(self) -> float:
        return self.clock

    def pause(self, seconds: float) -> None:
        if self.ended:
            raise CanceledError
        self.clock += max(seconds, 0)


class FakeDaemon:
    """One node. Tasks run at once; a service whose health check is `false` never becomes healthy."""

    def __init__(self, *, registry: Mapping[str, Any] | None = None) -> None:
        self.networks: dict[str, Any] = {}
        self.secrets: dict[str, Any] = {}
        self.configs: dict[str, Any] = {}
        self.services: dict[str, Any] = {}
        self.containers: set[str] = set()
        self.stubborn = False
        self.registry = registry or {}
        self.calls: list[tuple[str, str]] = []
        self.logins: list[tuple[str, Any]] = []
        """Path and content of each `X-Registry-Auth`."""
        self._numbers = itertools.count(1)

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        login: str | None = None,
    ) -> Any:
        self.calls.append((method, path))
        if login is not None:
            self.logins.append((path, json.loads(base64.urlsafe_b64decode(login))))
        kind, _, rest = path.strip("/").partition("/")
        answer = getattr(self, f"_{kind}")(method, rest, query or {}, copy.deepcopy(body))
        return copy.deepcopy(answer)

    def _new_id(self) -> str:
        return f"{next(self._numbers):025d}"

    @staticmethod
    def _found(things: dict[str, Any], kind: str, name: str) -> Any:
        for thing_id, thing in things.items():
            if name in {thing_id, thing.get("Name"), thing.get("Spec", {}).get("Name")}:
                return thing
        raise DaemonError(f"{kind} {name} not found", status=MISSING)

    def _networks(self, method: str, rest: str, _: Mapping[str, Any], body: Any) -> Any:
        if rest == "create":
            number = next(self._numbers)
            config = body["IPAM"].get("Config") or [
                {"Subnet": f"10.0.{number}.0/24", "Gateway": f"10.0.{number}.1"},
            ]
            vxlan = {"com.docker.network.driver.overlay.vxlanid_list": str(4096 + number)}
            network = {
                "Id": self._new_id(),
                "Name": body["Name"],
                "Scope": "swarm",
                "Driver": body.get("Driver", "bridge"),
                "EnableIPv6": False,
                "IPAM": {"Driver": "default", "Options": None, "Config": config},
                "Internal": body.get("Internal", False),
                "Attachable": body.get("Attachable", False),
                "Ingress": False,
                "Options": {**body.get("Options", {}), **vxlan},
                "Labels": body.get("Labels"),
            }
            self.networks[network["Id"]] = network
            return {"Id": network["Id"]}
        network = self._found(self.networks, "network", rest)
        if method == "DELETE":
            del self.networks[network["Id"]]
        return network

    def _stored(self, things: dict[str, Any], kind: str, method: str, rest: str, body: Any) -> Any:
        if rest == "create":
            if any(thing["Spec"]["Name"] == body["Name"] for thing in things.values()):
                raise DaemonError(f"{kind} {body['Name']} already exists", status=CONFLICT)
            thing_id = self._new_id()
            things[thing_id] = {"ID": thing_id, "Spec": {"Labels": {}, **body}}
            return {"ID": thing_id}
        thing = self._found(things, kind, rest)
        if method == "DELETE":
            del things[thing["ID"]]
        return thing

    def _secrets(self, method: str, rest: str, _: Mapping[str, Any], body: Any) -> Any:
        answer = self._stored(self.secrets, "secret", method, rest, body)
        if method == "GET":
            answer = {**answer, "Spec": {key: value for key, value in answer["Spec"].items() if key != "Data"}}
        return answer

    def _configs(self, method: str, rest: str, _: Mapping[str, Any], body: Any) -> Any:
        return self._stored(self.configs, "config", method, rest, body)

    def _distribution(self, _: str, rest: str, __: Mapping[str, Any], ___: Any) -> Any:
        image = rest.removesuffix("/json")
        if image not in self.registry:
            raise DaemonError("no such host", status=500)
        return self.registry[image]

    def _nodes(self, *_: Any) -> Any:
        return [{"ID": "node", "Status": {"State": "ready"}}]

    def _containers(self, _: str, rest: str, __: Mapping[str, Any], ___: Any) -> Any:
        container = rest.removesuffix("/json")
        if container not in self.containers:
            raise DaemonError(f"No such container: {container}", status=MISSING)
        return {"Id": container}

    def _services(self, method: str, rest: str, query: Mapping[str, Any], body: Any) -> Any:
        if rest == "create":
            service_id = self._new_id()
            service = {"ID": service_id, "Version": {"Index": 10}, "Spec": self._accepted(body)}
            self.services[service_id] = {**service, "Endpoint": self._endpoint(body)}
            return {"ID": service_id}
        name, _, action = rest.partition("/")
        service = self._found(self.services, "service", name)
        if action == "update":
            assert query["version"] == service["Version"]["Index"], "an update names the version that it read"
            self._update(service, self._accepted(body))
        elif method == "DELETE":
            if not self.stubborn:
                self.containers -= set(self._container_ids(service))
            del self.services[service["ID"]]
        return service

    def _accepted(self, spec: Any) -> Any:
        if len(spec["Mode"]) > 1:
            raise DaemonError("must specify only one service mode", status=BAD_REQUEST)
        spec["Mode"] = spec["Mode"] or {"Replicated": {"Replicas": 1}}
        spec["TaskTemplate"].setdefault("Runtime", "container")
        if "ContainerSpec" in spec["TaskTemplate"]:
            policy = spec["TaskTemplate"].setdefault("RestartPolicy", {})
            policy.setdefault("Condition", "any")
            policy.setdefault("MaxAttempts", 0)
        ids = {network["Name"]: network_id for network_id, network in self.networks.items()}
        for network in spec["TaskTemplate"].get("Networks", ()):
            network["Target"] = ids.get(network["Target"], network["Target"])
        return spec

    @staticmethod
    def _endpoint(spec: Any) -> Any:
        ports = spec.get("EndpointSpec", {}).get("Ports")
        return {"Spec": spec["EndpointSpec"], "Ports": ports} if ports else {"Spec": {}}

    def _update(self, service: Any, spec: Any) -> None:
        before = service["Spec"]
        service["Version"]["Index"] += 1
        service.pop("UpdateStatus", None)
        exchanged = spec["TaskTemplate"] != before["TaskTemplate"] and self._wanted(spec) and self._wanted(before)
        if exchanged and not self._healthy(spec):
            text = f"update rolled back due to failure or early termination of task {self._new_id()}"
            service["UpdateStatus"] = {"State": "rollback_started", "Message": text}
            return
        service["Spec"] = spec
        service["Endpoint"] = self._endpoint(spec)
        if exchanged:
            service["UpdateStatus"] = {"State": "completed", "Message": "update completed"}

    @staticmethod
    def _healthy(spec: Any) -> bool:
        return spec["TaskTemplate"]["ContainerSpec"]["Healthcheck"].get("Test") != ["CMD", "false"]

    @staticmethod
    def _wanted(spec: Any) -> int:
        return spec["Mode"].get("Replicated", {}).get("Replicas", 0)

    def _container_ids(self, service: Any) -> list[str]:
        return [f"{service['ID']}{slot:039d}" for slot in range(1, self._wanted(service["Spec"]) + 1)]

    def _tasks(self, _: str, __: str, query: Mapping[str, Any], ___: Any) -> Any:
        (name,) = query["filters"]["service"]
        return list(self._tasks_of(self._found(self.services, "service", name)))

    def _tasks_of(self, service: Any) -> Iterator[Any]:
        state = "running" if self._healthy(service["Spec"]) else "starting"
        for slot, container in enumerate(self._container_ids(service), start=1):
            self.containers.add(container)
            status = {"State": state, "ContainerStatus": {"ContainerID": container}}
            yield {
                "ID": f"task{slot}",
                "Slot": slot,
                "NodeID": "node",
                "DesiredState": "running",
                "Status": status,
            }
