"""What has the load balancers' certificates issued and renewed, one beside each of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pulumi

from colorway.render.certificates import FOLDER, certbot_arguments
from colorway.render.nginx import INSIDE
from colorway.render.templates import entry
from colorway.spec import names
from colorway.spec.hosts import HostSpec
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.task.health import HealthSpec
from colorway.spec.task.policies import LimitsSpec, Order
from components.entry import ENTRY_COMMAND, entry_script, mounted_config
from components.secrets import Configured, MissingSecretError, mounted_secret
from components.swarm_service import SwarmService
from components.swarm_spec import HOST_NETWORK, Mount, MountedFile, SwarmServiceSpec

CA_PATH = "/colorway-acme-ca.pem"
"""Where an authority's own root is, if it is no public one."""
TOKEN_FILE = "acme-token"  # noqa: S105 - the file's name
"""File below /run/secrets with the Cloudflare token."""
ACCOUNT = "/etc/letsencrypt"
"""Where an instance keeps its account and what it was given."""
LIMITS = LimitsSpec(cpus=0.5, memory=256 * 2**20)
"""One certbot at a time takes about 70 MB."""
CAPABILITIES = ("CHOWN", "DAC_OVERRIDE")
ALIVE = HealthSpec(command=("CMD", "true"), interval=timedelta(seconds=30), start_interval=timedelta(seconds=5))
"""`status` says how it goes; a task that was replaced for an authority that is away would only ask it more often."""


def issued_certificates(
    name: str, spec: PlatformSpec, *, configured: Configured, opts: pulumi.ResourceOptions
) -> Certificates | None:
    """Declare what has certificates issued, where an authority does that for the stack.

    Raises:
        MissingSecretError: its token is not set.
    """
    return Certificates(name, spec, configured=configured, opts=opts) if spec.settings.tls.is_issued else None


class Certificates(pulumi.ComponentResource):
    """Runs certbot on the host of each load balancer, with an account and keys of its own that never leave it.

    It renews by itself, without an `up`. Nothing waits for it: until an authority has signed, users are shown what
    the load balancer made itself. Names are proven by DNS records at Cloudflare, by a token of the stack's.
    """

    def __init__(
        self,
        name: str,
        spec: PlatformSpec,
        *,
        configured: Configured,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare it.

        Raises:
            MissingSecretError: the token is not set; a made-up one would open nothing.
        """
        super().__init__("colorway:edge:Certificates", name, None, opts)
        script = entry_script("certbot", entry("certbot"), stack=spec.stack, parent=self)
        files, ca = [script], spec.settings.tls.ca
        if ca is not None:
            text = spec.config_files[ca]
            files.append(mounted_config(f"{name}-ca", text, path=CA_PATH, stack=spec.stack, parent=self))
        token = self._token(f"{name}-token", spec, configured)
        for host in spec.load_balancers:
            SwarmService(
                names.certbot(host.name),
                _service(spec, host=host),
                networks=[HOST_NETWORK],
                configs=files,
                secrets=[token],
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})

    def _token(self, name: str, spec: PlatformSpec, configured: Configured) -> MountedFile:
        secret = spec.settings.tls.token or ""
        value = configured(secret)
        if value is None:
            raise MissingSecretError(
                f"Pulumi.{spec.stack}.yaml: the secret {secret}, which colorway:tls names as `token`, is missing; "
                f"set it: pulumi config set --secret secrets:{secret} --stack {spec.stack}"
            )
        file = mounted_secret(name, value.apply(str.strip), path=TOKEN_FILE, stack=spec.stack, parent=self)
        return replace(file, mode=0o400)


def _service(spec: PlatformSpec, *, host: HostSpec) -> SwarmServiceSpec:
    edge, logical = spec.platform.edge, names.certbot(host.name)
    return SwarmServiceSpec(
        service_name=names.service(spec.stack, logical),
        image=spec.shared_image(build=edge.certbot_build, image=edge.certbot_image).reference,
        entrypoint=ENTRY_COMMAND,
        command=tuple(certbot_arguments(spec)),
        env={"COLORWAY_CA": CA_PATH} if spec.settings.tls.ca else {},
        health=ALIVE.tests(None),
        health_policy=ALIVE,
        limits=LIMITS,
        # What it asks for now is asked for again by the next one.
        stop_grace=timedelta(seconds=10),
        # Two with one account would wait for each other.
        order=Order.STOP_FIRST,
        constraints=(f"node.labels.{names.host_label(spec.stack)}=={host.name}",),
        mounts=(
            Mount(target=f"{INSIDE}/{FOLDER}", source=f"{spec.edge_directory}/{FOLDER}", bind=True),
            # What mtail reads.
            Mount(target=f"{INSIDE}/run", source=f"{spec.edge_directory}/run", bind=True),
            Mount(target=ACCOUNT, source=names.volume(spec.stack, logical)),
        ),
        capabilities=CAPABILITIES,
        labels=names.labels(spec.stack, logical),
    )
