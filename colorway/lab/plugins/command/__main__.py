"""Runs the offline command plugin."""

from __future__ import annotations

from colorway.lab.plugins.command.provider import CommandProvider
from colorway.lab.plugins.server import serve

if __name__ == "__main__":
    serve(CommandProvider)
