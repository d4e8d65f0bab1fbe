"""Whether every acknowledged post is there, once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.support.load.ask import get
from tests.support.load.plan import LoadError
from tests.support.load.record import Path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.load.plan import Target
    from tests.support.load.report import Report


class PostState(StrEnum):
    """What the generator knows of a post; the numbers in the snapshot count up in this order."""

    UNKNOWN = "unknown"
    """Under way at the time of the snapshot, or cut off by ourselves."""
    ACKNOWLEDGED = "acknowledged"
    """201 for this id: it must be there."""
    FAILED = "failed"
    """No complete, right answer: a failure in any case; it may be there or not."""


STATES = tuple(PostState)


@dataclass(frozen=True, kw_only=True)
class PostVerdict:
    """What became of the posts; ids in each list."""

    lost: list[str]
    """Acknowledged, and not there."""
    doubled: list[str]
    """There more than once, whatever the client was told."""
    unacknowledged: list[str]
    """There, although the client was not told so: lawful, but each is a failed request too."""
    foreign: list[str]
    """There under our prefix, though never sent."""


def posts_of(report: Report) -> dict[str, PostState]:
    """Return every id that was sent, with what is known of it."""
    snapshot = report.snapshot
    return {f"{snapshot.post_prefix}{number}": STATES[state] for number, state in enumerate(snapshot.post_states)}


def compare_posts(report: Report, counts: Mapping[str, int]) -> PostVerdict:
    """Compare what was sent with how often each id was executed.

    Args:
        report: The load's report.
        counts: Executions by id, from `fetch_post_counts`.
    """
    posts = posts_of(report)
    return PostVerdict(
        lost=[post for post, state in posts.items() if state is PostState.ACKNOWLEDGED and not counts.get(post)],
        doubled=[post for post, count in counts.items() if count > 1],
        unacknowledged=[
            post for post, state in posts.items() if state is not PostState.ACKNOWLEDGED and counts.get(post)
        ],
        foreign=[post for post in counts if post not in posts],
    )


def fetch_post_counts(target: Target, *, prefix: str, timeout: float = 30.0) -> dict[str, int]:
    """Ask the platform how often it executed each post whose id has a prefix.

    Args:
        target: The platform's entry.
        prefix: `Load.post_prefix`, or `report.snapshot.post_prefix`.
        timeout: Seconds.

    Raises:
        LoadError: No complete 200, or an answer that holds no counts.
    """
    path = f"{Path.POSTS}?prefix={quote(prefix)}"
    body = get(target, path, timeout=timeout)
    try:
        counts = json.loads(body)["ids"]
        return {str(post): int(count) for post, count in counts.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LoadError(f'GET {path} answered {body[:80]!r}; right would be {{"ids": {{ID: COUNT, …}}}}.') from None
