"""Prometheus, and a log reader beside each load balancer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pulumi

from colorway.render import monitoring as render
from colorway.spec import names
from colorway.spec.fields import go_duration
from colorway.spec.hosts import HostSpec, Role
from colorway.spec.networks import NetworkName
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.task.health import HealthSpec
from colorway.spec.task.policies import LimitsSpec, Order
from colorway.spec.task.process import PublishedSpec
from components.entry import mounted_config
from components.swarm_service import SwarmService
from components.swarm_spec import Mount, NetworkAttachment, SwarmServiceSpec

MTAIL_PROGRAM = "/etc/mtail/colorway.mtail"
LOG_DIRECTORY = "/run/colorway"
PROMETHEUS_CONFIG = "/etc/prometheus/prometheus.yml"
PROMETHEUS_DATA = "/prometheus"
MTAIL_LIMITS = LimitsSpec(cpus=0.5, memory=128 * 2**20)


class Monitoring(pulumi.ComponentResource):
    """Runs mtail on each load-balancer host, and Prometheus on the monitoring host.

    mtail reads what nginx logs into a file of the load balancer's directory and counts requests,
    failures and latencies by color; Prometheus collects the figures, and raises alerts by the rules of
    `monitoring/rules/`. Neither is on the requests' path.
    """

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        networks: Mapping[str, pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("colorway:monitoring:Monitoring", name, None, opts)
        attachment = networks[NetworkName.MONITORING]
        for host in spec.load_balancers:
            self._mtail(spec, host=host, network=attachment)
        self._prometheus(spec, network=attachment)
        self.register_outputs({})

    def _mtail(self, spec: PlatformSpec, *, host: HostSpec, network: pulumi.Input[str]) -> None:
        name = names.mtail(host.name)
        program = mounted_config(
            f"{name}-program", render.mtail(spec), path=MTAIL_PROGRAM, stack=spec.stack, parent=self
        )
        SwarmService(
            name,
            _mtail_service(spec, host=host),
            networks=[NetworkAttachment(id=network, aliases=(name,))],
            configs=[program],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _prometheus(self, spec: PlatformSpec, *, network: pulumi.Input[str]) -> None:
        name = names.PROMETHEUS
        config = mounted_config(
            f"{name}-config", render.prometheus(spec), path=PROMETHEUS_CONFIG, stack=spec.stack, parent=self
        )
        rules = [
            mounted_config(
                f"{name}-rules-{file.partition('.')[0]}",
                text,
                path=f"{render.RULES}/{file}",
                stack=spec.stack,
                parent=self,
            )
            for file, text in render.rules(spec).items()
        ]
        SwarmService(
            name,
            _prometheus_service(spec),
            networks=[NetworkAttachment(id=network, aliases=(name,))],
            configs=[config, *rules],
            opts=pulumi.ResourceOptions(parent=self),
        )


def _health(port: int, path: str) -> HealthSpec:
    return HealthSpec(
        command=("CMD", "curl", "-fsS", "-o", "/dev/null", f"http://127.0.0.1:{port}{path}"),
        interval=timedelta(seconds=15),
        start_interval=timedelta(seconds=5),
        timeout=timedelta(seconds=10),
        retries=5,
        start_period=timedelta(seconds=30),
    )


def _mtail_service(spec: PlatformSpec, *, host: HostSpec) -> SwarmServiceSpec:
    wanted = spec.platform.monitoring
    health = _health(render.MTAIL_PORT, "/healthz")
    return SwarmServiceSpec(
        service_name=names.service(spec.stack, names.mtail(host.name)),
        image=spec.shared_image(build=wanted.mtail_build, image=wanted.mtail_image).reference,
        entrypoint=(
            "mtail",
            "--progs",
            MTAIL_PROGRAM,
            "--logs",
            f"{LOG_DIRECTORY}/access.log",
            "--port",
            str(render.MTAIL_PORT),
        ),
        health=health.tests(None),
        health_policy=health,
        limits=MTAIL_LIMITS,
        stop_grace=timedelta(seconds=10),
        order=Order.STOP_FIRST,
        constraints=(f"node.labels.{names.host_label(spec.stack)}=={host.name}",),
        mounts=(Mount(target=LOG_DIRECTORY, source=f"{spec.edge_directory}/run", bind=True, read_only=True),),
        labels=names.labels(spec.stack, names.mtail(host.name)),
    )


def _prometheus_service(spec: PlatformSpec) -> SwarmServiceSpec:
    wanted = spec.platform.monitoring
    health = _health(9090, "/-/healthy")
    return SwarmServiceSpec(
        service_name=names.service(spec.stack, names.PROMETHEUS),
        image=spec.shared_image(build=wanted.build, image=wanted.image).reference,
        entrypoint=(
            "prometheus",
            f"--config.file={PROMETHEUS_CONFIG}",
            f"--storage.tsdb.path={PROMETHEUS_DATA}",
            f"--storage.tsdb.retention.time={go_duration(wanted.retention)}",
        ),
        health=health.tests(None),
        health_policy=health,
        limits=wanted.limits,
        stop_grace=timedelta(seconds=30),
        order=Order.STOP_FIRST,
        constraints=(
            f"node.labels.{names.host_label(spec.stack)}=={spec.monitoring_host.name}",
            f"node.labels.{names.role_label(spec.stack, Role.MONITORING.value)}==true",
        ),
        ports=(PublishedSpec(port=wanted.port, target=9090),),
        mounts=(Mount(target=PROMETHEUS_DATA, source=names.volume(spec.stack, names.PROMETHEUS)),),
        capabilities=("CHOWN", "DAC_OVERRIDE"),
        labels=names.labels(spec.stack, names.PROMETHEUS),
    )
