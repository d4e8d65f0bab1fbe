"""Asks Prometheus, over HTTP and never through a proxy: it is a machine of the stack."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from colorway.errors import ColorwayError

TIMEOUT = 5.0
"""Seconds for one answer."""
LONGEST_ANSWER = 16 * 2**20
"""Bytes of an answer that are read."""


class PrometheusError(ColorwayError):
    """Prometheus does not answer; one sentence."""


@dataclass(frozen=True)
class Prometheus:
    """One Prometheus."""

    url: Callable[[], str]
    """Asked for its address, without the path."""
    timeout: float = TIMEOUT

    def query(self, expression: str, *, at: datetime) -> bytes:
        """Return what Prometheus answers to an instant query at a time, whatever the status: it says so itself.

        Raises:
            PrometheusError: it did not answer in time.
        """
        parameters = urlencode({"query": expression, "time": f"{at.timestamp():.3f}"})
        address = f"{self.url().rstrip('/')}/api/v1/query?{parameters}"
        # Looked at here and not left to urllib, which would open files, too.
        if not address.startswith(("http://", "https://")):
            raise PrometheusError("Prometheus has no HTTP address")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(address, timeout=self.timeout) as response:
                return bytes(response.read(LONGEST_ANSWER))
        except urllib.error.HTTPError as error:
            return error.read(LONGEST_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise PrometheusError(f"Prometheus does not answer: {reason or type(error).__name__}") from None
