"""Which ports a service listens on, and which of them Compose publishes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from colorway.config.begun import exposed
from colorway.config.compose.merged import Read
from colorway.config.compose.said import Place, Remarks, Said
from colorway.config.compose.variables import without_unset

KNOWN: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys(("elasticsearch", "opensearch"), 9200),
        **dict.fromkeys(("mongo", "mongodb"), 27017),
        **dict.fromkeys(("nginx", "httpd", "caddy", "wordpress", "php", "whoami", "adminer-nginx"), 80),
        **dict.fromkeys(("clickhouse", "clickhouse-server"), 8123),
        "adminer": 8080,
        "etcd": 2379,
        "grafana": 3000,
        "imgproxy": 8080,
        "influxdb": 8086,
        "keycloak": 8080,
        "mailhog": 8025,
        "mailpit": 8025,
        "meilisearch": 7700,
        "memcached": 11211,
        "minio": 9000,
        "nats": 4222,
        "neo4j": 7687,
        "qdrant": 6333,
        "rabbitmq": 5672,
        "solr": 8983,
        "typesense": 8108,
        "vault": 8200,
        "weaviate": 8080,
    }
)
"""Where programs listen whose Compose files need not say it, by the last word of the image's repository."""
NO_HTTP = frozenset(
    {
        *(21, 22, 25, 53, 110, 123, 143, 161, 389, 465, 514, 587, 636, 873, 993, 995, 1433, 1521, 1883, 2049, 2181),
        *(2379, 3306, 3478, 4222, 5060, 5222, 5349, 5432, 5672, 6379, 6432, 7687, 8883, 9042, 9092, 11211, 27017),
    }
)
"""Ports that the load balancers can lead to none of: what is spoken there is not HTTP."""
WEB_PORTS = frozenset({80, 443})
_PORT = r"\d{1,5}"
_SHORT = re.compile(
    rf"(?:(?:\[[^]]*\]|\d+\.[\d.]+|localhost):)?(?:(?P<published>{_PORT}(?:-{_PORT})?)?:)?(?P<target>{_PORT}(?:-{_PORT})?)"
    r"(?:/(?P<protocol>tcp|udp|sctp))?",
    re.ASCII,
)


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """A port of a service; `published` is none where only other services reach it."""

    target: int
    place: Place
    published: int | None = None
    protocol: str = "tcp"
    is_ingress: bool = True

    @property
    def is_http(self) -> bool:
        """Whether the load balancers can lead to it, as far as its number tells."""
        return self.protocol == "tcp" and self.target not in NO_HTTP


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Reads what services say of their ports."""

    read: Read
    remarks: Remarks

    def of(self, service: Said, *, path: str) -> list[Mapped]:
        """Return the ports of a service as its file says them: published ones first, each target once."""
        found = [one for said in service.items_at("ports") for one in self._mapped(said, f"{path}.ports")]
        for said in service.items_at("expose"):
            found += [
                Mapped(target=one.target, protocol=one.protocol, place=one.place)
                for one in self._mapped(said, f"{path}.expose")
            ]
        known: dict[tuple[int, int | None, str], Mapped] = {}
        for one in found:
            is_again = one.published is None and any(one.target == other.target for other in known.values())
            if not is_again:
                known.setdefault((one.target, one.published, one.protocol), one)
        return list(known.values())

    def guessed(self, service: Said) -> int | None:
        """Return where a service listens that says nothing of it: by its Dockerfile, or by its image's name."""
        build = service.at("build")
        if build is None:
            return KNOWN.get(image_name(service))
        return exposed(self.read(dockerfile(build)) or "")

    def _mapped(self, said: Said, path: str) -> Iterator[Mapped]:
        if said.entries:
            text = f"{said.text_at('published') or ''}:{said.text_at('target')}/{said.text_at('protocol') or 'tcp'}"
        else:
            text = said.text or ""
        match = _SHORT.fullmatch(without_unset(text).strip().lstrip(":") if not said.entries else text)
        if match is None or match["protocol"] == "sctp":
            cure = "write the service's port, and published where it is not for the load balancers"
            self.remarks.add(said.place, path, "is no port that can be read here", cure)
            return
        targets, published = _range(match["target"]), _range(match["published"])
        if len(targets) > len(published) > 0:
            published = published[:1]
        for index, target in enumerate(targets):
            yield Mapped(
                target=target,
                published=published[min(index, len(published) - 1)] if published else None,
                protocol=match["protocol"] or "tcp",
                place=said.place,
                is_ingress=said.text_at("mode") != "host",
            )


def image_name(service: Said) -> str:
    """Return the last word of a service's image: its repository without registry, tag and digest."""
    return repository(service).rpartition("/")[2]


def repository(service: Said) -> str:
    """Return a service's image without tag and digest; empty where it names none."""
    text = without_unset(service.text_at("image") or "").partition("@")[0]
    head, _, last = text.rpartition("/")
    return f"{head}/{last.partition(':')[0]}".lstrip("/")


def dockerfile(build: Said) -> str:
    """Return the path of a build's Dockerfile."""
    context = build.text_at("context") or "."
    return build.place.beside(f"{context}/{build.text_at('dockerfile') or 'Dockerfile'}")


def _range(text: str | None) -> list[int]:
    if not text:
        return []
    first, _, last = text.partition("-")
    numbers = list(range(int(first), int(last or first) + 1))[:100]
    return [number for number in numbers if 1 <= number <= 65535]  # noqa: PLR2004 - TCP's
