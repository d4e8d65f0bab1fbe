"""The shortest way from one list of strings to another."""

from __future__ import annotations

from collections.abc import Sequence

from colorway.lab.plugins.values import Value


def edits(olds: Sequence[Value], news: Sequence[Value]) -> list[tuple[int, bool]]:
    """Insertions and removals that turn `olds` into `news`, in order.

    Returns:
        Per edit the index and whether it is an insertion: its index counts in `news`, a removal's in `olds`.
    """
    lengths = _lengths(olds, news)
    result: list[tuple[int, bool]] = []
    old, new = 0, 0
    while old < len(olds) or new < len(news):
        if old == len(olds):
            result.append((new, True))
            new += 1
        elif new == len(news):
            result.append((old, False))
            old += 1
        else:
            remove, insert = 1 + lengths[old + 1][new], 1 + lengths[old][new + 1]
            if olds[old] == news[new] and lengths[old + 1][new + 1] < min(remove, insert):
                old, new = old + 1, new + 1
            elif insert < remove:
                result.append((new, True))
                new += 1
            else:
                result.append((old, False))
                old += 1
    return result


def _lengths(olds: Sequence[Value], news: Sequence[Value]) -> list[list[int]]:
    """The number of edits that are left from every pair of positions."""
    lengths = [[0] * (len(news) + 1) for _ in range(len(olds) + 1)]
    for old in range(len(olds), -1, -1):
        for new in range(len(news), -1, -1):
            if old == len(olds) or new == len(news):
                lengths[old][new] = len(olds) - old + len(news) - new
                continue
            best = 1 + min(lengths[old + 1][new], lengths[old][new + 1])
            kept = lengths[old + 1][new + 1] if olds[old] == news[new] else best
            lengths[old][new] = min(best, kept)
    return lengths
