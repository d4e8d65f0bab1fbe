"""One line changes, nothing else: also with comments, other line ends and other spellings."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from colorway.config.documents import parse_document
from colorway.release.plan.edit import EditError, TrafficEdit, VersionsEdit, recognized, with_traffic, with_versions
from colorway.spec.traffic import Color, Traffic, Versions

FILE = """\
# This machine: {braces} and # signs in comments stay.
encryptionsalt: v1:abc=
config:
  # colorway:traffic: {blue: 1, green: 99, active: green}   (an example, not the line)
  colorway:platform: demo
  colorway:versions: {blue: "1.0.0", green: '2.0.0'}  # strings
  colorway:traffic:   { active: blue,  blue: 100, green: 0 }   # the one line that a release moves
  colorway:hosts:
    - {name: lb1, address: 10.0.0.11}
"""

shares = st.integers(0, 100)
versions = st.one_of(st.none(), st.from_regex(r"[0-9A-Za-z][0-9A-Za-z._-]{0,12}", fullmatch=True))


@st.composite
def traffics(draw) -> Traffic:
    blue = draw(shares)
    active = draw(st.sampled_from([color for color in Color if (blue if color is Color.BLUE else 100 - blue) > 0]))
    return Traffic(blue=blue, green=100 - blue, active=active)


def changed_lines(before: str, after: str) -> int:
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    assert len(old) == len(new), "an edit neither adds nor removes lines"
    return sum(one != two for one, two in zip(old, new, strict=True))


@settings(max_examples=25, deadline=None)
@given(traffic=traffics(), end=st.sampled_from(["\n", "\r\n"]))
def test_a_traffic_edit_changes_exactly_that_line(traffic: Traffic, end: str) -> None:
    before = FILE.replace("\n", end)
    after = with_traffic(before, traffic)
    document, problems = parse_document(after, name="x")
    assert not problems, "the file stays YAML"
    assert document.data["config"]["colorway:traffic"] == traffic.model_dump(mode="json"), "the line says what it shall"
    same = traffic == Traffic(blue=100, green=0, active=Color.BLUE)
    assert changed_lines(before, after) == (0 if same else 1), "one line, and none if nothing is new"
    assert with_traffic(after, traffic) == after, "the same edit again changes nothing"
    assert after.endswith(before[before.index("   # the one line") :]), "the comment and what follows stay"


@settings(max_examples=25, deadline=None)
@given(blue=versions, green=versions)
def test_a_versions_edit_changes_exactly_that_line(blue: str | None, green: str | None) -> None:
    assume(blue or green)
    wanted = Versions(blue=blue, green=green)
    after = with_versions(FILE, wanted)
    document, problems = parse_document(after, name="x")
    assert not problems, "the file stays YAML"
    assert document.data["config"]["colorway:versions"] == {"blue": blue, "green": green}, "versions stay text"
    assert changed_lines(FILE, after) <= 1, "one line"


@settings(max_examples=20, deadline=None)
@given(there=traffics())
def test_going_there_and_back_gives_the_same_bytes(there: Traffic) -> None:
    back = Traffic(blue=100, green=0, active=Color.BLUE)
    assert with_traffic(with_traffic(FILE, there), back) == FILE, "a rollback's diff is the mirror of the release's"


def test_order_spacing_and_quotes_stay() -> None:
    after = with_traffic(FILE, Traffic(blue=90, green=10, active=Color.BLUE))
    assert "{ active: blue,  blue: 90, green: 10 }   # the one" in after, "only the numbers are new"
    after = with_versions(FILE, Versions(blue="1.0.0", green="3.0.0"))
    assert """{blue: "1.0.0", green: '3.0.0'}  # strings""" in after, "each quote stays what it was"


def test_a_color_that_comes_on_gets_quotes() -> None:
    off = with_versions(FILE, Versions(blue="1.0.0", green=None))
    assert "green: null}" in off, "off is null"
    on = with_versions(off, Versions(blue="1.0.0", green="1.10"))
    assert 'green: "1.10"}' in on, "1.10 unquoted is the number 1.1"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("  colorway:traffic:\n    blue: 90\n    green: 10\n    active: blue", "is no mapping on one line"),
        ("  colorway:traffic: {blue: 90,\n    green: 10, active: blue}", "is no mapping on one line"),
        ("  colorway:traffic: {blue: 90, green: 10}", "is no mapping on one line"),
        ("  colorway:traffic: &t {blue: 90, green: 10, active: blue}", "is no mapping on one line"),
        ("  colorway:domains: {main: example.com}", "there is no line"),
        ("  colorway:traffic: {blue: 90, green: 10, active: blue}\n" * 2, "two lines"),
    ],
)
def test_another_form_is_refused_with_the_right_form(line: str, words: str) -> None:
    with pytest.raises(EditError) as caught:
        with_traffic(f"config:\n{line}\n", Traffic(blue=50, green=50, active=Color.BLUE), name="Pulumi.x.yaml")
    assert words in str(caught.value), "the sentence says what is wrong"
    assert "colorway:traffic: {blue: 90, green: 10, active: blue}" in str(caught.value), "and what would be right"
    assert str(caught.value).startswith("Pulumi.x.yaml"), "and where"


def test_a_line_of_the_same_name_elsewhere_is_not_touched() -> None:
    text = "other:\n  colorway:traffic: {blue: 100, green: 0, active: blue}\nconfig:\n  colorway:platform: demo\n"
    with pytest.raises(EditError):
        with_traffic(text, Traffic(blue=50, green=50, active=Color.BLUE))


def test_our_own_edit_is_recognized() -> None:
    traffic = Traffic(blue=90, green=10, active=Color.BLUE)
    assert recognized(FILE, with_traffic(FILE, traffic), name="x") == TrafficEdit(traffic), "a leftover of ours"
    wanted = Versions(blue="1.0.0", green=None)
    assert recognized(FILE, with_versions(FILE, wanted), name="x") == VersionsEdit(wanted), "a leftover of ours"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: text.replace("demo", "other"),
        lambda text: with_traffic(text, Traffic(blue=50, green=50, active=Color.BLUE)).replace("demo", "other"),
        lambda text: text.replace("blue: 100, green: 0", "blue: 70, green: 0"),
        lambda _: "no: yaml: at: all",
    ],
)
def test_another_edit_is_not_taken_for_ours(change) -> None:
    assert recognized(FILE, change(FILE), name="x") is None, "somebody's own work must not be committed or undone"
