"""How requests from outside come in: the load balancers, the routes, and the headers of answers."""

from __future__ import annotations

from colorway.spec.edge.headers import ANYBODY, CorsSpec
from colorway.spec.edge.load_balancers import FEWEST_BODIES, Draw, EdgeSpec, HstsSpec
from colorway.spec.edge.routes import (
    INTERNAL_PATH,
    REDIRECT_STATUS,
    AnyRoute,
    Keeps,
    LimitKey,
    LimitSpec,
    RedirectSpec,
    RouteSpec,
    taker,
)

__all__ = [
    "ANYBODY",
    "FEWEST_BODIES",
    "INTERNAL_PATH",
    "REDIRECT_STATUS",
    "AnyRoute",
    "CorsSpec",
    "Draw",
    "EdgeSpec",
    "HstsSpec",
    "Keeps",
    "LimitKey",
    "LimitSpec",
    "RedirectSpec",
    "RouteSpec",
    "taker",
]
