"""The real time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """This machine's time."""

    def now(self) -> datetime:
        """Return the time, UTC."""
        return datetime.now(tz=UTC)

    def sleep(self, duration: timedelta) -> None:
        """Wait."""
        time.sleep(max(0.0, duration.total_seconds()))
