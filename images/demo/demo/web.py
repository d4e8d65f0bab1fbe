"""The page that a visitor sees, and what tests ask it."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute

from demo.asgi import App
from demo.echo import Echo
from demo.health import ON_PEER_OUTAGE, health_routes
from demo.jobs import JobQueue, VisitCache
from demo.outage import UnavailableError
from demo.page import render_page
from demo.peer import Peer
from demo.settings import Identity, Settings
from demo.store import Store

CHUNK: Final = b"colorway" * 128
CHUNKS_PER_SECOND: Final = 10
LONGEST_DOWNLOAD: Final = 300.0
VISITS_AGE: Final = 1.0
"""How old a number of visits may be for those who only look, in seconds."""


async def chunks(count: int) -> AsyncIterator[bytes]:
    """Yield chunks at an even pace, whatever sending them takes."""
    start = time.monotonic()
    for number in range(count):
        await asyncio.sleep(max(0.0, start + number / CHUNKS_PER_SECOND - time.monotonic()))
        yield CHUNK


async def download(request: Request) -> Response:
    """Send chunks for as many seconds as asked, with the length known in advance."""
    try:
        seconds = float(request.query_params.get("seconds", "20"))
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= LONGEST_DOWNLOAD:
        raise HTTPException(422, f"seconds must be a number above 0, {LONGEST_DOWNLOAD:.0f} at most")
    count = math.ceil(seconds * CHUNKS_PER_SECOND)
    headers = {"Content-Length": str(count * len(CHUNK)), "Cache-Control": "no-store"}
    return StreamingResponse(chunks(count), headers=headers, media_type="application/octet-stream")


def said_identity(settings: Settings) -> Identity:
    """Return who answers, as it is told to who asks: a release that is bad in that way names another version."""
    return replace(settings.identity, version="broken") if settings.faults.smoke else settings.identity


class Web:
    """The handlers, with what they need."""

    def __init__(self, settings: Settings, *, visits: VisitCache, peer: Peer) -> None:
        self._identity = settings.identity
        self._said = said_identity(settings)
        self._visits = visits
        self._peer = peer
        self._seen: int | None = None
        self._seen_at = -math.inf

    async def page(self, _: Request) -> Response:
        """Show who answered, and count the visit."""
        headers = {"Cache-Control": "no-store"}
        try:
            api = await self._peer.get("/api/visits")
        except UnavailableError:
            return HTMLResponse(render_page(self._identity, api=None, visits=None), status_code=502, headers=headers)
        return HTMLResponse(render_page(self._identity, api=api, visits=api["visits"]), headers=headers)

    async def whoami(self, request: Request) -> Response:
        """Say who answered; `?visit=1` counts a visit, which costs a write."""
        if request.query_params.get("visit") == "1":
            api = await self._peer.get("/api/visits")
            visits = self._seen = api.pop("visits")
        else:
            api, visits = await self._peer.get("/api/whoami"), await self._last_visits()
        answer: dict[str, Any] = {**self._said.as_json(), "visits": visits, "api": api}
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    async def _last_visits(self) -> int | None:
        if time.monotonic() - self._seen_at > VISITS_AGE:
            # Noted before the answer: one request a second asks, the others take what there is.
            self._seen_at = time.monotonic()
            try:
                self._seen = await self._visits.get()
            except UnavailableError:
                self._seen = None
        return self._seen


def make_web(settings: Settings, *, store: Store, jobs: JobQueue, visits: VisitCache, peer: Peer) -> App:
    """Return the page's application."""
    web = Web(settings, visits=visits, peer=peer)
    needs = {"database": store.ping, "redis": jobs.ping, "api": lambda: peer.get("/api/whoami")}
    routes = [
        Route("/", web.page),
        Route("/whoami", web.whoami),
        Route("/download", download),
        WebSocketRoute("/ws", Echo(said_identity(settings))),
        *health_routes(needs, never_healthy=settings.faults.never_healthy),
    ]
    return Starlette(routes=routes, exception_handlers=ON_PEER_OUTAGE)
