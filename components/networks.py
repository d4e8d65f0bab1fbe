"""The overlay networks of a stack."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_docker as docker

from colorway.spec import names
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.wanted import WantedNetwork


class Networks(pulumi.ComponentResource):
    """Creates blue, green, shared, monitoring and one for each data store, even while a color is off.

    A service that gets one more network is replaced, which is an outage, so a network is there before its first
    service. Subnet and gateway are fixed: without a gateway the first refresh wants to replace the network, and
    the load balancers tell the colors apart by address. `options` are ignored after the creation: the daemon adds
    its own, and the plugin would replace the network on the next `up`. So a change of them does nothing here, and
    is refused before it comes here.
    """

    ids: Mapping[str, pulumi.Output[str]]
    """Network ids; services attach by id because a name is read back as an id and diffs for ever."""

    def __init__(self, name: str, spec: PlatformSpec, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("colorway:swarm:Networks", name, None, opts)
        self.ids = {wanted.label: self._network(name, wanted, spec).id for wanted in spec.inventory().networks}
        self.register_outputs(dict(self.ids))

    def _network(self, name: str, wanted: WantedNetwork, spec: PlatformSpec) -> docker.Network:
        return docker.Network(
            f"{name}-{wanted.label}",
            name=wanted.name,
            driver="overlay",
            options=_options(spec) or None,
            ipam_driver="default",
            ipam_configs=[docker.NetworkIpamConfigArgs(subnet=str(wanted.subnet), gateway=wanted.gateway)],
            labels=[docker.NetworkLabelArgs(label=names.STACK_LABEL, value=spec.stack)],
            opts=pulumi.ResourceOptions(parent=self, protect=wanted.is_protected or None, ignore_changes=["options"]),
        )


def _options(spec: PlatformSpec) -> dict[str, str]:
    """Return the driver's options; the daemon asks whether `encrypted` is there, whatever its value."""
    mtu = spec.settings.network.mtu
    return {
        **({"encrypted": ""} if spec.is_encrypted else {}),
        **({"com.docker.network.driver.mtu": str(mtu)} if mtu is not None else {}),
    }
