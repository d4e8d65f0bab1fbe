"""The container of a service, from its state to the daemon's document."""

from __future__ import annotations

from typing import Final

from colorway.lab.plugins.docker.documents import (
    Document,
    Json,
    content,
    filled,
    in_order,
    label_map,
    number,
    present,
    string_map,
    strings,
    text,
)
from colorway.lab.plugins.docker.durations import nanoseconds
from colorway.lab.plugins.docker.service_fields import SERVICE
from colorway.lab.plugins.values import Properties

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
