"""What the offline plugins answer instead of a traceback."""

from __future__ import annotations

from colorway.errors import ColorwayError


class PluginError(ColorwayError):
    """An operation that failed; its message is what the engine shows for the resource."""


class CanceledError(PluginError):
    """The engine asked to stop, so a waiting loop gave up."""

    def __init__(self) -> None:
        super().__init__("context canceled")
