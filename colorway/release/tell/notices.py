"""Notices to people through apprise; their addresses are secrets and are never shown."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from colorway.release.plan.steps import Event
from colorway.release.ports.protocols import Notice

TIME_LIMIT = 20.0
"""Seconds that one address may take; a release does not wait longer."""
KINDS = {
    Event.STARTED: "info",
    Event.STAGE: "info",
    Event.HELD: "warning",
    Event.FAILED: "failure",
    Event.ROLLED_BACK: "failure",
    Event.DONE: "success",
}
"""Apprise's words."""


@dataclass(frozen=True)
class Notices:
    """Sends notices to every address of a stack; what fails is reported, and changes nothing."""

    addresses: Callable[[], Mapping[str, str]]
    """Asked for the addresses by the name of their secret; asked at each notice, so that nothing is kept."""
    time_limit: float = TIME_LIMIT
    """Seconds that one address may take."""

    def send(self, notice: Notice) -> tuple[str, ...]:
        """Send a notice to every address at the same time.

        Returns:
            What could not be sent: the secret's name and why, never the address.
        """
        try:
            addresses = dict(self.addresses())
        except Exception as error:  # noqa: BLE001 - whatever keeps the secrets, a release goes on
            return (f"the addresses for notices cannot be read ({type(error).__name__})",)
        results: dict[str, str] = {}
        senders = [
            threading.Thread(target=_send, args=(name, url, notice, results), daemon=True)
            for name, url in addresses.items()
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join(timeout=self.time_limit)
        late = f"did not go out within {self.time_limit:g} s"
        problems = {name: results.get(name, late) for name in addresses}
        return tuple(f"the notice to {name} {problem}" for name, problem in problems.items() if problem)


def _send(name: str, url: str, notice: Notice, results: dict[str, str]) -> None:
    """Send a notice to one address and write down what went wrong, nothing if all went well."""
    import apprise  # noqa: PLC0415 - 0.1 s that only a stack with addresses should pay

    # Apprise logs addresses where something is wrong with them.
    logging.getLogger("apprise").disabled = True
    service = apprise.Apprise()
    if not service.add(url):
        results[name] = (
            "cannot go out: the secret is no address that apprise knows, for example mailtos://… or slack://…"
        )
        return
    try:
        sent = service.notify(
            title=notice.title,
            body="\n".join(notice.lines) or notice.title,
            notify_type=apprise.NotifyType(KINDS[notice.event]),
            body_format=apprise.NotifyFormat.TEXT,
        )
    except Exception as error:  # noqa: BLE001 - plugins raise what they like
        results[name] = f"failed ({type(error).__name__})"
        return
    results[name] = "" if sent else "was refused, or nobody answered"
