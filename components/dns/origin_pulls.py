"""How Cloudflare says who it is where it asks load balancers: by a certificate of the stack's own, zone by zone."""

from __future__ import annotations

import pulumi
import pulumi_cloudflare as cloudflare

from colorway.spec.platform_spec import PlatformSpec
from components import x509


class OriginPulls(pulumi.ComponentResource):
    """Gives each zone of a stack the certificate that its load balancers ask for, and has Cloudflare show it.

    Cloudflare takes a leaf alone, and minutes until each of its machines shows it: an edit that lets load balancers
    ask for it at once is refused (`colorway/edits/`). A new certificate is given before the old one is taken back.
    """

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        client: pulumi.Output[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create them.

        Args:
            name: Name of the component.
            spec: The stack; it has a zone.
            client: Certificate and private key, as PEM; secret.
            opts: Options of the component.
        """
        super().__init__("colorway:dns:OriginPulls", name, None, opts)
        for zone in (spec.settings.zone,) if spec.settings.zone else ():
            certificate = cloudflare.AuthenticatedOriginPullsCertificate(
                f"{name}-certificate",
                zone_id=zone,
                # A PEM without its last line end differs for ever from what Cloudflare answers.
                certificate=pulumi.Output.unsecret(client.apply(x509.without_key)),
                private_key=client.apply(x509.key_alone),
                opts=pulumi.ResourceOptions(parent=self),
            )
            cloudflare.AuthenticatedOriginPullsSettings(
                f"{name}-shown",
                zone_id=zone,
                enabled=True,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[certificate]),
            )
        self.register_outputs({})
