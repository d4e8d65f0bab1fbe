"""Asks Cloudflare what a token is told in the zones of a stack; importing it takes a second."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
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
REFUSALS = frozenset({400, 401, 403})
"""Statuses by which Cloudflare refuses a token: one that is none, one that it does not know, one without the right."""


def looked(needed: Sequence[Need], *, token: str, within: timedelta) -> Looked:
    """Return which of some rights a token lacks, asking for all of them at once.

    Args:
        needed: The rights, each in its zone; at least one.
        token: Whose.
        within: After this time, what has no answer is not known.
    """
    client = cloudflare.Cloudflare(api_token=token, max_retries=0, timeout=within.total_seconds())
    pool = ThreadPoolExecutor(max_workers=len(needed))
    asked = {need: pool.submit(_is_refused, client, need) for need in needed}
    wait(asked.values(), timeout=within.total_seconds())
    answers = {need: one.result() if one.done() else None for need, one in asked.items()}
    pool.shutdown(wait=False, cancel_futures=True)
    lacking = tuple(need for need, refused in answers.items() if refused)
    return Looked(
        lacking=lacking,
        unanswered=tuple(need for need, refused in answers.items() if refused is None),
        status=_status(client) if len(lacking) == len(needed) else "",
    )


def _is_refused(client: cloudflare.Cloudflare, need: Need) -> bool | None:
    """Return whether Cloudflare refuses a request for who asks; None = there is no answer, or one of another kind.

    That there is no ruleset yet (404) is told only to who may see it.
    """
    try:
        client.get(f"/zones/{need.zone}/{_READ_BY[need.right]}", cast_to=object)
    except cloudflare.NotFoundError:
        return False
    except cloudflare.APIStatusError as error:
        return True if error.status_code in REFUSALS else None
    except cloudflare.APIError:
        return None
    return False


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
