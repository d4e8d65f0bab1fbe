"""Compose files as a platform, a first version and a stack: the whole way, from texts to texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from colorway.config.begun import Begun, platform_text, stack_text
from colorway.config.compose import stores as known_stores
from colorway.config.compose import tasks
from colorway.config.compose.environment import Environments, Secrets
from colorway.config.compose.merged import ComposeFiles, Read
from colorway.config.compose.mounts import Mounted, Mounts
from colorway.config.compose.not_carried import (
    BUILD_KEYS,
    CARRIED_KEYS,
    DEPLOY_KEYS,
    SERVICE_KEYS,
    TOP_KEYS,
    remark_keys,
)
from colorway.config.compose.plan import Plan
from colorway.config.compose.ports import WEB_PORTS, Mapped, dockerfile
from colorway.config.compose.routes import Domains, Routes, Wish, Wishes, labels_of
from colorway.config.compose.rules import Let
from colorway.config.compose.said import Remarks, Said
from colorway.config.compose.stores import Stores
from colorway.config.compose.values import label, words_of
from colorway.config.compose.variables import Variables, without_unset
from colorway.config.documents import Problem
from colorway.config.stack_files import ConfigError
from colorway.spec import names
from colorway.spec.networks import STORE_SLOTS, store_slot
from colorway.spec.task.environment import named_host
from colorway.spec.task.schedule import parse_schedule

_GIVES_OUT = re.compile(r"beat|schedule:work|clock|scheduler|clockwork")
_TOP_CARRIED = frozenset({"version", "name", "services", "volumes", "networks", "secrets", "configs"})
_DEPLOY_CARRIED = frozenset({"mode", "replicas", "labels", "resources", "placement", "restart_policy", "update_config"})
_TLS = 443


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import makes."""

    begun: Begun
    """The files."""
    remarks: tuple[Problem, ...]
    """What is not carried over, by file and line."""


def imported(  # noqa: PLR0913 - one for each option of the command
    files: Sequence[str], *, platform: str, stack: str, values: Mapping[str, str], read: Read, number: int
) -> Imported:
    """Read Compose files as what they mean here.

    Args:
        files: Paths of the files, as seen from where the command runs; later ones are laid over earlier ones.
        platform: Name of the platform.
        stack: Name of the stack.
        values: Values of variables.
        read: Reads a file.
        number: Which ports and addresses the stack has; see `begun.free_place`.

    Raises:
        ConfigError: the files are none of Compose's, or there is nothing in them that users could reach.
    """
    remarks = Remarks()
    variables = Variables(values=values, remarks=remarks)
    whole = ComposeFiles(read=read, variables=variables).merged(files)
    remark_keys(whole, path="", known=TOP_KEYS, carried=_TOP_CARRIED, remarks=remarks)
    secrets = Secrets(stack=stack, remarks=remarks)
    plan = Plan.of(whole, remarks=remarks, read=read)
    environments = Environments(read=read, variables=variables, secrets=secrets, remarks=remarks, renamed=plan.renamed)
    taken = frozenset({*(plan.labels[name] for name in plan.stores), names.PROMETHEUS})
    mounts = Mounts(read=read, whole=whole, platform=platform, secrets=secrets, remarks=remarks, avoided=taken)
    making = _Making(plan=plan, environments=environments, mounts=mounts, secrets=secrets, remarks=remarks, read=read)
    making.images = _Images(platform=platform, remarks=remarks, labels=plan.labels)
    stores = {plan.labels[name]: making.store(name) for name in plan.stores}
    _give_slots(stores)
    services = {plan.labels[name]: making.service(name) for name in plan.services}
    _refuse_unreached(services, whole)
    variables.ask()
    secrets.declare("preview-token", "whoever knows it can choose a color by the header X-Colorway-Preview")
    data: dict[str, Any] = {
        "images": "local",
        "secrets": {name: {"description": said} for name, said in secrets.described.items()},
        "services": services,
        **({"data-stores": stores} if stores else {}),
        "edge": {"build": "nginx"},
        "monitoring": {"build": "prometheus", "mtail-build": "mtail"},
    }
    from_files = ", ".join(files)
    begun = Begun(
        platform=platform,
        stack=stack,
        platform_text=platform_text(data, says=f"{platform}, from {from_files}; `colorway import compose` wrote it."),
        stack_text=stack_text(
            platform=platform, domains=making.domains.main(), number=number, by="colorway import compose"
        ),
        texts={**mounts.texts, **making.images.texts},
        folders=making.images.folders,
    )
    return Imported(begun=begun, remarks=tuple(remarks.sorted()))


def _refuse_unreached(services: Mapping[str, dict[str, Any]], whole: Said) -> None:
    if not any(one.get("routes") for one in services.values()):
        message = "has no service that answers requests, and users reach a platform by one; publish its port"
        raise ConfigError([Problem(file=whole.place.file, message=message)])


def _give_slots(stores: Mapping[str, dict[str, Any]]) -> None:
    """Give a slot of its own to each store whose name would lead it to another one's addresses."""
    taken: set[int] = set()
    for name, store in stores.items():
        slot = store_slot(name, wanted=None)
        if slot in taken:
            free = {store_slot(other, wanted=None) for other in stores} | taken
            slot = store["slot"] = next((one for one in range(STORE_SLOTS) if one not in free), slot)
        taken.add(slot)


@dataclass(kw_only=True)
class _Images:
    """Folders below images/ that the platform is built from: one for each image, one for each build."""

    platform: str
    remarks: Remarks
    labels: Mapping[str, str]
    texts: dict[str, str] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    """Folders that are copied, each with the one that it is a copy of."""
    known: dict[str, str] = field(default_factory=dict)

    def folder(self, service: Said, name: str, *, path: str) -> str:
        """Return the folder that a service's image is built from."""
        build = service.at("build")
        key = dockerfile(build) if build is not None else without_unset(service.text_at("image") or "")
        if key in self.known:
            return self.known[key]
        folder = self.known[key] = label(f"{self.platform}-{self.labels[name]}")
        if build is None:
            self.texts[f"images/{folder}/Dockerfile"] = f"FROM {key}\n"
            return folder
        remark_keys(
            build, path=f"{path}.build", known=BUILD_KEYS, carried={"context", "dockerfile"}, remarks=self.remarks
        )
        self.folders[f"images/{folder}"] = build.place.beside(build.text_at("context") or ".")
        if (build.text_at("dockerfile") or "Dockerfile") != "Dockerfile":
            self.folders[f"images/{folder}/Dockerfile"] = key
        return folder


@dataclass(kw_only=True)
class _Making:
    """Makes stores and services, one after the other."""

    plan: Plan
    environments: Environments
    mounts: Mounts
    secrets: Secrets
    remarks: Remarks
    read: Read
    images: _Images = field(init=False)
    domains: Domains = field(init=False)

    def __post_init__(self) -> None:
        self.domains = Domains(remarks=self.remarks)

    def store(self, name: str) -> dict[str, Any]:
        """Return a data store."""
        service, kind, path = self.plan.at(name), self.plan.stores[name], f"services.{name}"
        reading = Stores(environments=self.environments, mounts=self.mounts, secrets=self.secrets, remarks=self.remarks)
        self._remark(service, path, is_store=True)
        for port in self.plan.ports[name]:
            if port.published is not None:
                cure = "reach it through a service, or with `colorway run`"
                self.remarks.add(port.place, f"{path}.ports", "publishes a data store, which only services reach", cure)
        if kind == "custom":
            inside = next((one.target for one in self.plan.ports[name]), None) or self.plan.guessed[name] or 0
            build = self.images.folder(service, name, path=path)
            return reading.custom(service, inside, name=self.plan.labels[name], build=build, path=path)
        own = known_stores.OWN_FOLDERS.get(kind, kind)
        build = self.images.folder(service, name, path=path) if known_stores.has_own_image(service) else own
        return reading.server(service, kind, name=self.plan.labels[name], build=build, path=path)

    def service(self, name: str) -> dict[str, Any]:
        """Return a service."""
        service, path = self.plan.at(name), f"services.{name}"
        owner = self.plan.labels[name]
        self._remark(service, path, is_store=False)
        plain = self.environments.plain(service, path=path)
        wishes = self._wishes(name, service, plain, path)
        port, more, published = self._ports(name, wishes)
        routes = [one for wish in wishes.routes if (one := self.domains.route(wish, service=owner)) is not None]
        schedule = self._schedule(service, path)
        kind = self._kind(service, port=port, published=published, schedule=schedule)
        if kind not in {"web", "shared"}:
            port, more, routes = None, {}, []
        converted = self.environments.converted(_without_proxy(plain), owner=owner, path=path)
        mounted = self.mounts.of(service, owner=owner, path=path)
        policies = tasks.policies(service, is_single=kind in {"scheduler", "cron"}, path=path, remarks=self.remarks)
        found: dict[str, Any] = {
            "kind": kind if kind != "web" else None,
            "build": self.images.folder(service, name, path=path),
            **{
                key: self._rehosted(value)
                for key, value in tasks.process(service, path=path, remarks=self.remarks).items()
            },
            "schedule": schedule if kind == "cron" else None,
            "port": port,
            "ports": more,
            **policies,
            "health": None if kind == "cron" else tasks.health(service, path=path, remarks=self.remarks),
            "limits": tasks.limits(service, path=path, remarks=self.remarks),
            "env": converted.env,
            "uses": self._uses(name, plain),
            "secrets": _each_once(mounted.secrets, converted.secrets),
            "config-files": list(mounted.config_files),
            "volumes": self._volumes(mounted, service, is_shared=kind == "shared", path=path),
            "routes": routes,
            "published": published,
            "networks": self._networks(service, path),
            "extra-hosts": tasks.hosts_file(service, path=path, remarks=self.remarks),
        }
        return {key: value for key, value in found.items() if value is not None and value not in ({}, [])}

    def _wishes(self, name: str, service: Said, plain: Mapping[str, Said], path: str) -> Wishes:
        reading = Routes(remarks=self.remarks)
        wishes = reading.of_labels(service, path=path)
        if not wishes.routes and not wishes.is_off:
            named = reading.of_variables(plain, path=path)
            wishes = named if named.routes else wishes
        if wishes.routes or wishes.is_off:
            return wishes
        first = next((one for one in self._by_web(name) if one.published is not None and one.is_http), None)
        if first is None:
            return wishes
        is_root = name == self._root()
        said = f"publishes port {first.published}, which is for the load balancers to do"
        host = None if is_root else f"{self.plan.labels[name]}.{self.domains.main()[names.MAIN_DOMAIN]}"
        cure = f"reach it under {'/' if is_root else f'the host {host}'}, or write another route"
        self.remarks.add(first.place, f"{path}.ports", said, cure)
        if not self.domains.by_name:
            self.domains.by_name[names.MAIN_DOMAIN] = self.domains.main()[names.MAIN_DOMAIN]
        root = self.domains.by_name[names.MAIN_DOMAIN]
        let = Let(host=root if is_root else host, path="/")
        return Wishes(routes=[Wish(let=let, place=first.place, path=f"{path}.ports")], port=wishes.port)

    def _root(self) -> str | None:
        """Return the service that has the bare name: who publishes a port of the web, or else the first."""
        candidates = {
            name: [one.published for one in self._by_web(name) if one.published is not None and one.is_http]
            for name in self.plan.services
        }
        web = next((name for name, ports in candidates.items() if WEB_PORTS.intersection(ports)), None)
        return web or next((name for name, ports in candidates.items() if ports), None)

    def _by_web(self, name: str) -> list[Mapped]:
        return sorted(self.plan.ports[name], key=lambda one: (one.target == _TLS, one.published is None))

    def _ports(self, name: str, wishes: Wishes) -> tuple[int | None, dict[str, int], list[dict[str, Any]]]:
        """Return the service's own port, its others by name, and those that are published beside the edge."""
        ports = self._by_web(name)
        raw = [one for one in ports if one.published is not None and not one.is_http]
        tcp = [one.target for one in ports if one.protocol == "tcp"]
        http = [one.target for one in ports if one.is_http]
        is_asked = bool(wishes.routes) or self.plan.at(name).at("command") is None
        own = wishes.port or next(iter([*http, *tcp]), None) or (self.plan.guessed[name] if is_asked else None)
        if own is None and wishes.routes:
            own = 80
            cure = "write the one that the program listens on"
            self.remarks.add(wishes.routes[0].place, f"services.{name}", "says no port, and here it is 80", cure)
        others = {f"port-{port}": port for port in dict.fromkeys(tcp) if port != own}
        published = [
            {
                "port": one.published,
                "target": one.target,
                **({"protocol": one.protocol} if one.protocol != "tcp" else {}),
            }
            for one in raw
        ]
        return own, others, published

    def _kind(self, service: Said, *, port: int | None, published: Sequence[Any], schedule: str | None) -> str:
        said = service.at("command")
        words = " ".join(words_of(said)) if said is not None else ""
        if schedule is not None and words:
            return "cron"
        if published:
            return "shared"
        if port is not None:
            return "web"
        return "scheduler" if _GIVES_OUT.search(words) else "worker"

    def _schedule(self, service: Said, path: str) -> str | None:
        said = labels_of(service).get("swarm.cronjob.schedule")
        if said is None:
            return None
        try:
            parse_schedule(said.text or "")
        except ValueError:
            cure = 'write its five fields, for example schedule: "*/5 * * * *", and kind: cron'
            self.remarks.add(
                said.place, f"{path}.labels.swarm.cronjob.schedule", "is no schedule that a cron has", cure
            )
            return None
        return said.text

    def _uses(self, name: str, plain: Mapping[str, Said]) -> list[str]:
        """Return the stores that a service names: in `depends_on`, links, variables or its command."""
        service = self.plan.at(name)
        named = {
            *service.entries_at("depends_on"),
            *((one.text or "").partition(":")[0] for one in service.items_at("links")),
        }
        said = service.at("command")
        texts = [without_unset(str(one.value)) for one in plain.values()] + (words_of(said) if said is not None else [])
        every = " ".join(texts)
        found = []
        for store in self.plan.stores:
            is_called = re.search(rf"(?<![\w.-]){re.escape(store)}(?![\w-])", every)
            is_host = any(named_host(key, str(one.value)) == store for key, one in plain.items())
            if store in named or is_called or is_host:
                found.append(self.plan.labels[store])
        return found

    def _volumes(self, mounted: Mounted, service: Said, *, is_shared: bool, path: str) -> list[dict[str, Any]]:
        if mounted.volumes and not is_shared:
            said = service.at("volumes") or service
            reason, cure = "is data that both colors have", "write shared: false where each is to keep its own"
            self.remarks.add(said.place, f"{path}.volumes", reason, cure)
        return [{**one, **({} if is_shared else {"shared": True})} for one in mounted.volumes]

    def _networks(self, service: Said, path: str) -> list[str]:
        """Return the networks of other stacks that a service joins; its own it joins by what it is."""
        found = []
        of_proxy = {one.text for name, one in labels_of(service).items() if name.endswith("docker.network")}
        for name, said in service.entries_at("networks").items():
            top = self.plan.whole.at("networks", name)
            external = top.at("external") if top is not None else None
            if top is None or external is None or external.text == "false":
                continue
            full = top.text_at("name") or (external.text_at("name") if external.entries else None) or name
            if full in of_proxy or re.search(r"traefik|proxy|ingress|web", full):
                cure = "leave it out; the load balancers reach every service that has a route"
                self.remarks.add(said.place, f"{path}.networks.{name}", "is the way of a proxy to it", cure)
                continue
            found.append(full)
            cure = "have it made by its stack, attachable, before `up`"
            self.remarks.add(
                said.place, f"{path}.networks.{name}", "is another stack's network, and has to exist", cure
            )
        return found

    def _rehosted(self, value: Any) -> Any:  # noqa: ANN401 - plain data
        if isinstance(value, list):
            return [self.environments.rehosted(one) for one in value]
        return value

    def _remark(self, service: Said, path: str, *, is_store: bool) -> None:
        remark_keys(service, path=path, known=SERVICE_KEYS, carried=CARRIED_KEYS, remarks=self.remarks)
        if (deploy := service.at("deploy")) is not None:
            remark_keys(deploy, path=f"{path}.deploy", known=DEPLOY_KEYS, carried=_DEPLOY_CARRIED, remarks=self.remarks)
        if is_store and (said := service.at("deploy", "placement")) is not None:
            cure = "give that host the role database in the stack file"
            self.remarks.add(said.place, f"{path}.deploy.placement", "is the stack's to say for data", cure)


def _without_proxy(plain: Mapping[str, Said]) -> dict[str, Said]:
    own = ("VIRTUAL_HOST", "VIRTUAL_PORT", "VIRTUAL_PATH", "VIRTUAL_PROTO", "LETSENCRYPT_HOST", "LETSENCRYPT_EMAIL")
    return {name: said for name, said in plain.items() if name not in own}


def _each_once(*secrets: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    known: set[str] = set()
    for one in (one for some in secrets for one in some):
        name = one if isinstance(one, str) else str(one["name"])
        if name not in known:
            known.add(name)
            found.append(one)
    return found
