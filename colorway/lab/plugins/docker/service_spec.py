"""A service, from its planned state to the specification that the daemon gets."""

from __future__ import annotations

from typing import Final

from colorway.lab.plugins.docker.container_spec import container_spec
from colorway.lab.plugins.docker.documents import (
    Document,
    content,
    elements,
    filled,
    in_order,
    label_map,
    number,
    objects,
    present,
    string_map,
    text,
)
from colorway.lab.plugins.docker.durations import nanoseconds
from colorway.lab.plugins.docker.equivalence import zeroed
from colorway.lab.plugins.docker.ordering import sent
from colorway.lab.plugins.docker.service_fields import SERVICE
from colorway.lab.plugins.values import Properties, Value

_TASK: Final = SERVICE["taskSpec"].content
_PLACEMENT: Final = _TASK["placement"].content
_NETWORKS: Final = _TASK["networksAdvanceds"]


def service_spec(state: Properties) -> Document:
    """The specification of a service; what the planned state does not know becomes zero."""
    complete = zeroed(SERVICE, state)
    return {
        "Name": text(complete["name"]),
        "Labels": label_map(complete["labels"]),
        "TaskTemplate": _task(content(complete["taskSpec"])),
        "Mode": _mode(content(complete["mode"])),
        **present("UpdateConfig", _rollout(content(complete["updateConfig"]))),
        **present("RollbackConfig", _rollout(content(complete["rollbackConfig"]))),
        "EndpointSpec": _endpoint(content(complete["endpointSpec"])),
    }


def _task(task: Properties) -> Document:
    driver = content(task["logDriver"])
    options: Document = {"Options": string_map(driver.get("options"))}
    networks = [_network(network) for network in in_order(_NETWORKS, task["networksAdvanceds"])]
    return {
        "ContainerSpec": container_spec(content(task["containerSpec"])),
        "Resources": _resources(content(task["resources"])),
        "RestartPolicy": _restart(content(task["restartPolicy"])),
        "Placement": _placement(content(task["placement"])),
        "ForceUpdate": number(task["forceUpdate"]),
        **filled({"Runtime": text(task["runtime"]), "Networks": networks}),
        **present("LogDriver", {"Name": text(driver["name"]), **filled(options)} if driver else None),
    }


def _resources(resources: Properties) -> Document:
    def amounts(value: Value) -> Document | None:
        part = content(value)
        named: Document = {
            "NanoCPUs": number(part.get("nanoCpus")),
            "MemoryBytes": number(part.get("memoryBytes")),
        }
        return filled(named) if part else None

    return {
        **present("Limits", amounts(resources.get("limits"))),
        **present("Reservations", amounts(resources.get("reservation"))),
    }


def _restart(policy: Properties) -> Document:
    if not policy:
        return {}
    # A policy that says anything says everything: what is left out is 0, not the daemon's default.
    return {
        **filled({"Condition": text(policy["condition"])}),
        "Delay": nanoseconds(text(policy["delay"])),
        "MaxAttempts": number(policy["maxAttempts"]),
        "Window": nanoseconds(text(policy["window"])),
    }


def _placement(placement: Properties) -> Document:
    if not placement:
        return {}
    constraints = sent(_PLACEMENT["constraints"], elements(placement["constraints"]))
    preferences = sent(_PLACEMENT["prefs"], elements(placement["prefs"]))
    return filled(
        {
            "Constraints": [text(constraint) for constraint in constraints],
            "Preferences": [{"Spread": {"SpreadDescriptor": text(label)}} for label in preferences],
            "MaxReplicas": number(placement["maxReplicas"]),
            "Platforms": [
                {"Architecture": text(platform["architecture"]), "OS": text(platform["os"])}
                for platform in in_order(_PLACEMENT["platforms"], placement["platforms"])
            ],
        },
    )


def _network(network: Properties) -> Document:
    aliases = sent(_NETWORKS.content["aliases"], elements(network["aliases"]))
    return filled(
        {
            "Target": text(network["id"]) or text(network["name"]),
            "Aliases": [text(alias) for alias in aliases],
        },
    )


def _mode(mode: Properties) -> Document:
    replicated = content(mode.get("replicated"))
    return {
        **present("Replicated", {"Replicas": number(replicated["replicas"])} if replicated else None),
        **present("Global", {} if mode.get("global") else None),
    }


def _rollout(config: Properties) -> Document | None:
    if not config:
        return None
    pauses: Document = {
        "Delay": nanoseconds(text(config["delay"])),
        "FailureAction": text(config["failureAction"]),
        "Monitor": nanoseconds(text(config["monitor"])),
    }
    return {
        "Parallelism": number(config["parallelism"]),
        **filled(pauses),
        "MaxFailureRatio": float(text(config["maxFailureRatio"]) or "0"),
        "Order": text(config["order"]),
    }


def _endpoint(endpoint: Properties) -> Document:
    ports = [
        filled(
            {
                "Name": text(port["name"]),
                "Protocol": text(port["protocol"]),
                "TargetPort": number(port["targetPort"]),
                "PublishedPort": number(port["publishedPort"]),
                "PublishMode": text(port["publishMode"]),
            },
        )
        for port in objects(endpoint.get("ports"))
    ]
    return filled({"Mode": text(endpoint.get("mode")), "Ports": ports})
