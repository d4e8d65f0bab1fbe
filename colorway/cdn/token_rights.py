"""Refuses an `up` whose token may not do what it would have to: found by reading, before anything is changed.

Whether it may write cannot be tried without writing. A token that may read and not write is found by the first change.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from functools import partial

from colorway.cdn.rights import Looked, Need, needs
from colorway.errors import ColorwayError
from colorway.spec.platform_spec import PlatformSpec

WITHIN = timedelta(seconds=5)
"""How long Cloudflare may take to answer all that it is asked; what is not answered by then is not known."""


class TokenRights:
    """Asks what a token may do, beside what else an `up` does before it changes anything."""

    def __init__(self, spec: PlatformSpec, *, token: Callable[[], str | None], within: timedelta = WITHIN) -> None:
        """Begin to ask.

        Args:
            spec: The stack.
            token: Returns the token, or None where it cannot be read yet; called beside whatever else is done, since
                decrypting takes a second, and once more by `refuse` where it could not be read.
            within: How long Cloudflare may take.
        """
        self._stack = spec.stack
        self._within = within
        self._look = partial(_looked, tuple(needs(spec)), token, within)
        pool = ThreadPoolExecutor(max_workers=1)
        self._looked: Future[Looked | None] = pool.submit(self._look)
        pool.shutdown(wait=False)

    def refuse(self, made: Collection[tuple[str, str]], *, say: Callable[[str], None]) -> None:
        """Refuse to begin something that the token cannot end; what is there is left to whoever changes it.

        A token that has lost its rights since then keeps no release from going on: as a rule it changes no zone.

        Args:
            made: Types of resources that there are, each with its zone's id.
            say: Hears of what is lacking and not needed now, and of what is not known.

        Raises:
            ColorwayError: something of a kind that a zone has none of would be made, and the token lacks the right.
        """
        # Of a stack that nobody had installed the engine knew no secret then.
        found = self._looked.result() or self._look()
        if found is None:
            return
        if found.unanswered:
            say(
                f"Cloudflare did not say within {self._within.total_seconds():g} s what the token of colorway:zones "
                "may do; this goes on without"
            )
        if not found.lacking:
            return
        told = _sentence(found)
        if any((need.right.kind, need.zone) not in made for need in found.lacking):
            raise ColorwayError(f"Pulumi.{self._stack}.yaml: colorway:zones: {told}; nothing was changed")
        say(f"colorway:zones: {told}; what is there stays, and a change of it would fail")


def _sentence(found: Looked) -> str:
    wanted: dict[tuple[str, str], list[str]] = {}
    for need in found.lacking:
        wanted.setdefault((need.domain, need.zone), []).append(need.right.value)
    places = ", and ".join(
        f"{' and '.join(rights)} for the zone of {name} ({id_})" for (name, id_), rights in wanted.items()
    )
    if found.status:
        return f"the token that changes them is {found.status}; make one with {places}, as docs/cloudflare.md says"
    return f"the token that changes them may not; give it {places}, as docs/cloudflare.md says"


def _looked(needed: tuple[Need, ...], token: Callable[[], str | None], within: timedelta) -> Looked | None:
    """Return what the token lacks; None where it cannot be read."""
    found = token()
    if not found:
        return None
    # A second, which only an `up` of a stack with a zone has to wait for.
    from colorway.cdn.looking import looked  # noqa: PLC0415

    return looked(needed, token=found, within=within)
