"""The small-sample arithmetic, held against sums anybody can check."""

import math

import pytest

from colorway.release.verdict.evidence import (
    CHANCE,
    chance_of_at_least,
    chance_of_at_most,
    chance_of_difference,
    requests_needed,
)


def _exactly(failures, of, ratio):
    return math.comb(of, failures) * ratio**failures * (1 - ratio) ** (of - failures)


@pytest.mark.parametrize("of", [1, 2, 20, 50])
@pytest.mark.parametrize("ratio", [0.01, 0.05, 0.5, 0.9])
def test_both_tails_equal_the_sum_of_their_terms(of, ratio):
    for failures in range(of + 1):
        terms = [_exactly(one, of, ratio) for one in range(of + 1)]
        above = chance_of_at_least(failures, of=of, ratio=ratio)
        below = chance_of_at_most(failures, of=of, ratio=ratio)
        assert above == pytest.approx(sum(terms[failures:]), rel=1e-6, abs=1e-12), f"{failures} or more of {of}"
        assert below == pytest.approx(sum(terms[: failures + 1]), rel=1e-6, abs=1e-12), f"{failures} or fewer of {of}"


def test_a_difference_has_the_chance_of_dealing_the_failures_blindly():
    # The tea tasting of Fisher, 1935: 3 or 4 of 4 cups right, where 4 of 8 are.
    assert chance_of_difference(3, 4, 1, 4) == pytest.approx(17 / 70), "the textbook's value for three or four right"
    assert chance_of_difference(4, 4, 0, 4) == pytest.approx(1 / 70), "the textbook's value for all right"


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ((0, 20, 5, 180), "no failure is never evidence"),
        ((5, 20, 0, 0), "without another group there is nothing to differ from"),
    ],
)
def test_what_cannot_differ_has_chance_one(counts, why):
    assert chance_of_difference(*counts) == pytest.approx(1.0), why


def test_one_failure_of_twenty_may_be_chance_and_four_may_not():
    assert chance_of_at_least(1, of=20, ratio=0.01) > 0.1, "one of twenty happens to every good release"
    assert chance_of_at_least(4, of=20, ratio=0.01) < CHANCE, "four of twenty does not happen at 1 %"


def test_large_counts_neither_overflow_nor_stall():
    assert chance_of_at_least(11_000, of=1_000_000, ratio=0.01) < CHANCE, "ten standard deviations"
    assert chance_of_difference(1_200, 100_000, 1_000, 100_000) < CHANCE, "four standard deviations"
    assert chance_of_at_most(0, of=10**6, ratio=0.5) == pytest.approx(0.0), "smaller than any float"


def test_nothing_counted_says_nothing():
    assert chance_of_at_least(0, of=0, ratio=0.01) == 1.0, "no request, no evidence against"
    assert chance_of_at_most(0, of=0, ratio=0.01) == 1.0, "no request, no proof"


@pytest.mark.parametrize("failures", [0, 1, 3, 10, 50])
@pytest.mark.parametrize("ratio", [0.02, 0.2])
def test_requests_needed_are_enough_and_hardly_more(failures, ratio):
    needed = requests_needed(failures, ratio=ratio)
    assert chance_of_at_most(failures, of=needed, ratio=ratio) <= CHANCE, "what people are told must suffice"
    assert chance_of_at_most(failures, of=int(needed * 0.9) - 10, ratio=ratio) > CHANCE, "and not by a tenth and ten"
