"""Asks Cloudflare what a token is told in the zones of a stack; importing it takes a second."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from enum import StrEnum
from typing import Any

import cloudflare

from colorway.cdn.rights import Looked, Need, Right
from colorway.spec.edge.zones import CACHE_PHASE, REDIRECT_PHASE

_READ_BY = {
    Right.DNS: "dns_records?per_page=1",
    Right.SETTINGS: "settings/ssl",
    Right.CACHE: f"rulesets/phases/{CACHE_PHASE}/entrypoint",
    Right.REDIRECTS: f"rulesets/phases/{REDIRECT_PHASE}/entrypoint",
    Right.CERTIFICATES: "origin_tls_client_auth",
}
"""What only a token with the right is told, below the zone. By its path: the SDK's typed ways take a second to load."""
_RULESETS = frozenset({Right.CACHE, Right.REDIRECTS})
REFUSALS = frozenset({400, 401, 403})
"""Statuses by which Cloudflare refuses a token: one that is none, one that it does not know, one without the right."""


def looked(needed: Sequence[Need], *, token: str, within: timedelta) -> Looked:
    """Return which of some rights a token lacks, and what is there already, asking for all of them at once.

    Args:
        needed: The rights, each in its zone; at least one.
        token: Whose.
        within: After this time, what has no answer is not known.
    """
    client = cloudflare.Cloudflare(api_token=token, max_retries=0, timeout=within.total_seconds())
    pool = ThreadPoolExecutor(max_workers=len(needed))
    asked = {need: pool.submit(_found, client, need) for need in needed}
    wait(asked.values(), timeout=within.total_seconds())
    answers = {need: one.result() if one.done() else _Found.UNKNOWN for need, one in asked.items()}
    pool.shutdown(wait=False, cancel_futures=True)

    def those(found: _Found) -> tuple[Need, ...]:
        return tuple(need for need, answer in answers.items() if answer is found)

    return Looked(
        lacking=those(_Found.REFUSED),
        unanswered=those(_Found.UNKNOWN),
        there=tuple(need for need in those(_Found.THERE) if need.right in _RULESETS),
        status=_status(client) if len(those(_Found.REFUSED)) == len(needed) else "",
    )


class _Found(StrEnum):
    THERE = "there"
    NOT_THERE = "not there"
    """It is told only to who may see it that there is no ruleset yet."""
    REFUSED = "refused"
    """For who asks."""
    UNKNOWN = "unknown"
    """There is no answer, or one of another kind."""


def _found(client: cloudflare.Cloudflare, need: Need) -> _Found:
    """Return what Cloudflare says of what a right is for."""
    try:
        client.get(f"/zones/{need.zone}/{_READ_BY[need.right]}", cast_to=object)
    except cloudflare.NotFoundError:
        return _Found.NOT_THERE
    except cloudflare.APIStatusError as error:
        return _Found.REFUSED if error.status_code in REFUSALS else _Found.UNKNOWN
    except cloudflare.APIError:
        return _Found.UNKNOWN
    return _Found.THERE


def _status(client: cloudflare.Cloudflare) -> str:
    """Return why a token is refused everywhere: expired, disabled; nothing where Cloudflare does not say so.

    It never does of a token that belongs to an account instead of a user.
    """
    try:
        found: Any = client.get("/user/tokens/verify", cast_to=object)
        status = str(found["result"]["status"])
    except (cloudflare.APIError, LookupError, TypeError):
        return ""
    return status if status in {"disabled", "expired"} else ""
