"""Runs the offline docker plugin."""

from __future__ import annotations

from offline_plugins.docker.provider import DockerProvider
from offline_plugins.server import serve

if __name__ == "__main__":
    serve(DockerProvider)
