"""A program with a service of every kind that our components make, each field in an order that nobody reads back."""

from __future__ import annotations

import base64
from datetime import timedelta

import pulumi
import pulumi_docker as docker

from colorway.spec.task.health import HealthSpec
from colorway.spec.task.policies import LimitsSpec, Order, UpdatePolicy
from colorway.spec.task.process import PublishedSpec
from components.swarm_service import SwarmService
from components.swarm_spec import Mount, MountedFile, NetworkAttachment, SwarmServiceSpec
from tests.contract.programs import LABEL, RANGE

SLEEPER = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done")
SECOND = timedelta(seconds=1)
FILES = 4
"""Secrets and configs of each service that has any: enough that they rarely lie in the order of their ids."""
LABELS = {LABEL: "1", "a": "2"}


def every_service(prefix: str, *, image: str) -> None:
    """Declare the services, and the networks, secrets and configs that they use.

    Args:
        prefix: Of all names in the swarm.
        image: Has `sh`, `sleep` and `true`.
    """
    swarm = docker.Provider("every", host="unix:///var/run/docker.sock")
    opts = pulumi.ResourceOptions(provider=swarm)
    networks = [
        _network(f"{prefix}{number}", number=10 + number, opts=opts, encrypted=number == 0) for number in range(3)
    ]
    secrets = [_secret(number, opts=opts) for number in range(FILES)]
    configs = [_config(number, opts=opts) for number in range(FILES)]
    one = [_joined(networks[1], "b", "a")]

    def spec(name: str, **fields: object) -> SwarmServiceSpec:
        return SwarmServiceSpec(
            **{
                "service_name": f"{prefix}{name}",
                "image": image,
                "entrypoint": SLEEPER,
                "health": ("CMD", "true"),
                "health_policy": HealthSpec(command=("CMD", "true"), interval=SECOND, timeout=timedelta(seconds=90)),
                "limits": LimitsSpec(cpus=0.1, memory="64Mi"),
                "stop_grace": timedelta(seconds=75),
                "update": UpdatePolicy(monitor=SECOND),
                **fields,
            }
        )

    more = pulumi.ResourceOptions(providers=[swarm])
    SwarmService("plain", spec("plain"), networks=one, opts=more)
    SwarmService("writable", spec("writable", read_only=False), networks=one, opts=more)
    mounts = (
        Mount(target="/z", source=f"{prefix}z"),
        Mount(target="/hostname", source="/etc/hostname", bind=True, read_only=True),
        Mount(target="/a", source=f"{prefix}a", read_only=True),
        Mount(target="/etc/os-release", source="/etc/os-release", bind=True),
    )
    SwarmService("mounts", spec("mounts", mounts=mounts, user="1000", stop_signal="SIGQUIT"), networks=one, opts=more)
    files = spec("files", mounts=mounts[:1], env={"Z": "1", "A": "b=c"}, labels=LABELS)
    SwarmService("files", files, networks=one, secrets=secrets, configs=configs[::-1], opts=more)
    SwarmService("reversed", spec("reversed"), networks=one, secrets=secrets[::-1], configs=configs, opts=more)
    joined = [_joined(networks[2], "z", "a"), _joined(networks[0]), _joined(networks[1], "joined")]
    SwarmService("networks", spec("networks"), networks=joined, opts=more)
    placed = spec(
        "placed",
        constraints=("node.role==manager", "node.platform.os==linux"),
        spread="node.labels.zone",
        capabilities=("SETUID", "CHOWN"),
        limits=LimitsSpec(cpus=0.1, memory="64Mi", reserve_memory="8Mi"),
    )
    SwarmService("placed", placed, networks=one, opts=more)
    ports = (PublishedSpec(port=18991, target=81), PublishedSpec(port=18990, target=80))
    SwarmService("ports", spec("ports", ports=ports, order=Order.STOP_FIRST), networks=one, opts=more)
    SwarmService("several", spec("several", replicas=3), networks=one, configs=configs[:1], opts=more)
    SwarmService("off", spec("off", replicas=0), networks=one, secrets=secrets, opts=more)
    _on_the_host_network(f"{prefix}host", image=image, opts=opts)


def _network(name: str, *, number: int, opts: pulumi.ResourceOptions, encrypted: bool) -> docker.Network:
    ranges = docker.NetworkIpamConfigArgs(subnet=f"{RANGE}.{number}.0/24", gateway=f"{RANGE}.{number}.1")
    # The daemon adds an option of its own, so that without `ignore_changes` the next `up` replaces the network.
    ignoring = pulumi.ResourceOptions(ignore_changes=["options"]) if encrypted else None
    return docker.Network(
        f"every-{number}",
        name=name,
        driver="overlay",
        options={"encrypted": ""} if encrypted else None,
        ipam_configs=[ranges],
        labels=[docker.NetworkLabelArgs(label=label, value=value) for label, value in LABELS.items()],
        opts=pulumi.ResourceOptions.merge(opts, ignoring),
    )


def _secret(number: int, *, opts: pulumi.ResourceOptions) -> MountedFile:
    made = docker.Secret(
        f"every-secret-{number}",
        data=base64.b64encode(str(number).encode()).decode(),
        labels=[docker.SecretLabelArgs(label=label, value=value) for label, value in LABELS.items()],
        opts=opts,
    )
    return MountedFile(id=made.id, name=made.name, path=f"secret-{number}")


def _config(number: int, *, opts: pulumi.ResourceOptions) -> MountedFile:
    made = docker.ServiceConfig(
        f"every-config-{number}",
        data_raw=f"{number}\n",
        labels=[docker.ServiceConfigLabelArgs(label=label, value=value) for label, value in LABELS.items()],
        opts=opts,
    )
    return MountedFile(id=made.id, name=made.name, path=f"/etc/config-{number}")


def _joined(network: docker.Network, *aliases: str) -> NetworkAttachment:
    return NetworkAttachment(id=network.id, aliases=aliases)


def _on_the_host_network(name: str, *, image: str, opts: pulumi.ResourceOptions) -> None:
    """Declare a service on the host's own network, which is known by name only, and read back by its id."""
    docker.Service(
        "host",
        name=name,
        task_spec=docker.ServiceTaskSpecArgs(
            container_spec=docker.ServiceTaskSpecContainerSpecArgs(
                image=image, commands=list(SLEEPER), init=True, stop_grace_period="5s"
            ),
            networks_advanceds=[docker.ServiceTaskSpecNetworksAdvancedArgs(name="host")],
        ),
        endpoint_spec=docker.ServiceEndpointSpecArgs(mode="dnsrr"),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=["taskSpec.networksAdvanceds"])),
    )
