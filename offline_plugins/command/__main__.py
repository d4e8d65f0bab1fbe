"""Runs the offline command plugin."""

from __future__ import annotations

from offline_plugins.command.provider import CommandProvider
from offline_plugins.server import serve

if __name__ == "__main__":
    serve(CommandProvider)
