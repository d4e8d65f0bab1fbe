"""A service, from its planned state to the specification that the daemon gets."""

from __future__ import annotations

from typing import Final

from offline_plugins.docker.documents import (
    Document,
    Json,
    content,
    elements,
    filled,
    in_order,
    label_map,
    nanoseconds,
    number,
    objects,
    present,
    string_map,
    strings,
    text,
)
from offline_plugins.docker.equivalence import zeroed
from offline_plugins.docker.resource_types import SERVICE
from offline_plugins.docker.sets import sent
from offline_plugins.values import Properties, Value

_FIELDS: Final = SERVICE["taskSpec"].content["containerSpec"].content


def container_spec(container: Properties) -> Document:
    """The container part of a task, from a state in which nothing is missing."""
    spec = filled(
        {
            "Image": text(container["image"]),
            "Labels": label_map(container["labels"]),
            "Command": strings(container["commands"]),
            "Args": strings(container["args"]),
            "Hostname": text(container["hostname"]),
            "Env": [f"{name}={value}" for name, value in sorted(string_map(container["env"]).items())],
            "Dir": text(container["dir"]),
            "User": text(container["user"]),
            "StopSignal": text(container["stopSignal"]),
            "ReadOnly": bool(container["readOnly"]),
            "Mounts": [_mount(mount) for mount in in_order(_FIELDS["mounts"], container["mounts"])],
            "Hosts": [
                f"{text(host['ip'])} {text(host['host'])}" for host in in_order(_FIELDS["hosts"], container["hosts"])
            ],
            "Secrets": _files("secret", container),
            "Configs": _files("config", container),
            "Isolation": text(container["isolation"]),
            "Sysctls": string_map(container["sysctl"]),
            "CapabilityAdd": strings(container["capAdds"]),
            "CapabilityDrop": strings(container["capDrops"]),
        },
    )
    # Sent even when nothing is said: 0 is a stop without grace, {} keeps the image's own check.
    spec["StopGracePeriod"] = nanoseconds(text(container["stopGracePeriod"]))
    spec["Healthcheck"] = _healthcheck(content(container["healthcheck"]))
    spec["DNSConfig"] = _dns(content(container["dnsConfig"]))
    spec["Init"] = bool(container["init"])
    return spec


def _healthcheck(check: Properties) -> Document:
    if not check:
        return {}
    return filled(
        {
            "Test": strings(check["tests"]),
            "Interval": nanoseconds(text(check["interval"])),
            "Timeout": nanoseconds(text(check["timeout"])),
            "StartPeriod": nanoseconds(text(check["startPeriod"])),
            "Retries": number(check["retries"]),
        },
    )


def _dns(config: Properties) -> Document:
    names = {"nameservers": "Nameservers", "searches": "Search", "options": "Options"}
    return filled({target: strings(config.get(name)) for name, target in names.items()})


def _mount(mount: Properties) -> Document:
    volume, tmpfs, bind = (content(mount[f"{kind}Options"]) for kind in ("volume", "tmpfs", "bind"))
    size: Document = {"SizeBytes": number(tmpfs.get("sizeBytes")), "Mode": number(tmpfs.get("mode"))}
    return {
        **filled(
            {
                "Type": text(mount["type"]),
                "Source": text(mount["source"]),
                "Target": text(mount["target"]),
                "ReadOnly": bool(mount["readOnly"]),
            },
        ),
        **present("BindOptions", filled({"Propagation": text(bind["propagation"])}) if bind else None),
        **present("VolumeOptions", _volume(volume) if volume else None),
        **present("TmpfsOptions", filled(size) if tmpfs else None),
    }


def _volume(volume: Properties) -> Document:
    driver: Document = {"Name": text(volume["driverName"]), "Options": string_map(volume["driverOptions"])}
    said: Document = {"NoCopy": bool(volume["noCopy"]), "Labels": label_map(volume["labels"])}
    return {**filled(said), "DriverConfig": filled(driver)}


def _files(kind: str, container: Properties) -> list[Json]:
    """The secrets or configs that appear as files."""
    title = kind.capitalize()
    return [
        {
            "File": {
                "Name": text(file["fileName"]),
                "UID": text(file["fileUid"]),
                "GID": text(file["fileGid"]),
                "Mode": number(file["fileMode"]),
            },
            f"{title}ID": text(file[f"{kind}Id"]),
            f"{title}Name": text(file[f"{kind}Name"]),
        }
        for file in in_order(_FIELDS[f"{kind}s"], container[f"{kind}s"])
    ]


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
