"""Runs the offline cloudflare plugin."""

from __future__ import annotations

from offline_plugins.cloudflare.provider import CloudflareProvider
from offline_plugins.server import serve

if __name__ == "__main__":
    serve(CloudflareProvider)
