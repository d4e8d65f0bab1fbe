"""How the stack's swarm and hosts are reached."""

from __future__ import annotations

import pulumi
import pulumi_command as command
import pulumi_docker as docker

from colorway.spec.platform_spec import PlatformSpec
from components.dns import sdk
from components.registries import Registries


def providers(
    spec: PlatformSpec, registries: Registries, *, token: pulumi.Output[str] | None = None
) -> list[pulumi.ProviderResource]:
    """Return the providers of a stack; the project switches the default ones off, so that none is forgotten.

    Args:
        spec: The stack.
        registries: Its logins.
        token: May change its zones; secret. None = the environment has one, CLOUDFLARE_API_TOKEN.
    """
    found: list[pulumi.ProviderResource] = [_swarm("swarm", spec, registries=registries), command.Provider("shell")]
    if spec.settings.zones:
        # Here, because it takes 1 s, which stacks without a zone need not wait for.
        sdk.install()
        import pulumi_cloudflare as cloudflare  # noqa: PLC0415 - same

        found.append(cloudflare.Provider("zones", api_token=token))
    return found


def _swarm(name: str, spec: PlatformSpec, *, registries: Registries) -> docker.Provider:
    """Return the docker provider for the stack's first manager: this machine's socket, or SSH.

    The host key comes from the stack file, so no file of the machine that runs the program decides whom it trusts. A
    preview contacts nobody over SSH.
    """
    manager, logins = spec.manager, registries.of_provider
    if manager.is_local:
        return docker.Provider(name, host="unix:///var/run/docker.sock", registry_auth=logins)
    return docker.Provider(
        name,
        host=f"ssh://{manager.user}@{manager.address}:{manager.ssh_port}",
        ssh_opts=[word for option in manager.ssh_trust for word in ("-o", option)],
        registry_auth=logins,
    )
