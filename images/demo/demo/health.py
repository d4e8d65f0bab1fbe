"""`/healthz`: this process runs. `/readyz`: what it needs answers too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from demo.outage import UnavailableError

Check = Callable[[], Awaitable[object]]
CHECK_SECONDS: Final = 2.0


async def _why_missing(check: Check) -> str | None:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except UnavailableError as error:
        return str(error)
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:.0f} s"
    return None


def health_routes(needs: Mapping[str, Check], *, never_healthy: bool) -> list[Route]:
    """Return the two routes; `needs` names what must answer before this process is ready."""

    async def healthz(_: Request) -> Response:
        if never_healthy:
            return JSONResponse({"healthy": False, "why": "this release fails on purpose"}, status_code=503)
        return JSONResponse({"healthy": True})

    async def readyz(_: Request) -> Response:
        reasons = await asyncio.gather(*map(_why_missing, needs.values()))
        missing = {name: why for name, why in zip(needs, reasons, strict=True) if why is not None}
        return JSONResponse({"ready": not missing, "missing": missing}, status_code=503 if missing else 200)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


async def unavailable(_: Request, error: Exception) -> Response:
    """Answer 503 where a data store does not answer, and name it."""
    return JSONResponse({"error": str(error)}, status_code=503)


async def unavailable_peer(_: Request, error: Exception) -> Response:
    """Answer 502 where the API does not answer, or answers with an error."""
    return JSONResponse({"error": str(error)}, status_code=502)


ON_OUTAGE: Final = {UnavailableError: unavailable}
ON_PEER_OUTAGE: Final = {UnavailableError: unavailable_peer}
