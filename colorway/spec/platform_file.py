"""A platform as its file describes it: `platforms/<name>.yaml`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from pydantic import Field, ValidationInfo, ValidatorFunctionWrapHandler, field_validator

from colorway.spec import names
from colorway.spec.base import Mistake, StrictSpec, checked_entries, hint, refuse
from colorway.spec.edge import EdgeSpec, RouteSpec
from colorway.spec.fields import Label
from colorway.spec.monitoring import MonitoringSpec
from colorway.spec.networks import STORE_SLOTS, store_slot
from colorway.spec.release import MigrationCommand, ReleasePolicy
from colorway.spec.services import ServiceSpec
from colorway.spec.stores import BackedUpSpec, DataStoreSpec, EtcdSpec, PostgresqlSpec, RepositorySpec
from colorway.spec.stores.replication import HelperSpec
from colorway.spec.task.environment import named_host
from colorway.spec.task.mounts import SecretName


class ImageSource(StrEnum):
    """Where a platform's images come from."""

    LOCAL = "local"
    """Built from images/ on the machine that colorway runs on; one-host stacks only."""
    REGISTRY = "registry"
    """Pulled by the hosts, pinned by digest."""


class SecretSpec(StrictSpec):
    """One secret that the platform needs; its value is never in this file."""

    description: str = ""
    """What it opens, for whoever has to set it."""


_UNKNOWN = object()
"""In the place of a section that is not well formed."""


class PlatformFile(StrictSpec):
    """What runs, whatever the stack.

    The rules between sections stand with the later section, so that each is checked as soon as the sections
    that it compares are well formed: a mistake elsewhere does not hide it.
    """

    images: ImageSource = ImageSource.REGISTRY
    """Where the images come from."""
    secrets: dict[SecretName, SecretSpec] = Field(default_factory=dict)
    """Every secret of the platform by name."""
    backups: dict[Label, RepositorySpec] = Field(default_factory=dict)
    """Where backups of data stores are kept, by name."""
    etcd: EtcdSpec | None = None
    """What knows which member of a data store leads; for stores with several members."""
    data_stores: dict[Label, DataStoreSpec] = Field(default_factory=dict)
    """Data stores by name; the name is the DNS name."""
    services: dict[Label, ServiceSpec] = Field(min_length=1)
    """Services by name."""
    migrations: MigrationCommand | None = None
    """How schema changes are applied; none = the platform has none."""
    edge: EdgeSpec
    """The load balancers."""
    monitoring: MonitoringSpec
    """What is measured."""
    release: ReleasePolicy = ReleasePolicy()
    """How traffic moves from one version to the next."""

    @property
    def colored(self) -> dict[str, ServiceSpec]:
        """The services that exist once per color, by name."""
        return {name: service for name, service in self.services.items() if not service.is_shared}

    @property
    def shared(self) -> dict[str, ServiceSpec]:
        """The services that exist once, beside both colors, by name."""
        return {name: service for name, service in self.services.items() if service.is_shared}

    @field_validator("services", mode="wrap")
    @classmethod
    def _services_fit(
        cls, value: object, handler: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> dict[str, ServiceSpec]:
        return checked_entries(value, handler, check=lambda entries, all_of: _service_mistakes(entries, all_of, info))

    @field_validator("backups", mode="wrap")
    @classmethod
    def _backups_fit(
        cls, value: object, handler: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> dict[str, RepositorySpec]:
        return checked_entries(value, handler, check=lambda entries, _: _repository_mistakes(entries, info))

    @field_validator("etcd", mode="after")
    @classmethod
    def _etcd_fits(cls, value: EtcdSpec | None, info: ValidationInfo) -> EtcdSpec | None:
        if value is not None:
            refuse(_helper_mistakes((), value, info))
        return value

    @field_validator("data_stores", mode="wrap")
    @classmethod
    def _data_stores_fit(
        cls, value: object, handler: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> dict[str, DataStoreSpec]:
        return checked_entries(value, handler, check=lambda entries, _: _data_store_mistakes(entries, info))

    @field_validator("migrations", mode="after")
    @classmethod
    def _migrations_fit(cls, value: MigrationCommand | None, info: ValidationInfo) -> MigrationCommand | None:
        services = info.data.get("services")
        if value is not None and services is not None and value.service not in services:
            refuse([(("service",), f"is no service of this platform; {hint(value.service, services)}")])
        if value is not None and services is not None and services[value.service].is_shared:
            message = "is a shared service, which has no version; name the colored one whose image has the migrations"
            refuse([(("service",), message)])
        if value is not None and services is not None:
            refuse(_pool_mistakes(value, services[value.service], info))
        return value

    @field_validator("edge", mode="after")
    @classmethod
    def _edge_fits(cls, value: EdgeSpec, info: ValidationInfo) -> EdgeSpec:
        secrets = [(("preview-token",), value.preview_token)]
        if value.maintenance_secret is not None:
            secrets.append((("maintenance-secret",), value.maintenance_secret))
        refuse(
            [
                *_unknown_secrets(secrets, info),
                *_image_source((), "build", value.build, info),
                *_image_source((), "image", value.image, info),
                *_certbot_source(value, info),
            ]
        )
        return value

    @field_validator("monitoring", mode="after")
    @classmethod
    def _monitoring_fits(cls, value: MonitoringSpec, info: ValidationInfo) -> MonitoringSpec:
        found = [
            *_image_source((), "build", value.build, info),
            *_image_source((), "image", value.image, info),
            *_image_source((), "mtail-build", value.mtail_build, info),
            *_image_source((), "mtail-image", value.mtail_image, info),
        ]
        edge = info.data.get("edge")
        if isinstance(edge, EdgeSpec) and value.port in {edge.http_port, edge.https_port}:
            clash = "http-port" if value.port == edge.http_port else "https-port"
            found.append(
                (("port",), f"is also edge.{clash}; on a host with both roles only one can have it, so choose another")
            )
        refuse(found)
        return value


def _service_mistakes(services: Mapping[str, ServiceSpec], all_of: bool, info: ValidationInfo) -> list[Mistake]:  # noqa: FBT001
    found: list[Mistake] = []
    if all_of and not any(service.routes for service in services.values()):
        found.append(
            ((), "no service has a route, so the load balancers would serve nothing; give one routes: [{path: /}]")
        )
    elif all_of and not any(service.routes for service in services.values() if not service.is_shared):
        message = (
            "only shared services have routes, so no version could be judged; give another one routes: [{path: /}]"
        )
        found.append(((), message))
    seen: dict[tuple[str, str | None, str, bool], str] = {}
    for name, service in services.items():
        named = (((name, "secrets", str(index)), secret.name) for index, secret in enumerate(service.secrets))
        found += _unknown_secrets(named, info)
        found += _image_source((name,), "build", service.build, info)
        if service.is_shared:
            found += _image_source((name,), "image", service.image, info)
        found += _store_mistakes(name, service, info)
        for index, route in enumerate(service.routes):
            here = f"services.{name}.routes.{index}"
            first = seen.setdefault(route.place, here)
            if first != here:
                found.append(((name, "routes", str(index)), f"is the same as {first}; one route, one service"))
            login = route.basic_auth if isinstance(route, RouteSpec) else None
            found += _unknown_secrets([((name, "routes", str(index), "basic-auth"), login)] if login else [], info)
    return found


def _store_mistakes(name: str, service: ServiceSpec, info: ValidationInfo) -> list[Mistake]:
    """Return what a service says of data stores that the platform does not have, or that it does not use."""
    stores = info.data.get("data_stores")
    if stores is None:
        return []
    found: list[Mistake] = [
        ((name, "uses", str(index)), f"is no data store of this platform; {hint(store, stores)}")
        for index, store in enumerate(service.uses)
        if store not in stores
    ]
    if name in stores:
        found.append(((name,), "is also the name of a data store; one DNS name can only mean one of them"))
    found += [
        ((name, "env", key), f"names the data store {store}, and `uses` of this service does not list it; add it")
        for key, entry in service.env.items()
        for store in set(stores).difference(service.uses)
        if named_host(key, entry.value) in {store, names.direct(store)}
    ]
    return found


def _data_store_mistakes(stores: Mapping[str, DataStoreSpec], info: ValidationInfo) -> list[Mistake]:
    found: list[Mistake] = []
    slots = {name: store_slot(name, wanted=store.slot) for name, store in stores.items()}
    free = next((slot for slot in range(STORE_SLOTS) if slot not in slots.values()), None)
    owners: dict[int, str] = {}
    for name, store in stores.items():
        first = owners.setdefault(slots[name], name)
        if first != name:
            cure = (
                f"there is room for {STORE_SLOTS} data stores, so leave one out"
                if free is None
                else f"give the newer of the two a slot of its own, for example slot: {free}"
            )
            found.append(((name,), f"would have the addresses of data-stores.{first}; {cure}"))
        found += _unknown_secrets((((name, *one.path), one.name) for one in store.named_secrets), info)
        found += _image_source((name,), "build", store.build, info)
        found += _image_source((name,), "image", store.image, info)
        for key, helper in store.helpers.items():
            found += _helper_mistakes((name, key), helper, info)
        if store.needs_etcd and info.data.get("etcd", _UNKNOWN) is None:
            cure = "has several members, and no `etcd` knows which of them leads; add it beside the data stores"
            found.append(((name, "members"), f"{cure}, for example etcd: {{build: etcd}}"))
        repositories = info.data.get("backups")
        if isinstance(store, BackedUpSpec) and repositories is not None:
            found += [((name, *path), message) for path, message in _place_mistakes(store, repositories)]
    return found


def _place_mistakes(store: BackedUpSpec, repositories: Mapping[str, RepositorySpec]) -> list[Mistake]:
    """Return the repositories that a store names and the platform has not, or that are not for what it wants."""
    source = store.source if isinstance(store, PostgresqlSpec) else None
    named = {
        ("backup", "repository"): store.backup.repository if store.backup else None,
        ("from", "repository"): source.repository if source else None,
    }
    found: list[Mistake] = [
        (path, f"is no repository under the platform's `backups`; {hint(wanted, repositories)}")
        for path, wanted in named.items()
        if wanted is not None and wanted not in repositories
    ]
    ours = repositories.get(store.backup.repository) if store.backup else None
    if ours is not None and ours.passphrase is None:
        found.append(
            (("backup", "repository"), "has no passphrase, and what is kept there is encrypted; name its secret")
        )
    return found


def _pool_mistakes(command: MigrationCommand, service: ServiceSpec, info: ValidationInfo) -> list[Mistake]:
    """Return the variables by which a migration asks a pool, where neither its locks nor its settings last."""
    stores = info.data.get("data_stores") or {}
    pools = [name for name, store in stores.items() if isinstance(store, PostgresqlSpec) and store.is_replicated]
    env = {**service.env, **command.env}
    asked = [(key, named_host(key, value.value) or "") for key, value in env.items()]
    return [
        (
            ("env", key) if key in command.env else (),
            f"asks the pool {named} by {key}, where no lock of a session lasts; name {names.direct(named)} in its env",
        )
        for key, named in asked
        if named in pools
    ]


def _repository_mistakes(repositories: Mapping[str, RepositorySpec], info: ValidationInfo) -> list[Mistake]:
    named = (((name, *one.path), one.name) for name, place in repositories.items() for one in place.named_secrets)
    return _unknown_secrets(named, info)


def _helper_mistakes(path: tuple[str, ...], helper: HelperSpec, info: ValidationInfo) -> list[Mistake]:
    return [
        *_image_source(path, "build", helper.build, info),
        *_image_source(path, "image", helper.image, info),
    ]


def _unknown_secrets(named: Iterable[tuple[tuple[str, ...], str]], info: ValidationInfo) -> list[Mistake]:
    known = info.data.get("secrets")
    if known is None:
        return []
    return [
        (path, f"names a secret that the platform's `secrets` do not list; {hint(secret, known)}")
        for path, secret in named
        if secret not in known
    ]


def _certbot_source(edge: EdgeSpec, info: ValidationInfo) -> list[Mistake]:
    """Return what is wrong with where certbot comes from, where that is said: a stack may have no use for it."""
    said = {"certbot-build": edge.certbot_build, "certbot-image": edge.certbot_image}
    return [one for key, value in said.items() if value is not None for one in _image_source((), key, value, info)]


def _image_source(path: tuple[str, ...], key: str, value: str | None, info: ValidationInfo) -> list[Mistake]:
    """Return what is wrong with a build folder or an image, given where the platform's images come from."""
    source = info.data.get("images")
    is_build = key.endswith("build")
    if source is None or (source is ImageSource.LOCAL) is is_build:
        if source is None or value is not None:
            return []
        cure = "name a folder under images/" if is_build else "write repository:tag@sha256:<64 hex digits>"
        return [((*path, key), f"is missing, and the platform has `images: {source.value}`; {cure}")]
    if value is None:
        return []
    return [((*path, key), f"is set, and the platform has `images: {source.value}`; leave it out")]
