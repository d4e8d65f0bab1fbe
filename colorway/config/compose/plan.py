"""Which services of Compose files become services, which data stores, and which are left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from colorway.config.compose import stores as known_stores
from colorway.config.compose.merged import Read
from colorway.config.compose.not_carried import LEFT_OUT
from colorway.config.compose.ports import WEB_PORTS, Mapped, Ports, repository
from colorway.config.compose.routes import labels_of
from colorway.config.compose.said import Remarks, Said
from colorway.config.compose.values import label
from colorway.config.documents import Problem
from colorway.config.stack_files import ConfigError
from colorway.spec import names


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which services become what, before any of them is read whole."""

    whole: Said
    services: tuple[str, ...]
    stores: Mapping[str, str]
    """Names of services that become data stores, each with the kind."""
    labels: Mapping[str, str]
    """Names here by those in Compose."""
    ports: Mapping[str, Sequence[Mapped]]
    guessed: Mapping[str, int | None]

    @property
    def renamed(self) -> dict[str, str]:
        """Those that are called otherwise here."""
        return {old: new for old, new in self.labels.items() if old != new}

    @classmethod
    def of(cls, whole: Said, *, remarks: Remarks, read: Read) -> Plan:
        """Return the plan for merged files.

        Raises:
            ConfigError: nothing is left of them.
        """
        every = whole.entries_at("services")
        jobs = {
            other
            for service in every.values()
            for other, said in service.entries_at("depends_on").items()
            if said.text_at("condition") == "service_completed_successfully"
        }
        kept = {
            name: service
            for name, service in every.items()
            if not _left_out(name, service, is_job=name in jobs, remarks=remarks)
        }
        if not kept:
            message = "has no services but those that are not carried over; name the application's own"
            raise ConfigError([Problem(file=whole.place.file, message=message)])
        reading = Ports(read=read, remarks=remarks)
        ports = {name: reading.of(service, path=f"services.{name}") for name, service in kept.items()}
        guessed = {name: reading.guessed(service) for name, service in kept.items()}
        stores = {
            name: kind for name, service in kept.items() if (kind := _store_kind(service, ports[name], guessed[name]))
        }
        labels = _labels(kept, remarks)
        services = tuple(name for name in kept if name not in stores)
        return cls(whole=whole, services=services, stores=stores, labels=labels, ports=ports, guessed=guessed)

    def at(self, name: str) -> Said:
        """Return a service."""
        return self.whole.entries_at("services")[name]


def _left_out(name: str, service: Said, *, is_job: bool, remarks: Remarks) -> bool:
    path = f"services.{name}"
    if (said := service.at("profiles")) is not None and said.items:
        reason = "is begun only where its profile is asked for"
        remarks.add(
            said.place, f"{path}.profiles", reason, "take `profiles` out, and import it, if it is to run always"
        )
        return True
    ends = service.text_at("deploy", "mode") in {"replicated-job", "global-job"}
    if is_job or ends or (service.text_at("restart") in {"no", "false"} and service.at("ports") is None):
        cure = "run it with `colorway run STACK SERVICE -- …`, or let it be the platform's `migrations`"
        remarks.add(service.place, path, "is a job that ends, and services go on", cure)
        return True
    if service.at("build") is None and service.at("image") is None:
        remarks.add(service.place, path, "has neither an image nor a build", "write one of them")
        return True
    why = next((why for pattern, why in LEFT_OUT if pattern.fullmatch(repository(service))), None)
    if service.at("build") is None and why is not None:
        remarks.add(service.place, path, *why)
        return True
    return False


def _store_kind(service: Said, ports: Sequence[Mapped], guessed: int | None) -> str | None:
    """Return the kind of data store that a service becomes; None where it stays a service."""
    kind = known_stores.kind_of(service)
    if kind is not None or service.at("build") is not None:
        return kind
    labels = labels_of(service)
    is_routed = any(name.lower().startswith("traefik.http.routers") for name in labels)
    is_routed = is_routed or "VIRTUAL_HOST" in service.entries_at("environment")
    sources = [said.text_at("source") or (said.text or "").partition(":")[0] for said in service.items_at("volumes")]
    named = [one for one in sources if not one.startswith((".", "/", "~"))]
    is_plain = len(sources) == len(named) == 1 and service.at("configs") is None
    is_plain = is_plain and ":" in (service.items_at("volumes")[0].text or ":")
    is_public = any(one.published in WEB_PORTS for one in ports)
    has_port = bool(ports) or guessed is not None
    return "custom" if is_plain and has_port and not is_routed and not is_public else None


def _labels(services: Mapping[str, Said], remarks: Remarks) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, service in services.items():
        wanted = label(name)
        tried = (wanted, *(f"{wanted[:36]}-{number}" for number in range(2, 100)))
        taken = {*found.values(), names.PROMETHEUS}
        found[name] = next(one for one in tried if one not in taken)
        if found[name] != name:
            cure = "call it by that name; in its neighbors' variables and commands this is done"
            remarks.add(service.place, f"services.{name}", f"is called {found[name]} here", cure)
    return found
