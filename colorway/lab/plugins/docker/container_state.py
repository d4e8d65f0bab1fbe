"""The container of a service, from the daemon's document to its state."""

from __future__ import annotations

from typing import Final

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
from colorway.lab.plugins.docker.fields import Field
from colorway.lab.plugins.docker.ordering import shown
from colorway.lab.plugins.docker.service_fields import SERVICE
from colorway.lab.plugins.values import Properties, Value

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
    # The daemon adds the sticky bit to the mode of a tmpfs.
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
