"""Cloudflare's API over HTTP: one request, tried again where the official provider's library does."""

from __future__ import annotations

import http.client
import json
import math
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from offline_plugins.waiting import CanceledError, Patience, PluginError

PUBLIC_URL: Final = "https://api.cloudflare.com/client/v4"
_TRIES: Final = 3
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 8.0
_LONGEST_TOLD_PAUSE: Final = 60.0
_SECONDS: Final = 30.0
_GONE: Final = 404
_AGAIN: Final = frozenset({408, 409, 429})
_SERVER_ERRORS: Final = 500


class GoneError(PluginError):
    """What was asked for is not there."""


@dataclass(frozen=True, kw_only=True)
class Api:
    """Who asks, and where."""

    url: str
    token: str
    patience: Patience

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of a request; nothing where there is none.

        Args:
            method: HTTP's.
            path: below the address, without the first slash.
            body: what is sent as JSON.

        Raises:
            GoneError: there is no such thing.
            PluginError: it was refused, or there was no answer to any try.
            CanceledError: the engine gave up.
        """
        if not self.token:
            raise PluginError("no token: set CLOUDFLARE_API_TOKEN, or give the provider an apiToken")
        where = f'{method} "{self.url}/{path}"'
        for number in range(_TRIES):
            status, text, told = self._answer(method, path, body)
            again = status == 0 or status in _AGAIN or status >= _SERVER_ERRORS
            if not again or number == _TRIES - 1:
                break
            self.patience.pause(told if told is not None else min(_FIRST_PAUSE * 2**number, _LONGEST_PAUSE))
            if self.patience.ended:
                raise CanceledError
        if status == _GONE:
            raise GoneError(f"failed to make http request: {where}: {status} {text}")
        if status == 0 or status >= http.client.BAD_REQUEST:
            raise PluginError(f"failed to make http request: {where}: {status or 'no answer'} {text}")
        result = json.loads(text).get("result") if text else None
        return result if isinstance(result, dict) else {}

    def _answer(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, str, float | None]:
        """Return status, text and how long to wait; status 0 = no answer, the text says why."""
        request = urllib.request.Request(  # noqa: S310 - the address is the user's own
            f"{self.url}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - same
                return answer.status, answer.read().decode(), None
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace"), _seconds(error.headers.get("Retry-After"))
        except (OSError, http.client.HTTPException) as error:
            return 0, str(getattr(error, "reason", error)) or type(error).__name__, None


def _seconds(told: str | None) -> float | None:
    try:
        seconds = float(told or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and 0 <= seconds <= _LONGEST_TOLD_PAUSE else None
