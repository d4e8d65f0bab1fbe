"""What leaves the users is purged: run by a Command of the graph, once the load balancers have switched.

It reads as JSON what is wanted, and from its environment what it printed last, which the engine keeps in the state:
no other memory is needed, and whoever reads the outputs sees what a CDN may still have. It never fails, because it
runs on the way back, too: what could not be purged waits, and is tried again by every later run.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from colorway.errors import ColorwayError
from colorway.outputs import PurgeOutputs

RECORD_VARIABLE = "COLORWAY_PURGE_RECORD"
"""What was printed last, where the Command is made anew to try again."""
PRINTED_VARIABLE = "PULUMI_COMMAND_STDOUT"
"""The same, from the engine, where the Command is updated."""
WITHIN_VARIABLE = "COLORWAY_PURGE_WITHIN"
"""Seconds that it may take all together."""
ON_THE_WAY_BACK = timedelta(seconds=3)
"""How long a purge's requests may hold up a rollback; the start of its program comes on top, and 5 s are promised.

What is not purged by then waits for the next `up`.
"""

Forget = Callable[[Sequence[str]], None]


def leaving(was: PurgeOutputs | None, now: PurgeOutputs) -> list[str]:
    """Return the tags to purge now, none on the first install.

    A version is purged when it loses its last user, and again when it goes off: until then, workers that were told
    to end might still answer by it. What has users again is not purged.
    """
    if was is None:
        return []
    gone = (set(was.serving) - set(now.serving)) | (set(was.on) - set(now.on)) | set(was.waiting)
    return sorted(gone - set(now.serving))


def purge(was: PurgeOutputs | None, now: PurgeOutputs, forget: Forget) -> PurgeOutputs:
    """Purge what leaves, and return what is so afterwards; what could not be purged waits in it, with the reason."""
    tags = leaving(was, now)
    if not tags:
        return now
    try:
        forget(tags)
    except ColorwayError as error:
        return now.model_copy(update={"waiting": dict.fromkeys(tags, str(error))})
    return now


def last_printed(variables: Mapping[str, str]) -> PurgeOutputs | None:
    """Return what was printed last; None on the first install."""
    text = variables.get(RECORD_VARIABLE) or variables.get(PRINTED_VARIABLE)
    return PurgeOutputs.model_validate_json(text) if text else None


def main() -> None:
    """Do it, and print what is so as one line."""
    # A second that the engine, which knows the variables' names, must not pay.
    from colorway.cdn.purging import WITHIN, Cloudflare, token_in  # noqa: PLC0415

    wanted = json.load(sys.stdin)
    zones = tuple(wanted.pop("zones"))
    within = timedelta(seconds=float(os.environ.get(WITHIN_VARIABLE) or WITHIN.total_seconds()))
    # Together they may take so long: each zone has its part.
    api = Cloudflare(zones=zones, token=token_in(os.environ), within=within / len(zones))
    done = purge(last_printed(os.environ), PurgeOutputs.model_validate(wanted), api.forget)
    sys.stdout.write(f"{done.model_dump_json()}\n")


if __name__ == "__main__":
    main()
