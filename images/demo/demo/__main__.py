"""`python3 -m demo ROLE`: the one entry point of the image."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from typing import Final

import uvloop

from demo import migrate, server
from demo.faults import FaultError
from demo.scheduler import run_scheduler
from demo.settings import Settings, from_environment
from demo.worker import run_worker

ROLES: Final = ("web", "api", "worker", "scheduler")
USAGE: Final = f"usage: python3 -m demo {'|'.join(ROLES)}, or: python3 -m demo migrate ID"


async def run(role: str, settings: Settings) -> None:
    """Run a role until SIGTERM."""
    match role:
        case "web":
            await server.serve_web(settings)
        case "api":
            await server.serve_api(settings)
        case "worker":
            await run_worker(settings)
        case _:
            await run_scheduler(settings)


def main(arguments: list[str]) -> int:
    """Run the role that the arguments name and return the exit code."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    match arguments:
        case ["migrate", migration]:
            settings = from_environment(os.environ, role="migrate")
            return uvloop.run(migrate.run_migration(settings, migration))
        case [role] if role in ROLES:
            try:
                settings = from_environment(os.environ, role=role)
            except FaultError as error:
                sys.stderr.write(f"{error}\n")
                return 1
            uvloop.run(run(role, settings))
            return 0
        case _:
            sys.stderr.write(f"{USAGE}\n")
            return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except asyncio.CancelledError:
        sys.exit(1)
