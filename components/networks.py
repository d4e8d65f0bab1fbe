"""The four overlay networks of a stack."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_docker as docker

from colorway.spec import names
from colorway.spec.inventory import WantedNetwork
from colorway.spec.names import NetworkName
from colorway.spec.platform_spec import PlatformSpec


class Networks(pulumi.ComponentResource):
    """Creates blue, green, data and monitoring; all of them, even while a color is off.

    A service that gets one more network is replaced, which is an outage, so the set never changes.
    Subnet and gateway are fixed: without a gateway the first refresh wants to replace the network, and
    the load balancers tell the colors apart by address. `options` stay out: the daemon adds its own, and
    the plugin would replace the network on the next `up`.
    """

    ids: Mapping[NetworkName, pulumi.Output[str]]
    """Network ids; services attach by id because a name is read back as an id and diffs for ever."""

    def __init__(self, name: str, spec: PlatformSpec, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("colorway:swarm:Networks", name, None, opts)
        self.ids = {wanted.network: self._network(name, wanted, spec).id for wanted in spec.inventory().networks}
        self.register_outputs({network.value: identifier for network, identifier in self.ids.items()})

    def _network(self, name: str, wanted: WantedNetwork, spec: PlatformSpec) -> docker.Network:
        return docker.Network(
            f"{name}-{wanted.network.value}",
            name=wanted.name,
            driver="overlay",
            ipam_driver="default",
            ipam_configs=[docker.NetworkIpamConfigArgs(subnet=wanted.subnet, gateway=wanted.gateway)],
            labels=[docker.NetworkLabelArgs(label=names.STACK_LABEL, value=spec.stack)],
            opts=pulumi.ResourceOptions(parent=self, protect=wanted.is_protected or None),
        )
