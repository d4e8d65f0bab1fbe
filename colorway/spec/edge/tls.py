"""Certificates of load balancers: who issues them, and what renews them."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import model_validator

from colorway.spec import names
from colorway.spec.base import ShortSpec
from colorway.spec.edge.zones import wanted_records
from colorway.spec.fields import Shape
from colorway.spec.hosts import Role
from colorway.spec.task.mounts import ProjectPath
from colorway.spec.wanted import WantedRecord, WantedService, WantedVolume

if TYPE_CHECKING:
    from colorway.spec.platform_spec import PlatformSpec

DirectoryUrl = Annotated[
    str,
    Shape(
        r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/[A-Za-z0-9._~/-]*",
        "is no address of an ACME directory; write it whole, for example https://acme.example.com/acme/directory",
    ),
]
"""Where an authority that speaks ACME says what it can do."""
Email = Annotated[
    str,
    Shape(
        r"[A-Za-z0-9._%+-]+@([A-Za-z0-9-]+\.)+[A-Za-z]{2,}",
        "is no e-mail address; write one that somebody reads, for example ops@example.com",
    ),
]
"""Whom an authority writes to."""
TokenName = Annotated[
    str,
    Shape(
        r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,38}[A-Za-z0-9])?",
        "must be the name of a secret, for example acme-token, and never the token itself, which is set with "
        "`pulumi config set --secret secrets:acme-token`",
    ),
]


class Issuer(StrEnum):
    """Who signs the certificates that users are shown."""

    SELF_SIGNED = "self-signed"
    """Each load balancer its own: for machines that no user reaches, and behind Cloudflare."""
    LETS_ENCRYPT = "lets-encrypt"
    """Let's Encrypt."""
    LETS_ENCRYPT_STAGING = "lets-encrypt-staging"
    """Let's Encrypt's own rehearsal: no browser trusts it, and hardly anything is limited."""
    ACME = "acme"
    """Another authority that speaks ACME."""


DIRECTORIES = {
    Issuer.LETS_ENCRYPT: "https://acme-v02.api.letsencrypt.org/directory",
    Issuer.LETS_ENCRYPT_STAGING: "https://acme-staging-v02.api.letsencrypt.org/directory",
}
"""As https://letsencrypt.org/docs/acme-protocol-updates/ and /docs/staging-environment/ have them."""


class TlsSettings(ShortSpec):
    """Who issues the certificates of a stack's load balancers: the issuer alone, or with what it needs."""

    short: ClassVar[str] = "issuer"

    issuer: Issuer = Issuer.SELF_SIGNED
    """self-signed, lets-encrypt, lets-encrypt-staging or acme."""
    directory: DirectoryUrl | None = None
    """The ACME directory of another authority, for issuer: acme."""
    ca: ProjectPath | None = None
    """File of the project with the authority's own root, where that is no public one."""
    email: Email | None = None
    """Whom the authority writes to when something is wrong with its certificates; none = nobody."""
    token: TokenName | None = None
    """Name of a secret of the stack: a Cloudflare token with Zone Read and DNS Write, by which names are proven."""

    @property
    def is_issued(self) -> bool:
        """Whether an authority signs them."""
        return self.issuer is not Issuer.SELF_SIGNED

    @property
    def is_trusted_by_cloudflare(self) -> bool:
        """Whether Cloudflare takes them for those of a public authority."""
        return self.issuer in {Issuer.LETS_ENCRYPT, Issuer.ACME}

    @property
    def server(self) -> str:
        """The authority's ACME directory; empty where there is no authority."""
        return self.directory or DIRECTORIES.get(self.issuer, "")

    @model_validator(mode="after")
    def _says_what_its_issuer_needs(self) -> TlsSettings:
        said = [key for key in ("directory", "ca", "email", "token") if getattr(self, key) is not None]
        if not self.is_issued and said:
            raise ValueError(f"says {' and '.join(said)}, which no self-signed certificate needs; add an issuer")
        if self.issuer is Issuer.ACME and self.directory is None:
            raise ValueError(
                "has the issuer acme, and nothing says which one; add for example "
                "directory: https://acme.example.com/acme/directory"
            )
        if self.issuer is not Issuer.ACME and self.directory is not None:
            raise ValueError(f"has a directory, and {self.issuer} has its own; leave that out, or write issuer: acme")
        if self.issuer is not Issuer.ACME and self.ca is not None:
            raise ValueError(
                f"has a ca, and {self.issuer} is a public authority; leave that out, or write issuer: acme"
            )
        if self.is_issued and self.token is None:
            raise ValueError(
                f"has the issuer {self.issuer}, to which names are proven by DNS records; add token: the name of the "
                "secret with a Cloudflare token, for example token: acme-token"
            )
        return self


def wanted_certbots(spec: PlatformSpec) -> Iterator[WantedService | WantedVolume]:
    """Yield what asks an authority for each load balancer's certificates, and where it keeps its account."""
    if not spec.settings.tls.is_issued:
        return
    edge = spec.platform.edge
    for host in spec.load_balancers:
        logical = names.certbot(host.name)
        yield WantedService(
            stack=spec.stack,
            logical=logical,
            owner=f"the certificates of the host {host.name}",
            image=spec.shared_image(build=edge.certbot_build, image=edge.certbot_image, path=("edge", "certbot-build")),
            role=Role.LOAD_BALANCER,
            host=host.name,
        )
        yield WantedVolume(name=names.volume(spec.stack, logical), host=host)


def wanted_of_edge(spec: PlatformSpec) -> Iterator[WantedRecord | WantedService | WantedVolume]:
    """Yield what a stack has for its names: their records, and what has their certificates issued."""
    yield from wanted_records(spec)
    yield from wanted_certbots(spec)
