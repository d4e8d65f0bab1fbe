"""Exact small-sample arithmetic of the verdict: how likely is such a count by chance?"""

from __future__ import annotations

import math
from collections.abc import Iterator

CHANCE = 0.001
"""What counts as chance: more often than once in a thousand. Below it, a count is evidence."""
RARE = 0.00001
"""The same where a limit is looked at again and again in stretches of many lengths: once in a hundred thousand."""
LIKELY = 0.01
"""Below it a broken limit is probably no chance, and a stage does not pass."""
_SIGMAS = 3.09
"""Standard deviations that a normal variable exceeds with probability CHANCE."""
_NEGLIGIBLE = 1e-12


def chance_of_at_least(failures: int, *, of: int, ratio: float) -> float:
    """Return how likely `failures` or more of `of` requests fail where each fails with probability `ratio`."""
    if failures <= 0 or ratio >= 1:
        return 1.0
    if failures > of or ratio <= 0:
        return 0.0
    if failures <= of * ratio:
        return 1.0 - chance_of_at_most(failures - 1, of=of, ratio=ratio)
    return min(1.0, sum(_binomial_terms(failures, of=of, ratio=ratio, step=1)))


def chance_of_at_most(failures: int, *, of: int, ratio: float) -> float:
    """Return how likely `failures` or fewer of `of` requests fail where each fails with probability `ratio`."""
    if failures >= of or ratio <= 0:
        return 1.0
    if failures < 0 or ratio >= 1:
        return 0.0
    if failures > of * ratio:
        return 1.0 - chance_of_at_least(failures + 1, of=of, ratio=ratio)
    return min(1.0, sum(_binomial_terms(failures, of=of, ratio=ratio, step=-1)))


def chance_of_difference(failures: int, of: int, other_failures: int, other_of: int) -> float:
    """Return how likely the first group has that many failures or more if both groups fail alike.

    Fisher's exact test, one-sided: all failures are dealt to the two groups blindly.
    """
    total, failed = of + other_of, failures + other_failures
    if failures <= max(0, failed - other_of):
        return 1.0
    at = failures
    term = math.exp(_log_choose(of, at) + _log_choose(other_of, failed - at) - _log_choose(total, failed))
    chance = term
    while at < min(of, failed) and (term > chance * _NEGLIGIBLE or at * total < of * failed):
        term *= (of - at) * (failed - at) / ((at + 1) * (other_of - failed + at + 1))
        at += 1
        chance += term
    return min(1.0, chance)


def requests_needed(failures: int, *, ratio: float) -> int:
    """Return how many requests exclude a failure ratio of `ratio` if `failures` of them fail, or a little more.

    It is the upper bound of a Poisson mean (Wilson and Hilferty), rounded up to tens.
    """
    seen = failures + 1
    mean = seen * (1 - 1 / (9 * seen) + _SIGMAS / (3 * math.sqrt(seen))) ** 3
    return 10 * math.ceil(mean / ratio / 10)


def _binomial_terms(at: int, *, of: int, ratio: float, step: int) -> Iterator[float]:
    """Yield the probabilities of `at` and its neighbors in one direction, away from the mean, until they vanish."""
    first = term = math.exp(_log_choose(of, at) + at * math.log(ratio) + (of - at) * math.log1p(-ratio))
    odds = ratio / (1 - ratio)
    while 0 <= at <= of and term > first * _NEGLIGIBLE:
        yield term
        term *= (of - at) / (at + 1) * odds if step > 0 else at / (of - at + 1) / odds
        at += step


def _log_choose(of: int, chosen: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(chosen + 1) - math.lgamma(of - chosen + 1)
