"""Something that the demo needs does not answer; it says so and goes on."""

from __future__ import annotations

import logging


class UnavailableError(Exception):
    """A data store or the API does not answer; the message names it and says why, without addresses of secrets."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its kind where it has none."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


class StateLog:
    """Says a state once when it changes, not at each beat."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._state: str | None = None

    def report(self, state: str) -> None:
        """Log a state unless it is the one that was logged last."""
        if state != self._state:
            self._state = state
            self._logger.info(state)
