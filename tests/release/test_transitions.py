"""What one commit may change, and the sentence for each change that it may not."""

from __future__ import annotations

from collections import deque
from itertools import product

import pytest

from colorway.spec.traffic import Color, Installed, Traffic, Versions, illegal_changes

TOGETHER = (
    "colorway:versions and colorway:traffic change together; if the new version is bad, no commit undoes only "
    "one of them, so commit the version first and move traffic in a second commit"
)


def state(versions: str, traffic: str, active: str | None = None) -> Installed:
    """Return `1/2` (a dash = off) at `90:10`; active is the color that has more, unless it is given."""
    blue, green = (None if version == "-" else version for version in versions.split("/"))
    shares = [int(share) for share in traffic.split(":")]
    owner = active or ("blue" if shares[0] >= shares[1] else "green")
    return Installed(
        versions=Versions(blue=blue, green=green),
        traffic=Traffic(blue=shares[0], green=shares[1], active=Color(owner)),
    )


LEGAL = {
    "nothing": (state("1/-", "100:0"), state("1/-", "100:0")),
    "a version into the color that is off": (state("1/-", "100:0"), state("1/2", "100:0")),
    "another version into the idle color": (state("1/2", "100:0"), state("1/3", "100:0")),
    "the version back out of the idle color": (state("1/2", "100:0"), state("1/-", "100:0")),
    "the first stage": (state("1/2", "100:0"), state("1/2", "90:10")),
    "the next stage": (state("1/2", "90:10"), state("1/2", "50:50")),
    "a stage past the half": (state("1/2", "50:50"), state("1/2", "10:90", "blue")),
    "a stage back": (state("1/2", "50:50"), state("1/2", "90:10")),
    "the last stage, with active": (state("1/2", "50:50"), state("1/2", "0:100")),
    "a revert of the last stage gives active back": (state("1/2", "0:100"), state("1/2", "50:50", "blue")),
    "everything at once, with active": (state("1/2", "100:0"), state("1/2", "0:100")),
    "back to the old color from the ramp": (state("1/2", "50:50"), state("1/2", "100:0")),
    "back to the old color after the ramp": (state("1/2", "0:100"), state("1/2", "100:0")),
    "the old color off": (state("1/2", "0:100"), state("-/2", "0:100")),
    "the next release's version into blue": (state("-/2", "0:100"), state("3/2", "0:100")),
    "the next release's first stage": (state("3/2", "0:100"), state("3/2", "10:90")),
    "the same version in both colors": (state("1/-", "100:0"), state("1/1", "100:0")),
}

ILLEGAL = {
    "version and traffic together": (state("1/-", "100:0"), state("1/2", "90:10"), [TOGETHER]),
    "another version and traffic together": (state("1/2", "100:0"), state("1/3", "90:10"), [TOGETHER]),
    "a new version with everything at once": (state("1/-", "100:0"), state("1/2", "0:100"), [TOGETHER]),
    "traffic to the new color and the old one off": (
        state("1/2", "50:50"),
        state("-/2", "0:100"),
        [
            TOGETHER,
            "colorway:versions.blue changes while blue has 50 % of the traffic; move its traffic to green first",
        ],
    ),
    "the version of the only color": (
        state("1/-", "100:0"),
        state("2/-", "100:0"),
        [
            (
                "colorway:versions.blue changes while blue has 100 % of the traffic; give green the new version and "
                "release it"
            ),
        ],
    ),
    "the version of a color that has some users": (
        state("1/2", "90:10"),
        state("1/3", "90:10"),
        [
            "colorway:versions.green changes while green has 10 % of the traffic; move its traffic to blue first",
        ],
    ),
    "the versions of both colors": (
        state("1/2", "90:10"),
        state("3/4", "90:10"),
        [
            "colorway:versions.blue changes while blue has 90 % of the traffic; move its traffic to green first",
            "colorway:versions.green changes while green has 10 % of the traffic; move its traffic to blue first",
        ],
    ),
    "colors exchanged": (
        state("1/2", "0:100"),
        state("2/1", "100:0"),
        [
            TOGETHER,
            (
                "colorway:versions.green changes while green has 100 % of the traffic; give blue the new version and "
                "release it"
            ),
        ],
    ),
    "active before the last stage": (
        state("1/2", "50:50"),
        state("1/2", "50:50", "green"),
        [
            (
                "colorway:traffic.active changes to green while both colors have traffic; workers change over with the "
                "last step, so name green in the line that gives it 100"
            ),
        ],
    ),
    "active with a middle stage": (
        state("1/2", "90:10"),
        state("1/2", "50:50", "green"),
        [
            (
                "colorway:traffic.active changes to green while both colors have traffic; workers change over with the "
                "last step, so name green in the line that gives it 100"
            ),
        ],
    ),
}

EVERY_STATE = [
    Installed(versions=Versions(blue=blue, green=green), traffic=Traffic(blue=share, green=100 - share, active=active))
    for blue, green, share, active in product(("1", "2", None), ("1", "2", None), (0, 10, 50, 100), Color)
    if (blue or not share) and (green or share == 100) and {Color.BLUE: share, Color.GREEN: 100 - share}[active]
]
"""Every state that a stack file may say, with two versions and four shares."""


@pytest.mark.parametrize("name", LEGAL)
def test_a_legal_change_is_not_spoken_of(name):
    assert illegal_changes(*LEGAL[name]) == []


@pytest.mark.parametrize("name", ILLEGAL)
def test_an_illegal_change_is_refused_in_exact_words(name):
    installed, wanted, sentences = ILLEGAL[name]
    assert illegal_changes(installed, wanted) == sentences


def test_a_color_that_is_not_installed_gets_no_traffic_even_if_the_file_were_not_checked():
    installed = state("1/-", "100:0")
    wanted = Installed(versions=installed.versions, traffic=Traffic(blue=90, green=10, active=Color.BLUE))
    assert illegal_changes(installed, wanted) == [
        "colorway:traffic.green rises from 0, and green is not installed; commit its version first"
    ], "the stack file's own rule refuses this first, but outputs are not checked by it"


@pytest.mark.parametrize("wanted", EVERY_STATE, ids=repr)
def test_the_first_install_may_be_anything(wanted):
    assert illegal_changes(None, wanted) == []


def _is_legal(installed: Installed, wanted: Installed) -> bool:
    """Say the rules of design §4 once more, in other words."""
    if installed.traffic != wanted.traffic:
        keeps_owner = installed.traffic.active is wanted.traffic.active
        return installed.versions == wanted.versions and (
            keeps_owner
            or 100 in {wanted.traffic.blue, wanted.traffic.green, installed.traffic.blue, installed.traffic.green}
        )
    served = [color for color in Color if installed.traffic.of(color) > 0]
    return all(installed.versions.of(color) == wanted.versions.of(color) for color in served)


def test_every_pair_of_states_is_judged_as_the_design_says():
    assert len(EVERY_STATE) == 28, "else the enumeration lost something"
    judged = {(a, b): not illegal_changes(a, b) for a, b in product(EVERY_STATE, repeat=2)}
    wrong = [pair for pair, legal in judged.items() if legal != _is_legal(*pair)]
    assert wrong == []
    assert 0 < sum(judged.values()) < len(judged), "both kinds occur"


def test_every_refusal_names_a_cure():
    sentences = {s for a, b in product(EVERY_STATE, repeat=2) for s in illegal_changes(a, b)}
    assert all("; " in sentence and sentence.startswith("colorway:") for sentence in sentences)
    assert not any(sentence.endswith(".") for sentence in sentences), "they are put into a list"


@pytest.mark.parametrize("start", EVERY_STATE, ids=repr)
def test_legal_commits_lead_from_any_state_to_any_other(start):
    reached = {start}
    queue = deque([start])
    while queue:
        here = queue.popleft()
        steps = [there for there in EVERY_STATE if there not in reached and not illegal_changes(here, there)]
        reached.update(steps)
        queue.extend(steps)
    assert reached == set(EVERY_STATE), "no rule may lead into a dead end"


@pytest.mark.parametrize("installed", EVERY_STATE, ids=repr)
def test_a_rollback_is_one_legal_commit_from_every_state_of_a_ramp(installed):
    if None in (installed.versions.blue, installed.versions.green):
        return
    for color in Color:
        wanted = Traffic(blue=100 * (color is Color.BLUE), green=100 * (color is Color.GREEN), active=color)
        assert illegal_changes(installed, Installed(versions=installed.versions, traffic=wanted)) == []
