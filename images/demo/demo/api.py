"""The API: who answers, visits, posts, jobs."""

from __future__ import annotations

from dataclasses import replace

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from demo.asgi import Answer, App, with_shortcut
from demo.health import ON_OUTAGE, health_routes
from demo.ids import RIGHT, id_in
from demo.jobs import JobQueue, VisitCache
from demo.settings import Settings
from demo.store import Store


async def read_id(request: Request) -> str:
    """Return the field `id` of a JSON body.

    Raises:
        HTTPException: 422, there is none, or it is no printable text of 1 to 200 characters.
    """
    try:
        content = await request.json()
    except ValueError:
        content = None
    given = id_in(content)
    if given is None:
        raise HTTPException(422, f"the body must be {RIGHT}")
    return given


class Api:
    """The handlers, with what they need."""

    def __init__(self, settings: Settings, *, store: Store, jobs: JobQueue, visits: VisitCache) -> None:
        self._identity = settings.identity
        self._store = store
        self._jobs = jobs
        self._visits = visits

    async def count_visit(self, _: Request) -> Response:
        """Count one visit."""
        visits = await self._store.add_visit()
        await self._visits.put(visits)
        return JSONResponse({"visits": visits, **self._identity.as_json()})

    async def add_post(self, request: Request) -> Response:
        """Write a post."""
        post = await read_id(request)
        await self._store.add_post(post)
        return JSONResponse({"id": post, "color": self._identity.color}, status_code=201)

    async def posts(self, request: Request) -> Response:
        """Count posts by id."""
        return JSONResponse({"ids": await self._store.count_posts(request.query_params.get("prefix", ""))})

    async def add_job(self, request: Request) -> Response:
        """Queue a job."""
        job = await read_id(request)
        await self._jobs.put(job)
        return JSONResponse({"id": job, "color": self._identity.color}, status_code=202)

    async def jobs(self, request: Request) -> Response:
        """Count effects and attempts of jobs by id."""
        prefix = request.query_params.get("prefix", "")
        pending = await self._jobs.pending()
        return JSONResponse(
            {
                "done": await self._store.count_runs(prefix),
                "attempts": await self._store.count_attempts(prefix),
                "pending": pending,
            }
        )

    async def schedulers(self, _: Request) -> Response:
        """List the lives of schedulers."""
        return JSONResponse({"lifetimes": await self._store.lifetimes()})


def make_api(settings: Settings, *, store: Store, jobs: JobQueue, visits: VisitCache) -> App:
    """Return the API's application."""
    api = Api(settings, store=store, jobs=jobs, visits=visits)
    faults = settings.faults
    identity = replace(settings.identity, version="broken") if faults.smoke else settings.identity
    routes = [
        Route("/api/visits", api.count_visit),
        Route("/api/posts", api.add_post, methods=["POST"]),
        Route("/api/posts", api.posts),
        Route("/api/jobs", api.add_job, methods=["POST"]),
        Route("/api/jobs", api.jobs),
        Route("/api/schedulers", api.schedulers),
        *health_routes({"database": store.ping, "redis": jobs.ping}, never_healthy=faults.never_healthy),
    ]
    app = Starlette(routes=routes, exception_handlers=ON_OUTAGE)
    return with_shortcut(app, path="/api/whoami", answer=Answer(identity.as_json()))
