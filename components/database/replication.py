"""What data stores with several members share: certificates, and etcd, which knows who leads."""

from __future__ import annotations

from datetime import timedelta

import pulumi

from colorway.render.templates import entry
from colorway.spec import names
from colorway.spec.hosts import HostSpec, Role
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores.replication import etcd_ports
from colorway.spec.task.health import HealthSpec
from colorway.spec.task.policies import Order, UpdatePolicy
from components.database.authority import CA_PATH, MEMBER, Authority
from components.entry import ENTRY_COMMAND, entry_script
from components.swarm_service import SwarmService
from components.swarm_spec import HOST_NETWORK, Mount, SwarmServiceSpec

VOLUME = "/etcd"
"""No image has it, so that a new volume is root's, as etcd is here."""


class Replication(pulumi.ComponentResource):
    """Makes the members' certificates, and runs one etcd on each manager where a store's members need it.

    These are on the host's own network: Swarm's DNS knows a task only once it is healthy, and addresses of overlays
    change, which neither quorum nor replication can have. One is replaced at a time, so that two of three serve.
    """

    authority: Authority

    def __init__(self, name: str, spec: PlatformSpec, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("colorway:data:Replication", name, None, opts)
        inventory = spec.inventory()
        hosts = tuple(host for host in spec.settings.hosts if inventory.host_ports_on(host))
        self.authority = Authority(f"{name}-authority", spec, hosts=hosts, opts=pulumi.ResourceOptions(parent=self))
        if spec.replicated_databases:
            self._run_etcd(spec)
        self.register_outputs({})

    def _run_etcd(self, spec: PlatformSpec) -> None:
        begins = entry_script("etcd", entry("etcd"), stack=spec.stack, parent=self)
        before: list[pulumi.Resource] = []
        for host in spec.hosts(Role.MANAGER):
            service = SwarmService(
                names.etcd(host.name),
                _service(spec, host=host),
                networks=[HOST_NETWORK],
                secrets=[self.authority.members[host.name]],
                configs=[begins, self.authority.ca],
                opts=pulumi.ResourceOptions(parent=self, depends_on=before, protect=spec.is_guarded or None),
            )
            before = [service]


def _service(spec: PlatformSpec, *, host: HostSpec) -> SwarmServiceSpec:
    etcd = spec.platform.etcd
    if etcd is None:
        raise ValueError("the spec is not one that the checks let through")
    ports, logical = etcd_ports(spec.settings.network.host_ports), names.etcd(host.name)
    managers = spec.hosts(Role.MANAGER)
    clients, peers = (f"https://{host.address}:{port}" for port in (ports.main, ports.other))
    flags = {
        "listen-client-urls": clients,
        "advertise-client-urls": clients,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster-token": spec.stack,
        "cert-file": MEMBER,
        "key-file": MEMBER,
        "trusted-ca-file": CA_PATH,
        "client-cert-auth": "true",
        "peer-cert-file": MEMBER,
        "peer-key-file": MEMBER,
        "peer-trusted-ca-file": CA_PATH,
        "peer-client-cert-auth": "true",
        # Milliseconds: between hosts of one network, with room for a busy disk.
        "heartbeat-interval": "250",
        "election-timeout": "2500",
        "auto-compaction-mode": "periodic",
        "auto-compaction-retention": "1h",
        "log-level": "warn",
    }
    health = HealthSpec(
        # Of its peers' port: clients are answered once two of three are there, and the first one begins alone.
        command=("CMD-SHELL", f"bash -c '</dev/tcp/{host.address}/{ports.other}'"),
        interval=timedelta(seconds=15),
        start_interval=timedelta(seconds=5),
        timeout=timedelta(seconds=10),
        retries=4,
        start_period=timedelta(seconds=30),
    )
    return SwarmServiceSpec(
        service_name=names.service(spec.stack, logical),
        image=spec.shared_image(build=etcd.build, image=etcd.image).reference,
        entrypoint=ENTRY_COMMAND,
        command=tuple(f"--{flag}={value}" for flag, value in flags.items()),
        env={
            "COLORWAY_NAME": host.name,
            "COLORWAY_DATA": f"{VOLUME}/data",
            "COLORWAY_PEER": peers,
            "COLORWAY_CLUSTER": ",".join(f"{one.name}=https://{one.address}:{ports.other}" for one in managers),
            "COLORWAY_OTHERS": ",".join(f"https://{one.address}:{ports.main}" for one in managers if one != host),
            "COLORWAY_CA": CA_PATH,
            "COLORWAY_MEMBER": MEMBER,
        },
        health=health.tests(None),
        health_policy=health,
        limits=etcd.limits,
        stop_grace=timedelta(seconds=20),
        order=Order.STOP_FIRST,
        update=UpdatePolicy(monitor=timedelta(seconds=5)),
        constraints=(f"node.labels.{names.host_label(spec.stack)}=={host.name}",),
        mounts=(Mount(target=VOLUME, source=names.volume(spec.stack, logical)),),
        labels=names.labels(spec.stack, logical),
    )
