"""Which certificates load balancers show, how long these last, and what keeps newer ones away."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from colorway.render.certificates import lineages
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
class ShownCertificate:
    """What one load balancer shows under one domain."""

    stack: str
    host: str
    lineage: str
    """The domain."""
    wanted: str
    """The issuer that the stack's file says."""
    issuer: str | None
    """Who signed it; none = the load balancer itself, until an authority does."""
    begins: datetime
    ends: datetime
    failure: str | None = None
    """Why the last try for a newer one failed; none = it did not."""
    failed_at: str | None = None
    """When that was."""
    token: str = ""
    """Name of the secret by which names are proven."""

    def days_left(self, now: datetime | None = None) -> int:
        """Return the whole days until it ends; less than 0 where it has ended."""
        return (self.ends - (now or datetime.now(tz=UTC))).days

    def is_late(self, now: datetime | None = None) -> bool:
        """Return whether an issued one should have been renewed."""
        left = self.ends - (now or datetime.now(tz=UTC))
        return self.issuer is not None and left < (self.ends - self.begins) / LATE

    @property
    def line(self) -> str:
        """What it is, for people."""
        where = f"certificate: {self.lineage} on {self.host}"
        if self.issuer is None:
            return f"{where}: its own, until {self.wanted} has issued one"
        return f"{where}: by {self.issuer}, {self.days_left()} days left"

    @property
    def problem(self) -> tuple[str, str] | None:
        """What is wrong with it, and the one command that helps; None = nothing."""
        where = f"on load balancer {self.host}"
        if self.failure and self.issuer is None:
            return f"{self.wanted} issues no certificate of {self.lineage} {where}: {self._why}", self._cure
        if self.failure:
            what = f"the certificate of {self.lineage} {where} is not renewed, {self.days_left()} days are left"
            return f"{what}: {self._why}", self._cure
        if self.is_late():
            what = f"the certificate of {self.lineage} {where} has {self.days_left()} days left and was not renewed"
            return what, self._logs
        return None

    @property
    def _why(self) -> str:
        return f"{self.failure} (tried at {self.failed_at})"

    @property
    def _logs(self) -> str:
        return f"docker service logs --tail 50 {names.service(self.stack, names.certbot(self.host))}"

    @property
    def _cure(self) -> str:
        is_token = any(word in (self.failure or "").lower() for word in ("cloudflare", "zone_id", "the token is"))
        if not is_token:
            return self._logs
        return f"pulumi config set --secret secrets:{self.token} --stack {self.stack}, then colorway up {self.stack}"


def shown_certificates(
    spec: PlatformSpec, *, without: Collection[str] = (), ask: Ask | None = None
) -> tuple[ShownCertificate, ...]:
    """Return what each load balancer shows, asked of its own host; nothing where no authority issues it.

    A load balancer that does not answer is left out: `status` says so by what it serves.

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
    wanted = [one.name for one in lineages(spec)]
    command = ["/bin/sh", "-uc", nginx_script("certificates-shown"), "colorway", *wanted]
    try:
        said = ask(host, names.service(spec.stack, names.load_balancer(host.name)), command)
    except (DockerError, NoAnswerError):
        return []
    return list(parsed(spec, host.name, said))


def parsed(spec: PlatformSpec, host: str, said: str) -> Iterator[ShownCertificate]:
    """Yield what `templates/nginx/certificates-shown.sh` said of each lineage that has a certificate."""
    for part in said.split("# lineage ")[1:]:
        lineage, *lines = part.splitlines()
        told: dict[str, list[str]] = {}
        for key, _, value in (line.partition("=") for line in lines):
            told.setdefault(key, []).append(value)
        if "notAfter" not in told or "notBefore" not in told:
            continue
        failed = told.get("failure", [])
        yield ShownCertificate(
            stack=spec.stack,
            host=host,
            lineage=lineage.strip(),
            wanted=spec.settings.tls.issuer.value,
            issuer=None if "own" in told else _signer("".join(told.get("issuer", []))),
            begins=_moment(told["notBefore"][0]),
            ends=_moment(told["notAfter"][0]),
            failure=" ".join(failed[1:]) or None,
            failed_at=failed[0] if failed else None,
            token=spec.settings.tls.token or "",
        )


def _moment(said: str) -> datetime:
    """Return a date as OpenSSL writes it with `-dateopt iso_8601`."""
    return datetime.fromisoformat(said.strip())


def _signer(name: str) -> str:
    """Return who signed as people call it: organization and name."""
    parts = dict(part.split("=", 1) for part in name.replace("\\,", " ").split(",") if "=" in part)
    return " ".join(parts[key] for key in ("O", "CN") if key in parts) or name
