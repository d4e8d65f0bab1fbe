"""The list of Cloudflare's networks: whole, or nothing is rendered by it."""

from __future__ import annotations

import pytest

from colorway.render import cloudflare
from colorway.render.cloudflare import RangesError, cloudflare_ranges, of_version, ranges_of

WHOLE = "\n".join(map(str, cloudflare_ranges()))
FOUR = of_version(4, cloudflare_ranges())
SIX = of_version(6, cloudflare_ranges())


def test_the_committed_list_is_the_published_one_of_today():
    assert (len(FOUR), len(SIX)) == (15, 7)
    assert ranges_of(f"# a remark\n\n{WHOLE}\n") == cloudflare_ranges()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "config/cloudflare-ranges.txt: has 0 networks of IPv4, and Cloudflare has at least 10"),
        ("\n".join([*FOUR[:9], *SIX]), "has 9 networks of IPv4, and Cloudflare has at least 10; write all of"),
        ("\n".join(FOUR), "has 0 networks of IPv6, and Cloudflare has at least 5; write all of"),
        (f"<html>\n{WHOLE}", "config/cloudflare-ranges.txt:1: is no network; write one a line, such as 104.16.0.0/13"),
        (WHOLE.replace("104.16.0.0/13", "104.16.0.1/13"), ":12: is no network; write one a line"),
        (WHOLE.replace("104.16.0.0/13", "0.0.0.0/0"), ":12: is more than Cloudflare's own addresses"),
        (WHOLE.replace("2a06:98c0::/29", "::/0"), ":21: is more than Cloudflare's own addresses"),
        (WHOLE.replace("104.16.0.0/13", "10.16.0.0/13"), ":12: is more than Cloudflare's own addresses"),
        (f"{WHOLE}\n{FOUR[0]}", ":23: is there twice; leave one out"),
    ],
    ids=["nothing", "short", "half", "a page", "host bits", "everybody", "everybody by IPv6", "private", "doubled"],
)
def test_nobody_is_believed_by_a_list_that_is_not_whole(text, said):
    with pytest.raises(RangesError) as caught:
        ranges_of(text)
    assert said in str(caught.value)


def test_a_list_that_is_gone_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(cloudflare, "ROOT", tmp_path)
    with pytest.raises(RangesError, match="cannot be read; take it back from git"):
        cloudflare_ranges.__wrapped__()
