"""What must hold between the files of a stack, each of which is well formed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network

from colorway.config.documents import Document
from colorway.spec import names
from colorway.spec.base import Mistake, hint, nearest
from colorway.spec.edge import ANYBODY, FEWEST_BODIES, AnyRoute, RedirectSpec, RouteSpec
from colorway.spec.edge.tls import TlsSettings
from colorway.spec.fields import LABEL_LIMIT, NAME_LIMIT, memory_text
from colorway.spec.hosts import HostSpec, Role
from colorway.spec.inventory import Inventory
from colorway.spec.networks import KEPT, LARGEST_PREFIX, addresses_needed, prefix_for
from colorway.spec.platform_file import ImageSource, PlatformFile
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.release import ReleaseManifest, SmokeTest, held
from colorway.spec.services import ServiceSpec
from colorway.spec.stack import EVERYTHING, RegistrySpec
from colorway.spec.stores import DatabaseSpec, MariadbSpec, PostgresqlSpec, RedisSpec, ValkeySpec
from colorway.spec.stores.generations import FIRST, StoreSettings, is_transaction
from colorway.spec.stores.logins import FIRST_LOGIN
from colorway.spec.task.process import Protocol
from colorway.spec.wanted import WantedNetwork, WantedService

MANAGERS = 3
"""The fewest of which one may be lost."""


def manifest_mistakes(
    version: str, manifests: Mapping[str, ReleaseManifest], platform: PlatformFile, services: Mapping[str, ServiceSpec]
) -> list[Mistake]:
    """Return what a release manifest says that does not fit its platform.

    Args:
        version: The version.
        manifests: Those of the versions that are on.
        platform: The platform.
        services: The colored services that this version has.
    """
    manifest = manifests[version]
    shared = [name for name in manifest.images if name in platform.shared]
    unknown = [name for name in manifest.images if name not in services and name not in shared]
    found: list[Mistake] = [
        (("images", name), f"is no service of this version; {hint(name, services)}") for name in unknown
    ]
    found += [
        (("images", name), "is a shared service, whose image is in the platform file; leave it out") for name in shared
    ]
    if platform.images is ImageSource.LOCAL and manifest.images:
        found.append((("images",), "are listed, and the platform builds its own; leave images out"))
    if platform.images is ImageSource.REGISTRY:
        meant = {nearest(name, services) for name in unknown}
        cure = "a version is one image per service, and one that is new in a version belongs under its `services`"
        found += [
            (("images",), f"has no image for {name}; {cure}")
            for name in sorted(set(services) - set(manifest.images) - meant)
        ]
    if manifest.migrations and platform.migrations is None:
        found.append(
            (
                ("migrations",),
                "are listed, and the platform has no migration command; add `migrations` to the platform file",
            )
        )
    if manifest.migration_service and platform.migrations is None:
        cure = "add `migrations` to the platform file, or leave this out"
        found.append((("migration-service",), f"is named, and the platform has no migration command; {cure}"))
    others = [one for known, one in manifests.items() if known != version]
    return [*found, *(mistake for other in others for mistake in _overtaking_mistakes(manifest, other))]


def _overtaking_mistakes(manifest: ReleaseManifest, other: ReleaseManifest) -> list[Mistake]:
    """Return the migrations that would run before an older one, which waits until the other color is off."""
    waiting = held(manifest.migrations, other.migrations)
    known = {migration.id for migration in other.migrations}
    return [
        (
            ("migrations", str(index), "id"),
            f"comes after {waiting[0]}, which waits until the other color is off; leave this one to the next version",
        )
        for index, one in enumerate(manifest.migrations)
        if waiting and one.backward_compatible and one.id > waiting[0] and one.id not in known
    ]


def build_mistakes(declared: Iterable[WantedService], *, folders: Iterable[str]) -> list[Mistake]:
    """Return the build folders that the platform names and images/ does not have."""
    lost = (service.image for service in declared if service.image.folder and service.image.digest is None)
    return [
        (
            image.path,
            f"names a folder that images/ does not have (with a Dockerfile); {hint(str(image.folder), folders)}",
        )
        for image in lost
    ]


def length_mistakes(stack: str, found: Iterable[WantedService | WantedNetwork]) -> list[str]:
    """Return why a stack's name is too long, if it is: `<stack>-<name>` is a DNS label."""
    longest = max(found, key=lambda one: len(one.label))
    room = LABEL_LIMIT - len(longest.label) - len("-")
    if len(stack) <= room:
        return []
    return [f"the stack's name is too long for {longest.owner}; use at most {room} characters, or rename that"]


def room_mistakes(base: IPv4Network, inventory: Inventory, *, hosts: int) -> list[Mistake]:
    """Return the tightest network of a stack's range, if it is too small for its tasks."""

    def needed(network: WantedNetwork) -> int:
        return addresses_needed(tasks=inventory.tasks(network), hosts=hosts)

    tightest = max(inventory.networks, key=lambda network: needed(network) / network.subnet.num_addresses)
    has, needs = tightest.subnet.num_addresses, needed(tightest)
    if needs <= has:
        return []
    prefix = prefix_for(base, tightest.subnet, needed=needs)
    cure = f"a range of /{prefix} or larger, or " if prefix >= LARGEST_PREFIX else ""
    message = (
        f"is too small for the network {tightest.label}: that has {has} addresses and needs {needs}, two for each of "
        f"{inventory.tasks(tightest)} tasks (an update starts the new one first), {hosts} for the hosts, {KEPT} for "
        f"itself and one-off commands; write {cure}fewer replicas"
    )
    return [(("network", "range"), message)]


def member_mistakes(platform: PlatformFile, hosts: Sequence[HostSpec]) -> list[Mistake]:
    """Return the data stores with more members than the stack's hosts can carry."""
    managers = sum(host.has(Role.MANAGER) for host in hosts)
    found: list[Mistake] = []
    for name, store in platform.data_stores.items():
        if not isinstance(store, PostgresqlSpec | MariadbSpec | RedisSpec | ValkeySpec) or not store.is_replicated:
            continue
        path, carry = ("data-stores", name, "members"), len(store.places(hosts))
        if carry < store.members:
            roles = " or ".join(only.value for only, *more in store.kept_on if not more)
            message = f"wants {store.members} hosts with the role {roles}, and the stack has {carry}"
            found.append((path, f"{message}; give more of them the role, or have fewer members"))
        elif store.needs_etcd and managers < MANAGERS:
            message = f"wants {MANAGERS} managers, of which two know who leads when one is lost, and the stack has"
            found.append((path, f"{message} {managers}; add managers, or have members: 1"))
    return found


def host_port_mistakes(inventory: Inventory, hosts: Sequence[HostSpec]) -> list[Mistake]:
    """Return the first port of a host that a member of a data store and something else would have."""
    for host in hosts:
        others = {one.port: ".".join(one.key) for one in inventory.ports_on(host) if one.protocol is Protocol.TCP}
        others[host.ssh_port] = f"SSH on {host.name}"
        for port in inventory.host_ports_on(host):
            if port in others:
                message = f"gives data stores the port {port} of {host.name}, which is that of {others[port]}; choose"
                return [(("network", "host-ports"), f"{message} a range where nothing else listens")]
    return []


def kept_mistakes(
    kept: Mapping[str, StoreSettings], platform: PlatformFile, hosts: Sequence[HostSpec]
) -> list[Mistake]:
    """Return what a stack keeps of data stores that the platform does not have, or of hosts without their data."""
    found: list[Mistake] = []
    for name, settings in kept.items():
        store, path = platform.data_stores.get(name), ("stores", name)
        if store is None:
            found.append((path, f"is no data store of the platform; {hint(name, platform.data_stores)}"))
            continue
        is_past = isinstance(store, DatabaseSpec) and store.is_replicated and store.backup is not None
        if settings.generation != FIRST and not is_past:
            message = "is for a database with several members that is backed up, which this is not; leave it out"
            found.append(((*path, "generation"), message))
        begins = settings.begins_from
        if is_past and begins is not None and is_transaction(begins.to) is not isinstance(store, MariadbSpec):
            message = "is no point of such a store; `colorway data restore` writes it, so put it back"
            found.append(((*path, "begins-from", "to"), message))
        if settings.login != FIRST_LOGIN and not isinstance(store, PostgresqlSpec):
            found.append(((*path, "login"), "is for a PostgreSQL, which this is not; leave it out"))
        if settings.primary is None:
            continue
        if not isinstance(store, MariadbSpec) or not store.is_replicated:
            found.append(((*path, "primary"), "is for a MariaDB with two members, which this is not; leave it out"))
        elif len(places := store.places(hosts)) >= store.members:
            members = [one.host.name for one in store.tasks(name, hosts=places)]
            if settings.primary not in members:
                message = f"is no host with a member of {name}; {hint(settings.primary, members)}"
                found.append(((*path, "primary"), message))
    return found


def clash_mistakes(declared: Iterable[WantedService]) -> list[Mistake]:
    """Return the names that two things would have, where the platform file names one of them."""
    owners: dict[str, str] = {}
    found: list[Mistake] = []
    for service in sorted(declared, key=lambda one: bool(one.path)):
        first = owners.setdefault(service.label, service.owner)
        if first != service.owner and service.path:
            found.append((service.path, f"would be called {service.label} in the swarm, as {first} is; rename one"))
    return found


def route_mistakes(services: Mapping[str, ServiceSpec], spec: PlatformSpec) -> list[Mistake]:
    """Return the routes whose names the stack's domains do not give, or that its load balancers cannot serve."""
    domains = spec.settings.domains
    found: list[Mistake] = []
    owners: dict[str, tuple[str, str | None]] = {}
    for name, service in services.items():
        for index, route in enumerate(service.routes):
            here = ("services", name, "routes", str(index))
            found += [((*here, *below), text) for below, text in _leading_mistakes(route, domains)]
            if isinstance(route, RouteSpec):
                found += [((*here, *below), text) for below, text in _capacity_mistakes(route, spec)]
            if route.domain not in domains:
                found.append(((*here, "domain"), f"is no domain of the stack; {hint(route.domain, domains)}"))
                continue
            full = names.host_name(domains[route.domain], route.host)
            first = owners.setdefault(full, (route.domain, route.host))
            if len(full) > NAME_LIMIT:
                cure = f"a name in DNS has at most {NAME_LIMIT}, so choose a shorter one"
                found.append(((*here, "host"), f"makes a name of {len(full)} characters; {cure}"))
            elif first != (route.domain, route.host):
                other = f"{first[1]} under the domain {first[0]}" if first[1] else f"the domain {first[0]}"
                found.append((here, f"has the name of {other}; write all routes of one name in the same way"))
    return found


def closed_mistakes(spec: PlatformSpec) -> list[Mistake]:
    """Return the places under `maintenance` that are no route of the stack."""
    known = spec.open_places
    return [
        (("maintenance", place), f"is no route of the stack; {hint(place, [*known, EVERYTHING])}")
        for place in spec.settings.maintenance
        if place not in known and place != EVERYTHING
    ]


def _leading_mistakes(route: AnyRoute, domains: Mapping[str, str]) -> Iterator[Mistake]:
    """Yield the names that a route leads to, or lets read its answers, and that the stack does not have."""
    named: list[tuple[tuple[str, ...], str]]
    if isinstance(route, RedirectSpec):
        named = [] if route.leads_to_path else [(("redirect",), route.redirect)]
    else:
        origins = route.cors.origins if route.cors else ()
        ours = [(index, one) for index, one in enumerate(origins) if one != ANYBODY and "://" not in one]
        named = [(("cors", "origins", str(index)), one) for index, one in ours]
    for path, said in named:
        if names.stack_name(said, domains) is None:
            known = hint(said.rpartition(".")[2], domains)
            yield path, f"names no domain of the stack: it is a domain's name there, or one under it; {known}"


def _capacity_mistakes(route: RouteSpec, spec: PlatformSpec) -> Iterator[Mistake]:
    """Yield what the load balancers of the stack are too small or too many for."""
    edge, number = spec.platform.edge, len(spec.load_balancers)
    if route.body and route.is_buffered and edge.bodies(route.body) < FEWEST_BODIES:
        room = memory_text(FEWEST_BODIES * route.body)
        cure = f"write body-space: {room} under edge, less here, or stream: true"
        yield ("body",), f"leaves room for fewer than {FEWEST_BODIES} bodies side by side; {cure}"
    if route.limit and route.limit.per_minute < number:
        text = f"is divided by the stack's {number} load balancers, and nginx counts no less than one a minute"
        yield ("limit", "rate"), f"{text}; write at least {number}r/m"


def smoke_mistakes(tests: Sequence[SmokeTest], *, domains: Mapping[str, str]) -> list[Mistake]:
    """Return the smoke tests whose domain the stack does not have."""
    return [
        (("release", "smoke", str(index), "domain"), f"is no domain of the stack; {hint(test.domain, domains)}")
        for index, test in enumerate(tests)
        if test.domain not in domains
    ]


def named_registries(documents: Iterable[Document]) -> set[str]:
    """Return the registries that the pinned images of a platform's files come from, as their references name them."""
    texts = (text for document in documents for text in _texts(document.data))
    return {names.registry_host(text) for text in texts if "@sha256:" in text} - {""}


def _texts(data: object) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping | list):
        for below in data.values() if isinstance(data, Mapping) else data:
            yield from _texts(below)


def registry_mistakes(
    registries: Mapping[str, RegistrySpec], platform: PlatformFile, *, named: Iterable[str]
) -> list[Mistake]:
    """Return the registries of a stack that nothing asks: most of them are misspelt, and the right one gets no login.

    Args:
        registries: The stack's.
        platform: Its platform.
        named: Registries that images of the platform or of any of its versions come from.
    """
    if registries and platform.images is ImageSource.LOCAL:
        return [(("registries",), "are named, and the platform builds its own images; leave them out")]
    known = sorted(named)
    cure = "Docker Hub's need docker.io/ in front"
    return [
        (
            ("registries", host),
            f"is where no image of the platform or of its versions comes from ({cure}); {hint(host, known)}",
        )
        for host in registries
        if host not in known
    ]


def certbot_mistakes(spec: PlatformSpec) -> list[Mistake]:
    """Return the issuer of a stack whose platform does not say where certbot comes from."""
    edge, tls = spec.platform.edge, spec.settings.tls
    if not tls.is_issued or edge.certbot_build or edge.certbot_image:
        return []
    is_built = spec.platform.images is ImageSource.LOCAL
    cure = "certbot-build: certbot" if is_built else "certbot-image: repository:tag@sha256:<64 hex digits>"
    message = f"has the issuer {tls.issuer}, and the platform has no image that asks it; add {cure} under edge in"
    return [(("tls",), f"{message} platforms/{spec.settings.platform}.yaml")]


def token_mistakes(tls: TlsSettings, *, stack: str, secrets: Iterable[str]) -> list[Mistake]:
    """Return the token of an issuer that the stack does not set, if it does not; none can be made up."""
    if tls.token is None or tls.token in (known := list(secrets)):
        return []
    near = nearest(tls.token, known)
    cure = f"set it with `pulumi config set --secret secrets:{tls.token} --stack {stack}`"
    message = f"names a secret that the stack does not set; {f'did you mean {near}?' if near else cure}"
    return [(("tls", "token"), message)]


def password_mistakes(registries: Mapping[str, RegistrySpec], *, stack: str, secrets: Iterable[str]) -> list[Mistake]:
    """Return the registries whose password the stack does not set; unlike other secrets, none can be made up.

    Args:
        registries: The stack's.
        stack: Its name.
        secrets: Names of the secrets that its file sets.
    """
    known = list(secrets)
    found: list[Mistake] = []
    for host, registry in registries.items():
        if registry.password not in known:
            near = nearest(registry.password, known)
            cure = f"set that with `pulumi config set --secret secrets:NAME --stack {stack}`"
            message = f"names a secret that the stack does not set; {f'did you mean {near}?' if near else cure}"
            found.append((("registries", host, "password"), message))
    return found
