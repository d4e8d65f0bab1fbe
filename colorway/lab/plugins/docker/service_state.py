"""A service, from the daemon's document to its state."""

from __future__ import annotations

from typing import Final

from colorway.lab.plugins.docker.container_state import container_state
from colorway.lab.plugins.docker.documents import (
    Document,
    label_pairs,
    number,
    part,
    parts,
    text,
    text_items,
    words,
)
from colorway.lab.plugins.docker.durations import short
from colorway.lab.plugins.docker.ordering import shown
from colorway.lab.plugins.docker.service_fields import SERVICE
from colorway.lab.plugins.values import Properties, Value

_TASK: Final = SERVICE["taskSpec"].content
_PLACEMENT: Final = _TASK["placement"].content
_NETWORKS: Final = _TASK["networksAdvanceds"]


def service_state(service: Document, *, kept: Properties) -> Properties:
    """The state of a service.

    Args:
        service: the daemon's document.
        kept: a state with what the daemon does not know (`convergeConfig`).
    """
    spec = part(service, "Spec")
    mode, endpoint = part(spec, "Mode"), part(service, "Endpoint")
    published = endpoint if part(endpoint, "Spec").get("Mode") else part(spec, "EndpointSpec")
    return {
        "auth": kept.get("auth"),
        "name": text(spec.get("Name")),
        "labels": shown(SERVICE["labels"], label_pairs(spec.get("Labels"))),
        "taskSpec": _task(part(spec, "TaskTemplate")),
        "mode": {
            "replicated": {"replicas": number(part(mode, "Replicated").get("Replicas"))}
            if "Replicated" in mode
            else None,
            "global": "Global" in mode,
        },
        "updateConfig": _rollout(spec, "UpdateConfig"),
        "rollbackConfig": _rollout(spec, "RollbackConfig"),
        "endpointSpec": {
            "mode": text(part(endpoint, "Spec").get("Mode") or published.get("Mode")),
            "ports": _ports(published),
        },
        "convergeConfig": kept.get("convergeConfig"),
    }


def _task(task: Document) -> Properties:
    resources, policy = part(task, "Resources"), part(task, "RestartPolicy")
    driver = part(task, "LogDriver")
    limits = _amounts(resources, "Limits")
    reservation = _amounts(resources, "Reservations")
    return {
        "containerSpec": container_state(part(task, "ContainerSpec")),
        "resources": {
            "limits": limits,
            "reservation": None if reservation is None else {**reservation, "genericResources": None},
        }
        if "Resources" in task
        else None,
        "restartPolicy": _restart(policy) if "RestartPolicy" in task else None,
        "placement": _placement(part(task, "Placement")) if "Placement" in task else None,
        "forceUpdate": number(task.get("ForceUpdate")),
        "runtime": text(task.get("Runtime")),
        "networksAdvanceds": shown(_NETWORKS, [_network(network) for network in parts(task, "Networks")]),
        "logDriver": {"name": text(driver.get("Name")), "options": {**text_items(driver.get("Options"))}}
        if "LogDriver" in task
        else None,
    }


def _amounts(resources: Document, name: str) -> Properties | None:
    if name not in resources:
        return None
    amounts = part(resources, name)
    return {"nanoCpus": number(amounts.get("NanoCPUs")), "memoryBytes": number(amounts.get("MemoryBytes"))}


def _restart(policy: Document) -> Properties:
    return {
        "condition": text(policy.get("Condition")),
        "delay": short(number(policy["Delay"])) if "Delay" in policy else "",
        "maxAttempts": number(policy.get("MaxAttempts")),
        "window": short(number(policy["Window"])) if "Window" in policy else "",
    }


def _placement(placement: Document) -> Properties:
    spread: list[Value] = [
        text(part(preference, "Spread").get("SpreadDescriptor")) for preference in parts(placement, "Preferences")
    ]
    platforms: list[Value] = [
        {"architecture": text(platform.get("Architecture")), "os": text(platform.get("OS"))}
        for platform in parts(placement, "Platforms")
    ]
    return {
        "constraints": shown(_PLACEMENT["constraints"], words(placement, "Constraints")),
        "prefs": shown(_PLACEMENT["prefs"], spread),
        "maxReplicas": number(placement.get("MaxReplicas")),
        "platforms": shown(_PLACEMENT["platforms"], platforms),
    }


def _network(network: Document) -> Properties:
    options: list[Value] = [f"{name}={value}" for name, value in text_items(network.get("DriverOpts")).items()]
    return {
        "name": "",
        "id": text(network.get("Target")),
        "aliases": shown(_NETWORKS.content["aliases"], words(network, "Aliases")),
        "driverOpts": shown(_NETWORKS.content["driverOpts"], options),
    }


def _rollout(spec: Document, name: str) -> Properties | None:
    if name not in spec:
        return None
    config = part(spec, name)
    ratio = config.get("MaxFailureRatio")
    return {
        "parallelism": number(config.get("Parallelism")),
        "delay": short(number(config.get("Delay"))),
        "failureAction": text(config.get("FailureAction")),
        "monitor": short(number(config.get("Monitor"))),
        "maxFailureRatio": f"{ratio if isinstance(ratio, int | float) else 0:.1f}",
        "order": text(config.get("Order")),
    }


def _ports(endpoint: Document) -> list[Value]:
    return [
        {
            "name": text(port.get("Name")),
            "protocol": text(port.get("Protocol")),
            "targetPort": number(port.get("TargetPort")),
            "publishedPort": number(port.get("PublishedPort")),
            "publishMode": text(port.get("PublishMode")),
        }
        for port in parts(endpoint, "Ports")
    ]
