"""Refuses an `up` that could not end in the stack's zones: found by reading, before anything is changed.

Either its token may not do what it would have to, or a zone has somebody else's rules where the stack's would be.
Whether a token may write cannot be tried without writing: one that may only read is found by the first change.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from functools import partial

from colorway.cdn.rights import Looked, Need, Right, needs
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
            ColorwayError: something of a kind that a zone has none of would be made, and the token lacks the right; or
                a zone has rules that the stack did not make.
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
        if foreign := [need for need in found.there if (need.right.kind, need.zone) not in made]:
            told = "; ".join(map(_taken, foreign))
            raise ColorwayError(f"Pulumi.{self._stack}.yaml: colorway:zones: {told}; nothing was changed")
        if not found.lacking:
            return
        told = _sentence(found)
        if any((need.right.kind, need.zone) not in made for need in found.lacking):
            raise ColorwayError(f"Pulumi.{self._stack}.yaml: colorway:zones: {told}; nothing was changed")
        say(f"colorway:zones: {told}; what is there stays, and a change of it would fail")


_KEPT = {
    Right.CACHE: ("cache rules", "records-only: true"),
    Right.REDIRECTS: ("redirect rules", "redirect-rules: 0"),
}
"""Rules of which a zone has one list, and what a zone says that is to keep its own."""


def _taken(need: Need) -> str:
    rules, own = _KEPT[need.right]
    return (
        f"the zone of {need.domain} ({need.zone}) has a list of {rules} that this stack did not make, an empty one "
        f"perhaps, and Cloudflare takes one a zone; remove it as docs/cloudflare.md says, or write {own} there"
    )


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
