"""Certificates by which the members of data stores know each other: made once, and kept in the state."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from colorway.render.replication import CA_PATH, MEMBER_FILE
from colorway.spec.hosts import HostSpec
from colorway.spec.platform_spec import PlatformSpec
from components.entry import mounted_config
from components.secrets import mounted_secret
from components.swarm_spec import MountedFile

__all__ = ["CA_PATH", "MEMBER", "MEMBER_FILE", "PASSWORD", "Authority"]

MEMBER = f"/run/secrets/{MEMBER_FILE}"
PASSWORD_FILE = "colorway-members-password"  # noqa: S105 - a name
"""What members say to each other, below /run/secrets."""
PASSWORD = f"/run/secrets/{PASSWORD_FILE}"


@dataclass(frozen=True, kw_only=True)
class OwnPassword:
    """A password that nobody outside of a store has."""

    text: pulumi.Output[str]
    """Hexadecimal digits; secret."""
    file: MountedFile
    """The same as a secret of a task, at `PASSWORD`."""


class Authority(pulumi.ComponentResource):
    """Makes an authority of the stack's own, and a certificate for each host that a member of a store is on.

    Both are made once, by `Stash`, and stay as they are: a member that got another one would restart. A host that has
    another address gets a new one. Another number in the stack's file is another authority: members trust the one
    before and the one after theirs, too, so that they know each other while one after the other gets its new
    certificate, and those of two numbers ago are refused. The first one vouches for each, and what stands before the
    members trusts that one alone: it needs nothing new, and its clients stay.
    """

    ca: MountedFile
    """The certificates that members trust, as a file of a task."""
    first: MountedFile
    """The one that what stands before the members trusts, as a file of a task."""
    members: Mapping[str, MountedFile]
    """Certificate and private key of each host by its name, as a secret of its tasks."""

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        hosts: tuple[HostSpec, ...],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:data:Authority", name, None, opts)
        # A tenth of a second, for stacks that have such stores only.
        from components import x509  # noqa: PLC0415

        self._x509 = x509
        number = spec.settings.certificates
        own = {
            one: self._kept(f"{name}-own{_nth(one)}", x509.new_authority())
            for one in sorted({1, *range(max(1, number - 1), number + 2)})
        }
        trusted = [own[one].apply(x509.without_key) for one in own if abs(one - number) <= 1]
        self.ca = self._config(f"{name}-certificate", pulumi.Output.all(*trusted).apply("".join), spec=spec)
        self.first = self._config(f"{name}-first", own[1].apply(x509.without_key), spec=spec)
        self.members = {
            host.name: self._member(f"{name}-{host.name}", spec, host=host, own=own[number], first=own[1])
            for host in hosts
        }
        self.register_outputs({})

    def _config(self, name: str, text: pulumi.Output[str], *, spec: PlatformSpec) -> MountedFile:
        return mounted_config(name, pulumi.Output.unsecret(text), path=CA_PATH, stack=spec.stack, parent=self)

    def password(self, name: str, spec: PlatformSpec) -> OwnPassword:
        """Make a password by which parts of a store know each other whose program takes no certificate instead of one.

        It is nobody else's, so that it stays where the store's own password changes, and no part waits for another.
        """
        text = self._kept(name, secrets.token_hex(24))
        return OwnPassword(text=text, file=self._secret(name, text, spec=spec, path=PASSWORD_FILE))

    def _member(
        self, name: str, spec: PlatformSpec, *, host: HostSpec, own: pulumi.Output[str], first: pulumi.Output[str]
    ) -> MountedFile:
        address, number = host.address, spec.settings.certificates

        def made(texts: Sequence[str]) -> str:
            vouches = texts[1] if number > 1 else None
            return str(self._x509.new_member(texts[0], address=address, first=vouches))

        # Another address is another certificate: the members that it is shown to compare.
        kept = self._kept(f"{name}-{address}{_nth(number)}", pulumi.Output.all(own, first).apply(made))
        return self._secret(name, kept, spec=spec, path=MEMBER_FILE)

    def _secret(self, name: str, text: pulumi.Output[str], *, spec: PlatformSpec, path: str) -> MountedFile:
        return mounted_secret(name, text, path=path, stack=spec.stack, parent=self)

    def _kept(self, name: str, made: str | pulumi.Output[str]) -> pulumi.Output[str]:
        """Return what was made first, whatever is made now."""
        stash = pulumi.Stash(
            f"{name}-value",
            input=pulumi.Output.secret(made) if isinstance(made, str) else made,
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["input"]),
        )
        return pulumi.Output.secret(stash.output.apply(str))


def _nth(number: int) -> str:
    """Return the end of a name; the first one has none."""
    return f"-{number}" if number > 1 else ""
