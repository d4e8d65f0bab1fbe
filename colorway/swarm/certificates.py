"""Which certificates load balancers show, how long these last, and what keeps newer ones away."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from colorway.render.certificates import shown_arguments
from colorway.render.templates import nginx_script
from colorway.spec import names
from colorway.spec.hosts import HostSpec
from colorway.spec.platform_spec import PlatformSpec
from colorway.swarm.connections import Connection, DockerError, NoAnswerError
from colorway.swarm.inside import Inside

LATE = 4
"""A certificate is late in its last part of so many: certbot renews it in its last third."""
Ask = Callable[[HostSpec, str, list[str]], str]
"""Returns what a command says in the container that a service has on a host; raises DockerError."""


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A certificate, as a new connection to a load balancer gets it."""

    issuer: str | None
    """Who signed it; none = the load balancer itself, until an authority does."""
    begins: datetime
    ends: datetime
    fits: bool = True
    """Whether it is for the name that was asked for."""

    @property
    def days_left(self) -> int:
        """Whole days until it ends; less than 0 where it has ended."""
        return (self.ends - datetime.now(tz=UTC)).days

    @property
    def has_ended(self) -> bool:
        """Whether no browser takes it any more."""
        return self.ends <= datetime.now(tz=UTC)

    @property
    def is_late(self) -> bool:
        """Whether it should have been renewed: an issued one of which little is left."""
        return self.issuer is not None and self.ends - datetime.now(tz=UTC) < (self.ends - self.begins) / LATE


@dataclass(frozen=True, kw_only=True)
class ShownCertificate:
    """What one load balancer shows under one domain."""

    stack: str
    host: str
    lineage: str
    """The domain."""
    name: str
    """The name of it that was asked for."""
    wanted: str
    """The issuer that the stack's file says."""
    leaf: Leaf | None
    """None = it shows none."""
    refusal: str = ""
    """Why it shows none, in OpenSSL's words."""
    kept_until: datetime | None = None
    """When the one on its disk ends, which it should show; none = there is none."""
    failure: str | None = None
    """Why the last try for a newer one failed; none = it did not."""
    failed_at: str | None = None
    """When that was."""
    token: str = ""
    """Name of the secret by which names are proven."""

    @property
    def issuer(self) -> str | None:
        """Who signed what is shown; none = no authority did."""
        return self.leaf.issuer if self.leaf else None

    @property
    def line(self) -> str:
        """What it is, for people."""
        where = f"certificate: {self.lineage} on {self.host}"
        if self.leaf is None:
            return f"{where}: none is shown"
        if self.leaf.issuer is None:
            return f"{where}: its own, until {self.wanted} has issued one"
        if self.leaf.has_ended:
            return f"{where}: by {self.leaf.issuer}, ended at {self.leaf.ends:%Y-%m-%d %H:%M} UTC"
        return f"{where}: by {self.leaf.issuer}, {self.leaf.days_left} days left"

    @property
    def problem(self) -> tuple[str, str] | None:
        """What is wrong with it, and the one command that helps; None = nothing.

        What users meet comes before why it is so.
        """
        where = f"on load balancer {self.host}"
        if self.leaf is None:
            return f"load balancer {self.host} shows no certificate under {self.name}: {self.refusal}", self._edge_logs
        if not self.leaf.fits:
            return f"the certificate of {self.lineage} {where} is not for {self.name}{self._why}", self._cure
        if self.leaf.has_ended or self.leaf.is_late:
            return self._lateness(self.leaf, where)
        if self.failure and self.leaf.issuer is None:
            return f"{self.wanted} issues no certificate of {self.lineage} {where}{self._why}", self._cure
        if self.failure:
            left = f"is not renewed, {self.leaf.days_left} days are left"
            return f"the certificate of {self.lineage} {where} {left}{self._why}", self._cure
        return None

    def _lateness(self, leaf: Leaf, where: str) -> tuple[str, str]:
        """Return what is said of a certificate that has ended, or soon will, and what helps."""
        left = f"has ended at {leaf.ends:%Y-%m-%d %H:%M} UTC" if leaf.has_ended else f"has {leaf.days_left} days left"
        if self.kept_until is not None and self.kept_until > leaf.ends:
            what = f"{left}, and a newer one that is there is not shown"
            return f"the certificate of {self.lineage} {where} {what}", self._edge_logs
        return f"the certificate of {self.lineage} {where} {left} and was not renewed{self._why}", self._cure

    @property
    def _why(self) -> str:
        return f": {self.failure} (tried at {self.failed_at})" if self.failure else ""

    @property
    def _edge_logs(self) -> str:
        return f"docker service logs --tail 50 {names.service(self.stack, names.load_balancer(self.host))}"

    @property
    def _cure(self) -> str:
        is_token = any(word in (self.failure or "").lower() for word in ("cloudflare", "zone_id", "the token is"))
        if not is_token:
            return f"docker service logs --tail 50 {names.service(self.stack, names.certbot(self.host))}"
        return f"pulumi config set --secret secrets:{self.token} --stack {self.stack}, then colorway up {self.stack}"


def shown_certificates(
    spec: PlatformSpec, *, without: Collection[str] = (), ask: Ask | None = None
) -> tuple[ShownCertificate, ...]:
    """Return what each load balancer shows, asked on its own host; nothing where no authority issues it.

    A name that is in the files and that no `up` has brought yet is left out. A load balancer that does not answer is,
    too: `status` says so by what it serves.

    Args:
        spec: The stack.
        without: Hosts that are not asked.
        ask: How one is asked.
    """
    hosts = [host for host in spec.load_balancers if host.name not in without]
    if not spec.settings.tls.is_issued or not hosts:
        return ()
    with ThreadPoolExecutor(max_workers=len(hosts)) as beside:
        found = beside.map(lambda host: _of_host(spec, host, ask or _said), hosts)
        return tuple(one for those in found for one in those)


def _said(host: HostSpec, service: str, command: list[str]) -> str:
    return Inside(Connection(host)).said(service, command)


def _of_host(spec: PlatformSpec, host: HostSpec, ask: Ask) -> list[ShownCertificate]:
    command = ["/bin/sh", "-uc", nginx_script("certificates-shown"), "colorway", *shown_arguments(spec)]
    try:
        said = ask(host, names.service(spec.stack, names.load_balancer(host.name)), command)
    except (DockerError, NoAnswerError):
        return []
    return list(parsed(spec, host.name, said))


def parsed(spec: PlatformSpec, host: str, said: str) -> Iterator[ShownCertificate]:
    """Yield what `templates/nginx/certificates-shown.sh` said of each lineage."""
    for part in said.split("# lineage ")[1:]:
        lineage, *lines = part.splitlines()
        told: dict[str, list[str]] = {}
        for key, _, value in (line.partition("=") for line in lines):
            told.setdefault(key, []).append(value)
        failed, kept = told.get("failure", []), told.get("kept")
        yield ShownCertificate(
            stack=spec.stack,
            host=host,
            lineage=lineage.strip(),
            name="".join(told["name"]),
            wanted=spec.settings.tls.issuer.value,
            leaf=_leaf(told),
            refusal="".join(told.get("refusal", [])),
            kept_until=_moment(kept[0]) if kept else None,
            failure=" ".join(failed[1:]) or None,
            failed_at=failed[0] if failed else None,
            token=spec.settings.tls.token or "",
        )


def _leaf(told: Mapping[str, list[str]]) -> Leaf | None:
    """Return the certificate that a new connection got; None where there was none."""
    if "notAfter" not in told:
        return None
    # Nobody but the load balancers signs for himself.
    own = told["issuer"] == told["subject"]
    return Leaf(
        issuer=None if own else _signer("".join(told["issuer"])),
        begins=_moment(told["notBefore"][0]),
        ends=_moment(told["notAfter"][0]),
        fits="fits" in told,
    )


def _moment(said: str) -> datetime:
    """Return a date as OpenSSL writes it with `-dateopt iso_8601`."""
    return datetime.fromisoformat(said.strip())


def _signer(name: str) -> str:
    """Return who signed as people call it: organization and name."""
    parts = dict(part.split("=", 1) for part in name.replace("\\,", " ").split(",") if "=" in part)
    return " ".join(parts[key] for key in ("O", "CN") if key in parts) or name
