"""A platform with stand-ins: the demo application in the place of every image, all else as its file has it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

DEMO: Final = "demo"
"""Folder under images/ that stands in for every service."""
STAND_IN: Final = ("python3", "-m", "demo", "stand-in")
ALIVE: Final = ("CMD-SHELL", "test $(( $(date +%s) - $(stat -c %Y /tmp/alive) )) -lt 10")
"""How a task without a port is asked whether it is well."""
_OF_THE_IMAGE: Final = ("build", "image", "entrypoint", "command", "user", "working-dir", "stop-signal")
"""What a service says of its own image."""
_OF_THE_PROGRAM: Final = ("entrypoint", "command")
_FOLDERS: Final = {"postgresql": "postgres", "mariadb": "mariadb", "redis": "redis", "valkey": "valkey"}
"""Folders under images/ by the kind of a data store."""
_HELPERS: Final = {"direct": "haproxy", "entry": "haproxy", "pool": "pgbouncer"}
_MIDDLES: Final = {"etcd": "etcd", "edge": "nginx", "monitoring": "prometheus"}
_SQL: Final = ("postgresql", "mariadb")

Said = dict[str, Any]
"""Plain data of a file."""


def platform(said: Mapping[str, Any]) -> Said:
    """Return a platform's data with stand-ins for all of its images.

    What they are asked is who they are: the smoke tests are one for each place of its routes.

    Args:
        said: The platform file's data.
    """
    found = copy.deepcopy(dict(said))
    stores = found.get("data-stores") or {}
    services = {name: _service(one, {}, stores) for name, one in found["services"].items()}
    found |= {"images": "local", "services": services}
    for key, folder in _MIDDLES.items():
        if key in found:
            found[key] = _built(found[key], folder)
    if "certbot-image" in found.get("edge", {}):
        del found["edge"]["certbot-image"]
        found["edge"]["certbot-build"] = "certbot"
    if "mtail-image" in found.get("monitoring", {}):
        del found["monitoring"]["mtail-image"]
        found["monitoring"]["mtail-build"] = "mtail"
    if stores:
        found["data-stores"] = {name: _store(one) for name, one in stores.items()}
    if "migrations" in found:
        found["migrations"] = _migrations(found["migrations"], said)
    release = dict(found.get("release") or {})
    found["release"] = release | {"smoke": [*_smoke(said["services"])]}
    return found


def manifest(said: Mapping[str, Any], platform: Mapping[str, Any]) -> Said:
    """Return a manifest's data with stand-ins; `platform` is the data of the platform file."""
    found = {key: copy.deepcopy(value) for key, value in said.items() if key != "images"}
    if "services" in found:
        found["services"] = _changed(found["services"], platform)
    for one in found.get("migrations", ()):
        one.pop("sql", None)
    return found


def overrides(said: Mapping[str, Any], platform: Mapping[str, Any]) -> Said:
    """Return a stack's overrides with stand-ins; `platform` is the data of the platform file."""
    found = copy.deepcopy(dict(said))
    if "services" in found:
        found["services"] = _changed(found["services"], platform)
    if "versions" in found:
        found["versions"] = {
            version: {**below, "services": _changed(below.get("services") or {}, platform)}
            for version, below in found["versions"].items()
        }
    if "data-stores" in found:
        kinds = platform.get("data-stores") or {}
        found["data-stores"] = {
            name: _store({**one, "kind": one.get("kind") or kinds.get(name, {}).get("kind")}, is_whole="kind" in one)
            for name, one in found["data-stores"].items()
        }
    for key, folder in _MIDDLES.items():
        if found.get(key):
            found[key] = _built(found[key], folder, is_whole=False)
    found.get("monitoring", {}).pop("mtail-image", None)
    found.get("edge", {}).pop("certbot-image", None)
    if "migrations" in found:
        found["migrations"] = {key: one for key, one in found["migrations"].items() if key not in _OF_THE_PROGRAM}
    found.get("release", {}).pop("smoke", None)
    return found


def _changed(services: Mapping[str, Any], platform: Mapping[str, Any]) -> Said:
    stores = platform.get("data-stores") or {}
    return {
        name: None if said is None else _service(said, platform["services"].get(name) or {}, stores)
        for name, said in services.items()
    }


def _service(said: Mapping[str, Any], base: Mapping[str, Any], stores: Mapping[str, Any]) -> Said:
    """Return what a layer says of a service, with the stand-in's command; `base` is what the layer below it says."""
    whole = {**base, **said}
    kind = whole.get("kind", "web")
    found = {key: value for key, value in said.items() if key not in _OF_THE_IMAGE}
    if not base:
        role = {"web": "web", "shared": "web", "cron": "once"}.get(kind, "worker")
        found = {"build": DEMO, "command": [*STAND_IN, role], **found}
    answers = kind in {"web", "shared"}
    if "health" in found and kind != "cron":
        found["health"] = _health(found["health"], answers=answers)
    env = {**(found.get("env") or {})}
    if answers and {"port", "ports", "published"} & said.keys():
        own = whole.get("port")
        more = [*(whole.get("ports") or {}).values(), *(one.get("target") for one in whole.get("published") or ())]
        further = sorted({port for port in more if port not in {None, own}})
        env |= {"PORT": str(own or further.pop(0))} | (
            {"STAND_IN_PORTS": " ".join(map(str, further))} if further else {}
        )
    if "uses" in said:
        env |= _logins(said["uses"], stores)
        secrets = _passwords(said["uses"], stores)
        listed = [*(found.get("secrets") or base.get("secrets") or ())]
        names = {one if isinstance(one, str) else one.get("name") for one in listed}
        if missing := [one for one in dict.fromkeys(secrets) if one not in names]:
            found["secrets"] = [*listed, *missing]
    if env:
        found["env"] = env
    return found


def _health(said: Mapping[str, Any], *, answers: bool) -> Said:
    if "none" in said or (answers and "command" not in said):
        return dict(said)
    asked = {key: value for key, value in said.items() if key not in {"command", "path", "tcp", "port"}}
    return {"path": "/health", **asked} if answers else {**asked, "command": [*ALIVE]}


def _logins(uses: Sequence[str], stores: Mapping[str, Any]) -> dict[str, str]:
    known = {name: stores[name] for name in uses if stores.get(name, {}).get("kind") in _FOLDERS}
    if not known:
        return {}
    env = {"STAND_IN_STORES": " ".join(f"{name}={store['kind']}" for name, store in known.items())}
    for name, store in known.items():
        prefix = name.upper().replace("-", "_")
        if store["kind"] in _SQL:
            env |= {f"{prefix}_DATABASE": store["database"], f"{prefix}_USER": store["user"]}
        env[f"{prefix}_PASSWORD_FILE"] = f"/run/secrets/{store['password']}"
    return env


def _passwords(uses: Sequence[str], stores: Mapping[str, Any]) -> list[str]:
    return [stores[name]["password"] for name in uses if stores.get(name, {}).get("kind") in _FOLDERS]


def _built(said: Mapping[str, Any], folder: str, *, is_whole: bool = True) -> Said:
    found = {key: value for key, value in said.items() if key not in {"image", "build"}}
    return {"build": folder, **found} if is_whole else found


def _store(said: Mapping[str, Any], *, is_whole: bool = True) -> Said:
    folder = _FOLDERS.get(said["kind"])
    found = dict(said)
    if folder is not None:
        found = _built(said, folder, is_whole=is_whole)
    for helper, own in _HELPERS.items():
        if helper in found:
            found[helper] = _built(found[helper], own)
    if not is_whole:
        found.pop("kind")
    return found


def _migrations(said: Mapping[str, Any], platform: Mapping[str, Any]) -> Said:
    found = {key: value for key, value in said.items() if key not in _OF_THE_PROGRAM}
    stores = platform.get("data-stores") or {}
    uses = platform["services"][said["service"]].get("uses") or ()
    direct = {
        f"{name.upper().replace('-', '_')}_HOST": f"{name}-direct"
        for name in uses
        if stores.get(name, {}).get("kind") == "postgresql" and "direct" in stores[name]
    }
    env = {**found.get("env", {}), **direct}
    return found | {"command": [*STAND_IN, "migrate"]} | ({"env": env} if env else {})


def _smoke(services: Mapping[str, Any]) -> Iterator[Said]:
    """Yield one test for each place of each route: who answers, and its data stores with it."""
    for name, said in services.items():
        kind = said.get("kind", "web")
        whoever = {"service": name}
        if kind == "web":
            whoever |= {"color": "{color}", "version": "{version}"}
        for route in said.get("routes") or ():
            place = {key: route[key] for key in ("domain", "host") if key in route}
            path = route.get("path", "/")
            if "redirect" in route:
                yield {"path": path, **place, "status": 308}
            elif "basic-auth" in route:
                yield {"path": path, **place, "status": 401}
            elif not route.get("grpc"):
                below = path if route.get("exact") or not said.get("uses") else f"{path.rstrip('/')}/stores"
                yield {"path": below, **place, "json-fields": whoever}
