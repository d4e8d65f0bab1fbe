"""Where a stack's state is kept, and the environment that the engine runs in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from colorway.spec.root import PlatformSpec

PASSPHRASE = "colorway-example-passphrase"  # noqa: S105 - published on purpose, for stacks that hold nothing of value
"""Passphrase of the example stacks; a stack of your own sets PULUMI_CONFIG_PASSPHRASE."""
BACKEND_URL = "PULUMI_BACKEND_URL"
STATE_FOLDER = ".colorway/state"
"""State of stacks that have no other backend, below the project."""
QUIET = {
    "PULUMI_SKIP_UPDATE_CHECK": "true",
    "PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK": "true",
    "PULUMI_SKIP_CONFIRMATIONS": "true",
}
"""The engine asks nobody and nothing outside."""


def backend_environment(spec: PlatformSpec, *, root: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that name a stack's backend and passphrase.

    What the caller's environment says wins. A public stack uses what `pulumi login` says.
    """
    wanted: dict[str, str] = {}
    if not spec.is_public and BACKEND_URL not in given:
        folder = root / STATE_FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        wanted[BACKEND_URL] = folder.as_uri()
    if not spec.is_public and not {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & set(given):
        wanted["PULUMI_CONFIG_PASSPHRASE"] = PASSPHRASE
    return wanted


def backend_url(environment: Mapping[str, str]) -> str:
    """Return the backend's URL for processes with such an environment; empty where `pulumi login` decides."""
    return environment.get(BACKEND_URL) or os.environ.get(BACKEND_URL, "")


def engine_environment(
    spec: PlatformSpec, *, root: Path, path_prefix: Path | None, given: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return what is set for the engine's processes on top of the caller's environment."""
    inherited = os.environ if given is None else given
    environment = {**QUIET, **backend_environment(spec, root=root, given=inherited)}
    if path_prefix is not None:
        environment["PATH"] = os.pathsep.join([str(path_prefix), inherited.get("PATH", os.defpath)])
        environment["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
    return environment
