"""Has Cloudflare forget what it kept: the one place that asks its API to; importing it takes a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import cloudflare

from colorway.errors import ColorwayError
from colorway.spec.names import ZONE_TOKEN

TOKEN_VARIABLE = "CLOUDFLARE_PURGE_TOKEN"  # noqa: S105 - the variable's name
"""Environment variable with the token; it may do nothing but purge."""
TOKEN_VARIABLES = (TOKEN_VARIABLE, ZONE_TOKEN)
"""Where a token is looked for, in this order."""
MOST_TAGS = 100
"""Tags that one request may have."""
WITHIN = timedelta(seconds=75)
"""How long a purge may take with all its repetitions: one `retry-after` of a minute fits in."""
FIRST_PAUSE = 0.5
"""Seconds before the first repetition where the answer does not say how long; doubled each time."""


class PurgeError(ColorwayError):
    """The CDN may still have what it should forget; one sentence, without the token."""


def token_in(variables: Mapping[str, str]) -> str | None:
    """Return the token that an environment has, None if none."""
    return next((variables[name] for name in TOKEN_VARIABLES if variables.get(name)), None)


@dataclass(frozen=True, kw_only=True)
class Cloudflare:
    """The zones of a stack, and who may purge them; `CLOUDFLARE_BASE_URL` leads to another API than Cloudflare's."""

    zones: tuple[str, ...]
    token: str | None = field(repr=False)
    within: timedelta = WITHIN
    """How long one zone may take."""
    sleep: Callable[[float], None] = time.sleep

    def forget(self, tags: Sequence[str]) -> None:
        """Purge all that has one of some tags, in every zone, whatever becomes of the others.

        Raises:
            PurgeError: a zone may still have some of it.
        """
        batches = [list(tags[start : start + MOST_TAGS]) for start in range(0, len(tags), MOST_TAGS)]
        self._ask_all(batches)

    def forget_everything(self) -> None:
        """Purge the zones, also of what other stacks of theirs have there.

        Raises:
            PurgeError: a zone may still have some of it.
        """
        self._ask_all([None])

    def _ask_all(self, batches: Sequence[list[str] | None]) -> None:
        failed = []
        for zone in self.zones:
            try:
                for tags in batches:
                    self._ask(zone, tags=tags)
            except PurgeError as error:
                failed.append(str(error))
        if failed:
            raise PurgeError("; ".join(failed))

    def _ask(self, zone: str, *, tags: list[str] | None) -> None:
        """Ask for some tags, or for everything, until it is done or the time is over.

        The SDK would repeat, too, and knows no limit of all repetitions together.
        """
        if not self.token:
            raise PurgeError(
                f"there is no token that may purge zone {zone}; set {TOKEN_VARIABLE}, or give the stack the secret "
                "cloudflare-purge-token"
            )
        deadline, pause = time.monotonic() + self.within.total_seconds(), FIRST_PAUSE
        with cloudflare.Cloudflare(api_token=self.token, max_retries=0) as client:
            while True:
                left = deadline - time.monotonic()
                try:
                    if tags is None:
                        client.cache.purge(zone_id=zone, purge_everything=True, timeout=max(left, 0.1))
                    else:
                        client.cache.purge(zone_id=zone, tags=tags, timeout=max(left, 0.1))
                except cloudflare.APIError as error:
                    wait, pause = _pause(error, pause), pause * 2
                    left = deadline - time.monotonic()
                    if wait is None or wait >= left:
                        raise PurgeError(_sentence(error, zone, within=self.within)) from None
                    self.sleep(wait)
                else:
                    return


def _pause(error: cloudflare.APIError, usual: float) -> float | None:
    """Return the seconds until it is worth asking again; None = it never is."""
    if isinstance(error, cloudflare.APIConnectionError):
        return usual
    if not isinstance(error, cloudflare.RateLimitError | cloudflare.InternalServerError):
        return None
    said = error.response.headers.get("retry-after", "")
    return float(said) if said.isdecimal() else usual


def _sentence(error: cloudflare.APIError, zone: str, *, within: timedelta) -> str:
    """Say what is wrong and what helps; nothing of the request, which has the token."""
    match error:
        case cloudflare.AuthenticationError() | cloudflare.BadRequestError():
            why = f"Cloudflare knows no such token ({error.status_code}); make one with the right Cache Purge: Purge"
        case cloudflare.PermissionDeniedError():
            why = "the token may not (403); give it the right Cache Purge: Purge for this zone"
        case cloudflare.NotFoundError():
            why = "Cloudflare knows no such zone (404); correct colorway:zones"
        case cloudflare.RateLimitError():
            why = "Cloudflare takes no more purges for now (429); try again in a minute"
        case cloudflare.APITimeoutError():
            why = f"Cloudflare did not answer within {within.total_seconds():g} s; try again"
        case cloudflare.APIStatusError():
            why = f"Cloudflare answers {error.status_code}; try again, www.cloudflarestatus.com says more"
        case _:
            why = "Cloudflare cannot be reached from here; look at this machine's way out, and try again"
    return f"zone {zone} was not purged: {why}"
