"""Runs the offline docker plugin."""

from __future__ import annotations

from colorway.lab.plugins.docker.provider import DockerProvider
from colorway.lab.plugins.server import serve

if __name__ == "__main__":
    serve(DockerProvider)
