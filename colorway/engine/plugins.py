"""Decides which plugins run for a stack: the official ones, or the offline ones where those cannot be had."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Final

from typing_extensions import override

from colorway.engine.cli_binary import DOWNLOADS, is_reachable, run_bounded
from colorway.errors import ColorwayError
from colorway.machine.daemon import cache_directory
from colorway.machine.progress import Progress, silent

VARIABLE: Final = "COLORWAY_PLUGINS"
"""Environment variable that settles the choice: `official` or `offline`."""

OFFLINE_NAMES: Final = frozenset({"docker", "command", "cloudflare"})
"""The plugins that exist as offline plugins."""

_REMEMBER_SECONDS: Final = 24 * 3600.0
_DOWNLOAD_SECONDS: Final = 120.0


class PluginKind(StrEnum):
    """Whose plugins run."""

    OFFICIAL = "official"
    """The published ones, downloaded by the CLI."""
    OFFLINE = "offline"
    """Colorway's own, for CI and labs without internet."""


@dataclass(frozen=True, kw_only=True)
class PluginChoice:
    """Which plugins run, and what must be done so that they do."""

    path_prefix: Path | None
    """Directory to put first on the engine's PATH; None for the official plugins."""
    sentence: str
    """The one line that tells the user."""

    @property
    def is_offline(self) -> bool:
        """Whether colorway's own run, which may preview staging and production and never apply them."""
        return self.path_prefix is not None


@dataclass(frozen=True, kw_only=True)
class _Plugin:
    name: str
    version: str

    @override
    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def is_installed(self) -> bool:
        home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
        directory = home / "plugins" / f"resource-{self.name}-v{self.version}"
        return (directory / f"pulumi-resource-{self.name}").is_file() and not directory.with_name(
            f"{directory.name}.partial"
        ).exists()

    @property
    def failure_note(self) -> Path:
        """The file whose age says when a download last failed."""
        return cache_directory() / "plugins-not-downloaded" / f"{self.name}-{self.version}"


def choose(
    *, pulumi: Path, names: Sequence[str], python: Path | None = None, progress: Progress = silent
) -> PluginChoice:
    """Choose the plugins for a stack, and download the official ones where that is possible.

    A failed download is remembered for a day, so that a machine without internet pays for it once. `COLORWAY_PLUGINS`
    overrides: `official` tries again and fails if it must, `offline` does not try.

    Args:
        pulumi: The CLI that downloads.
        names: Of the plugins that the stack's program uses: "docker", "command", "cloudflare".
        python: The interpreter for the offline plugins; None = this one.
        progress: Told what is downloaded.

    Raises:
        ColorwayError: the official plugins are needed and cannot be had, or the variable has another value.
    """
    wanted = _wanted()
    plugins = [_Plugin(name=name, version=metadata.version(f"pulumi-{name}")) for name in names]
    only_official = sorted(set(names) - OFFLINE_NAMES)
    if wanted is PluginKind.OFFLINE and only_official:
        raise ColorwayError(
            f"{VARIABLE}=offline: this stack needs {', '.join(only_official)}, and there is no offline plugin of "
            f"that name; unset {VARIABLE}"
        )
    insists = bool(only_official) or wanted is PluginKind.OFFICIAL
    reason = f"{VARIABLE} says so"
    if wanted is not PluginKind.OFFLINE:
        failure = _get_official(plugins, pulumi=pulumi, ask_again=insists, progress=progress)
        if failure is None:
            return PluginChoice(path_prefix=None, sentence=f"plugins: official ({', '.join(map(str, plugins))})")
        reason = failure
    if insists:
        raise ColorwayError(
            f"the official plugins are needed and cannot be had: {reason}; run this where {DOWNLOADS} can be "
            "reached, or install them with `pulumi plugin install resource NAME VERSION`"
        )
    return _offline(names, reason=reason, python=python or Path(sys.executable))


def _wanted() -> PluginKind | None:
    value = os.environ.get(VARIABLE, "")
    if not value:
        return None
    try:
        return PluginKind(value)
    except ValueError:
        raise ColorwayError(f"{VARIABLE}: must be official or offline, or not be set") from None


def _get_official(plugins: Sequence[_Plugin], *, pulumi: Path, ask_again: bool, progress: Progress) -> str | None:
    """Download what is missing; return why that is impossible, or None."""
    for plugin in plugins:
        if plugin.is_installed:
            continue
        if not ask_again and _failed_lately(plugin):
            return f"{plugin} could not be downloaded (tried within the last day; {VARIABLE}=official tries again)"
        progress(f"Downloading the official plugin {plugin}")
        failure = _download(plugin, pulumi=pulumi)
        if failure is not None:
            plugin.failure_note.parent.mkdir(parents=True, exist_ok=True)
            plugin.failure_note.touch()
            return failure
        plugin.failure_note.unlink(missing_ok=True)
    return None


def _failed_lately(plugin: _Plugin) -> bool:
    try:
        return time.time() - plugin.failure_note.stat().st_mtime < _REMEMBER_SECONDS
    except FileNotFoundError:
        return False


def _download(plugin: _Plugin, *, pulumi: Path) -> str | None:
    # A mirror may be reachable where the usual server is not.
    if not os.environ.get("PULUMI_PLUGIN_DOWNLOAD_URL_OVERRIDES") and not is_reachable(DOWNLOADS):
        return f"{DOWNLOADS} cannot be reached"
    argv: list[str | Path] = [pulumi, "plugin", "install", "resource", plugin.name, plugin.version]
    result = run_bounded(argv, seconds=_DOWNLOAD_SECONDS)
    return None if result.returncode == 0 else f"the download of {plugin} failed"


def _offline(names: Sequence[str], *, reason: str, python: Path) -> PluginChoice:
    """Write the offline plugins' executables beside the code that they run, so that two clones never share them."""
    # Here, so that an engine for real hosts never loads them.
    from offline_plugins.executables import write_executables  # noqa: PLC0415

    directory = Path(__file__).resolve().parents[2] / ".colorway" / "plugins"
    directory.mkdir(parents=True, exist_ok=True)
    write_executables(directory, python=python)
    return PluginChoice(
        path_prefix=directory,
        sentence=f"plugins: offline ({', '.join(names)}; for labs and tests only), because {reason}",
    )
