"""How the CDN is asked to forget: what is sent, how often it is repeated, and what is said where it is not done."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from colorway.cdn.purging import Cloudflare, PurgeError, token_in
from tests.support.purges import purge_api

ZONE = "0123456789abcdef0123456789abcdef"
TOKEN = "a-token-that-nobody-may-read"


def asked(monkeypatch, *answers, within=5.0, tags=("shop-blue-1.0.0",), token=TOKEN, zones=(ZONE,)):
    """Purge, and return the API, the seconds that were waited, and what is said of a failure."""
    waited: list[float] = []
    with purge_api(*answers) as api:
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", api.url)
        cdn = Cloudflare(zones=zones, token=token, within=timedelta(seconds=within), sleep=waited.append)
        try:
            cdn.forget(tags)
        except PurgeError as error:
            return api, waited, str(error)
    return api, waited, None


def test_the_tags_are_sent_to_the_zone(monkeypatch):
    api, _, failed = asked(monkeypatch, tags=("a", "b"))
    assert failed is None
    assert api.asked == [(f"/zones/{ZONE}/purge_cache", {"tags": ["a", "b"]})]
    assert api.tokens == {f"Bearer {TOKEN}"}


def test_more_tags_than_one_request_takes_are_several(monkeypatch):
    api, _, _ = asked(monkeypatch, tags=[str(number) for number in range(101)])
    assert [len(body["tags"]) for _, body in api.asked] == [100, 1], "Cloudflare refuses 101 as a whole"


def test_a_zone_that_cannot_be_purged_keeps_no_other_one_from_it(monkeypatch):
    api, _, failed = asked(monkeypatch, (404, {}), zones=("f" * 32, ZONE))
    assert failed == f"zone {'f' * 32} was not purged: Cloudflare knows no such zone (404); correct colorway:zones"
    assert [path for path, _ in api.asked] == [f"/zones/{'f' * 32}/purge_cache", f"/zones/{ZONE}/purge_cache"]


@pytest.mark.parametrize(
    ("answers", "waited"),
    [
        ([(429, {"retry-after": "3"})], [3.0]),
        ([(500, {}), (503, {})], [0.5, 1.0]),
    ],
    ids=["as long as it is told", "longer each time"],
)
def test_what_may_pass_is_tried_again(monkeypatch, answers, waited):
    api, found, failed = asked(monkeypatch, *answers)
    assert (failed, found) == (None, waited)
    assert len(api.asked) == len(answers) + 1


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([(429, {"retry-after": "60"})], "Cloudflare takes no more purges for now (429); try again in a minute"),
        ([(401, {})], "Cloudflare knows no such token (401); make one with the right Cache Purge: Purge"),
        ([(400, {})], "Cloudflare knows no such token (400); make one with the right Cache Purge: Purge"),
        ([(403, {})], "the token may not (403); give it the right Cache Purge: Purge for this zone"),
        ([(404, {})], "Cloudflare knows no such zone (404); correct colorway:zones"),
    ],
)
def test_what_does_not_pass_in_time_is_one_sentence_at_once(monkeypatch, answers, words):
    api, waited, failed = asked(monkeypatch, *answers)
    assert failed == f"zone {ZONE} was not purged: {words}"
    assert (len(api.asked), waited) == (1, []), "nobody waits for what does not come"


def test_a_cdn_that_does_not_answer_takes_no_longer_than_it_may(monkeypatch):
    began = time.monotonic()
    _, _, failed = asked(monkeypatch, (0, {}), within=0.5)
    assert failed == f"zone {ZONE} was not purged: Cloudflare did not answer within 0.5 s; try again"
    assert time.monotonic() - began < 5, "a rollback waits for it"


def test_without_a_token_it_says_where_one_belongs(monkeypatch):
    api, _, failed = asked(monkeypatch, token=None)
    assert failed is not None
    assert "set CLOUDFLARE_PURGE_TOKEN" in failed
    assert not api.asked


def test_the_token_shows_nowhere():
    assert TOKEN not in repr(Cloudflare(zones=(ZONE,), token=TOKEN)), "reprs come into logs"


@pytest.mark.parametrize(
    ("variables", "token"),
    [
        ({}, None),
        ({"CLOUDFLARE_API_TOKEN": "all"}, "all"),
        ({"CLOUDFLARE_API_TOKEN": "all", "CLOUDFLARE_PURGE_TOKEN": "purge"}, "purge"),
        ({"CLOUDFLARE_API_TOKEN": "all", "CLOUDFLARE_PURGE_TOKEN": ""}, "all"),
    ],
)
def test_the_token_with_least_rights_comes_first(variables, token):
    assert token_in(variables) == token
