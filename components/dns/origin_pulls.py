"""How Cloudflare says who it is where it asks load balancers: by a certificate of the stack's own."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_cloudflare as cloudflare

from colorway.render.edge_secrets import ORIGIN_FILE
from colorway.spec.platform_spec import PlatformSpec
from components import x509

CLIENT = "Cloudflare"
"""What the certificate calls who shows it."""


class OriginPulls(pulumi.ComponentResource):
    """Makes an authority, and by it the certificate that Cloudflare shows to load balancers; has Cloudflare show it.

    Cloudflare's own certificate for this is the same for all its customers, so that any of them could come in by it.
    Ours is made once, by `Stash`. Another number in the stack's file is another authority: load balancers trust the
    one before and the one after, too, so that Cloudflare may change over before or after them, in the minutes that it
    takes. For the same reason an edit that has them ask for it at once is refused (`colorway/edits/`). Nothing of the
    load balancers waits for Cloudflare here: it may be down while traffic goes back.
    """

    edge_files: Mapping[str, pulumi.Output[str]]
    """What load balancers trust, as a file of their hosts; no secret, but rotated as secrets are."""

    def __init__(self, name: str, spec: PlatformSpec, *, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create it for the zones of a stack that has some."""
        super().__init__("colorway:dns:OriginPulls", name, None, opts)
        number = spec.settings.lock_down.certificate
        own = {
            one: self._kept(f"{name}-own-{one}", x509.new_authority("load balancers"))
            for one in range(max(1, number - 1), number + 2)
        }
        client = self._kept(
            f"{name}-client-{number}", own[number].apply(lambda text: x509.new_client(text, name=CLIENT))
        )
        trusted = pulumi.Output.all(*(text.apply(x509.without_key) for text in own.values()))
        self.edge_files = {ORIGIN_FILE: pulumi.Output.unsecret(trusted.apply("".join))}
        for domain, zone in spec.proxied_zones.items():
            self._show(f"{name}-{domain}", client, zone=zone)
        self.register_outputs({})

    def _show(self, name: str, client: pulumi.Output[str], *, zone: str) -> None:
        """Give a zone the certificate, a new one before the old one is taken back, and have it shown."""
        given = cloudflare.AuthenticatedOriginPullsCertificate(
            f"{name}-certificate",
            zone_id=zone,
            # The leaf alone, with its last line end: Cloudflare refuses a chain, and answers no text without that.
            certificate=pulumi.Output.unsecret(client.apply(x509.without_key)),
            private_key=client.apply(x509.key_alone),
            opts=pulumi.ResourceOptions(parent=self),
        )
        cloudflare.AuthenticatedOriginPullsSettings(
            f"{name}-shown",
            zone_id=zone,
            enabled=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[given]),
        )

    def _kept(self, name: str, made: pulumi.Input[str]) -> pulumi.Output[str]:
        """Return what was made first, whatever is made now."""
        stash = pulumi.Stash(
            f"{name}-value",
            input=pulumi.Output.secret(made),
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["input"]),
        )
        return pulumi.Output.secret(stash.output.apply(str))
