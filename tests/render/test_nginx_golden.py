"""The text of nginx as a whole: what a change of a template changes is seen before it is applied."""

from __future__ import annotations

import pytest

from tests.render.cases import CASES, GOLDEN, rendered, tree


@pytest.mark.parametrize("case", CASES)
def test_the_text_is_the_committed_one(case, golden):
    golden(
        GOLDEN / f"{case}.conf",
        rendered(case).text,
        cure="every running stack will reload nginx with it; if that is wanted, run pytest --update-golden and commit",
    )


@pytest.mark.parametrize("case", CASES)
def test_a_strict_parser_accepts_the_text(case):
    assert tree(case).values("http", "server", "listen"), "the parser saw the whole text"


def test_every_golden_text_belongs_to_a_case():
    kept = {path.stem for path in GOLDEN.glob("*.conf")}
    assert kept == set(CASES), "a golden file that no case renders protects nothing"
