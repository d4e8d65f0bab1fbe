"""The hint about a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(wanted: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like the wanted one, None where none is."""
    near = difflib.get_close_matches(wanted, sorted(known), n=1, cutoff=0.7)
    return near[0] if near else None


def hint(wanted: str, known: Iterable[str]) -> str:
    """Return a question with the nearest known name, or the list of all; never the wanted name itself."""
    names = sorted(known)
    near = nearest(wanted, names)
    return f"did you mean {near}?" if near else f"known: {', '.join(names) or 'none'}"
