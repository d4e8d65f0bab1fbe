"""One nginx on each load-balancer host."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pulumi

from colorway.render.nginx import INSIDE, STATUS_PORT, worker_shutdown
from colorway.render.templates import entry, script
from colorway.spec import names
from colorway.spec.hosts import HostSpec
from colorway.spec.networks import NetworkName
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.services import STOP_MARGIN
from colorway.spec.task.health import HealthSpec
from colorway.spec.task.policies import Order
from colorway.spec.task.process import PublishedSpec
from components.remote import HostScript
from components.swarm_service import SwarmService
from components.swarm_spec import Mount, NetworkAttachment, SwarmServiceSpec

CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID")
HEALTH = HealthSpec(
    command=("CMD", "curl", "-fsS", "-o", "/dev/null", f"http://127.0.0.1:{STATUS_PORT}/health"),
    # Quick to be found well, slow to be found sick: a machine without a breath of CPU to spare must not lose
    # its load balancer, too. A dead nginx is seen at once by its exit.
    interval=timedelta(seconds=10),
    start_interval=timedelta(seconds=2),
    timeout=timedelta(seconds=10),
    retries=6,
    start_period=timedelta(seconds=20),
)


class LoadBalancer(pulumi.ComponentResource):
    """Runs nginx on one host, with its ports on the host itself; routes nothing by itself.

    Its text is no Swarm config and its secrets are no Swarm secrets, because what is changed there replaces the
    task and loses requests: they are files in a directory of the host, which `Routing` and a command of its own
    fill, and a reload. Until there is a text the entry script serves 503. The directory also holds the entry
    script, the bodies of requests under way, and the self-signed certificate, made there, so that no key travels.
    """

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        host: HostSpec,
        networks: Mapping[str, pulumi.Input[str]],
        secrets: Mapping[str, pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:edge:LoadBalancer", name, None, opts)
        directory = HostScript(
            f"{name}-directory",
            host,
            script=script("make-directory"),
            arguments=[spec.edge_directory],
            stdin=entry("nginx"),
            opts=pulumi.ResourceOptions(parent=self),
        )
        known = HostScript(
            f"{name}-secrets",
            host,
            script=script("edge-secrets"),
            arguments=[
                spec.edge_directory,
                names.service(spec.stack, names.load_balancer(host.name)),
                str(STATUS_PORT),
            ],
            stdin=pulumi.Output.concat(
                *(part for file, text in secrets.items() for part in (f"# file {file}\n", text))
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[directory]),
        )
        SwarmService(
            name,
            _service(spec, host=host),
            networks=[NetworkAttachment(id=networks[network]) for network in NetworkName],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[directory, known]),
        )
        self.register_outputs({})


def _service(spec: PlatformSpec, *, host: HostSpec) -> SwarmServiceSpec:
    edge = spec.platform.edge
    return SwarmServiceSpec(
        service_name=names.service(spec.stack, names.load_balancer(host.name)),
        image=spec.shared_image(build=edge.build, image=edge.image).reference,
        entrypoint=("/bin/sh", f"{INSIDE}/entry.sh"),
        health=HEALTH.tests(STATUS_PORT),
        health_policy=HEALTH,
        limits=edge.limits,
        stop_grace=worker_shutdown(spec) + STOP_MARGIN,
        stop_signal="SIGQUIT",
        order=Order.STOP_FIRST,
        constraints=(
            f"node.labels.{names.host_label(spec.stack)}=={host.name}",
            # A host that comes back must not serve what it served when it was lost; see colorway/swarm/nodes.py.
            f"node.labels.{names.edge_label(spec.stack)}!={names.FENCED}",
        ),
        env={"COLORWAY_STATUS_PORT": str(STATUS_PORT)},
        ports=(PublishedSpec(port=edge.http_port, target=80), PublishedSpec(port=edge.https_port, target=443)),
        mounts=(Mount(target=INSIDE, source=spec.edge_directory, bind=True),),
        capabilities=CAPABILITIES,
        labels=names.labels(spec.stack, names.load_balancer(host.name)),
    )
