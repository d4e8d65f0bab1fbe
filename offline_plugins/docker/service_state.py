"""A service, from the daemon's document to its state."""

from __future__ import annotations

from typing import Final

from offline_plugins.docker.documents import Document, label_pairs, number, part, parts, short, text, text_items, words
from offline_plugins.docker.fields import Field
from offline_plugins.docker.resource_types import SERVICE
from offline_plugins.docker.sets import shown
from offline_plugins.values import Properties, Value

_FIELDS: Final = SERVICE["taskSpec"].content["containerSpec"].content
_PERMISSIONS: Final = 0o777


def container_state(spec: Document) -> Properties:
    """The container as the state shows it: with zeros for what the daemon does not say."""
    environment = (entry.partition("=") for entry in _strings(spec, "Env"))
    return {
        "image": text(spec.get("Image")),
        "labels": shown(_FIELDS["labels"], label_pairs(spec.get("Labels"))),
        "commands": words(spec, "Command"),
        "args": words(spec, "Args"),
        "hostname": text(spec.get("Hostname")),
        "env": {name: value for name, _, value in environment},
        "dir": text(spec.get("Dir")),
        "user": text(spec.get("User")),
        "groups": words(spec, "Groups"),
        "privileges": None,
        "readOnly": bool(spec.get("ReadOnly")),
        "mounts": shown(_FIELDS["mounts"], [_mount(mount) for mount in parts(spec, "Mounts")]),
        "stopSignal": text(spec.get("StopSignal")),
        "stopGracePeriod": short(number(spec["StopGracePeriod"])) if "StopGracePeriod" in spec else "",
        "healthcheck": _healthcheck(part(spec, "Healthcheck")) if "Healthcheck" in spec else None,
        "hosts": shown(_FIELDS["hosts"], [_host(entry) for entry in _strings(spec, "Hosts")]),
        "dnsConfig": _dns(part(spec, "DNSConfig")) if "DNSConfig" in spec else None,
        "secrets": _files(_FIELDS["secrets"], "secret", spec),
        "configs": _files(_FIELDS["configs"], "config", spec),
        "isolation": text(spec.get("Isolation")),
        "sysctl": {**text_items(spec.get("Sysctls"))},
        "capAdds": words(spec, "CapabilityAdd"),
        "capDrops": words(spec, "CapabilityDrop"),
        "init": bool(spec.get("Init")),
    }


def _strings(spec: Document, name: str) -> list[str]:
    return [text(word) for word in words(spec, name)]


def _host(entry: str) -> Properties:
    address, _, name = entry.partition(" ")
    return {"ip": address, "host": name}


def _healthcheck(check: Document) -> Properties:
    return {
        "tests": words(check, "Test"),
        "interval": short(number(check.get("Interval"))),
        "timeout": short(number(check.get("Timeout"))),
        "startPeriod": short(number(check.get("StartPeriod"))),
        "retries": number(check.get("Retries")),
    }


def _dns(config: Document) -> Properties:
    names = {"nameservers": "Nameservers", "searches": "Search", "options": "Options"}
    # An object that says nothing is stored without even its lists.
    return {name: words(config, source) if config else None for name, source in names.items()}


def _mount(mount: Document) -> Properties:
    volume, tmpfs, bind = (part(mount, f"{kind}Options") for kind in ("Volume", "Tmpfs", "Bind"))
    driver = part(volume, "DriverConfig")
    labels = _FIELDS["mounts"].content["volumeOptions"].content["labels"]
    options: Properties = {
        "noCopy": bool(volume.get("NoCopy")),
        "labels": shown(labels, label_pairs(volume.get("Labels"))),
        "driverName": text(driver.get("Name")),
        "driverOptions": {**text_items(driver.get("Options"))},
    }
    # As the official provider does it, though the daemon knows the sticky bit, too.
    size: Properties = {
        "sizeBytes": number(tmpfs.get("SizeBytes")),
        "mode": number(tmpfs.get("Mode")) & _PERMISSIONS,
    }
    return {
        "target": text(mount.get("Target")),
        "source": text(mount.get("Source")),
        "type": text(mount.get("Type")),
        "readOnly": bool(mount.get("ReadOnly")),
        "bindOptions": {"propagation": text(bind.get("Propagation"))} if "BindOptions" in mount else None,
        "volumeOptions": options if "VolumeOptions" in mount else None,
        "tmpfsOptions": size if "TmpfsOptions" in mount else None,
    }


def _files(field: Field, kind: str, spec: Document) -> list[Value]:
    """The secrets or configs that appear as files."""
    title = kind.capitalize()
    files: list[Value] = []
    for item in parts(spec, f"{title}s"):
        file = part(item, "File")
        files.append(
            {
                f"{kind}Id": text(item.get(f"{title}ID")),
                f"{kind}Name": text(item.get(f"{title}Name")),
                "fileName": text(file.get("Name")),
                "fileUid": text(file.get("UID")),
                "fileGid": text(file.get("GID")),
                "fileMode": number(file.get("Mode")),
            },
        )
    return shown(field, files)


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
