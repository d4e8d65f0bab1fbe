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
STAND_IN_ROLES: Final = ("web", "worker", "once")
USAGE: Final = (
    f"usage: python3 -m demo {'|'.join(ROLES)}, or: python3 -m demo migrate ID, "
    f"or: python3 -m demo stand-in {'|'.join(STAND_IN_ROLES)}|migrate ID"
)


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


def stand_in(role: str, migration: str = "") -> int:
    """Run a role in the place of somebody else's service and return the exit code."""
    from demo.stand_in import make_stand_in, migrate, used_stores, work  # noqa: PLC0415 - no role of the demo needs it

    settings, stores = from_environment(os.environ, role="stand-in"), used_stores(os.environ)
    if role == "web":
        more = tuple(map(int, os.environ.get("STAND_IN_PORTS", "").split()))
        uvloop.run(server.serve(make_stand_in(settings.identity, stores), settings, more=more))
    elif role == "worker":
        uvloop.run(work())
    return uvloop.run(migrate(stores, migration)) if migration else 0


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
        case ["stand-in", role] if role in STAND_IN_ROLES:
            return stand_in(role)
        case ["stand-in", "migrate", migration]:
            return stand_in("migrate", migration)
        case _:
            sys.stderr.write(f"{USAGE}\n")
            return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except asyncio.CancelledError:
        sys.exit(1)
