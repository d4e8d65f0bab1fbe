"""By what the load balancers know Cloudflare: a certificate of the stack's own, and who vouches for it."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from colorway.render.edge_secrets import ORIGIN_FILE
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stack import LockDown

CLIENT = "Cloudflare"
"""What the certificate calls who shows it."""


class OriginAuthority(pulumi.ComponentResource):
    """Makes an authority of the stack's own, and the one certificate of it, which Cloudflare shows to load balancers.

    Cloudflare's own certificate for this is the same for all its customers, so that any of them could come in by it.
    Both are made once, by `Stash`. Another number in the stack's file is another authority: load balancers trust the
    one before and the one after, too, so that Cloudflare, which takes minutes, may change over before or after them.
    """

    client: pulumi.Output[str]
    """Certificate and private key of Cloudflare; secret."""
    edge_files: Mapping[str, pulumi.Output[str]]
    """What load balancers trust, as a file of their hosts; no secret, but it is rotated like one."""

    def __init__(self, name: str, spec: PlatformSpec, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("colorway:edge:OriginAuthority", name, None, opts)
        # A tenth of a second, for stacks behind Cloudflare only.
        from components import x509  # noqa: PLC0415

        number = spec.settings.lock_down.certificate
        own = {
            one: self._kept(f"{name}-own-{one}", x509.new_authority("load balancers"))
            for one in range(max(1, number - 1), number + 2)
        }
        self.client = self._kept(
            f"{name}-client-{number}", own[number].apply(lambda text: x509.new_client(text, name=CLIENT))
        )
        trusted = pulumi.Output.all(*(text.apply(x509.without_key) for text in own.values()))
        self.edge_files = {ORIGIN_FILE: pulumi.Output.unsecret(trusted.apply("".join))}
        self.register_outputs({})

    @staticmethod
    def of(spec: PlatformSpec, opts: pulumi.ResourceOptions) -> OriginAuthority | None:
        """Return what a stack needs of it: nothing where the load balancers ask for no certificate."""
        return None if spec.lock_down is LockDown.OPEN else OriginAuthority("origin", spec, opts=opts)

    def _kept(self, name: str, made: pulumi.Input[str]) -> pulumi.Output[str]:
        """Return what was made first, whatever is made now."""
        stash = pulumi.Stash(
            f"{name}-value",
            input=pulumi.Output.secret(made),
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["input"]),
        )
        return pulumi.Output.secret(stash.output.apply(str))
