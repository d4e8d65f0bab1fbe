"""One line moves traffic: what changes with it, and what must not."""

from __future__ import annotations

from functools import cache

import pytest

from tests.program.stacks import run_stack
from tests.support.recorder import Recording

BLUE_ONLY = {"blue": "1.0.0", "green": None}
ROUTING = {"routing-check-localhost-run", "routing-apply-localhost-run"}
WORKERS = {f"{service}-{color}-service" for service in ("worker", "scheduler") for color in ("blue", "green")}


@cache
def at(blue: int, *, active: str = "blue", green_off: bool = False) -> Recording:
    """The local stack with a traffic line."""
    changes: dict[str, object] = {"colorway:traffic": {"blue": blue, "green": 100 - blue, "active": active}}
    if green_off:
        changes["colorway:versions"] = BLUE_ONLY
    return run_stack("local", changes=changes)


def changed(before: Recording, after: Recording) -> set[str]:
    """The names of resources whose inputs differ, of those that both runs have."""
    old, new = before.by_urn(), after.by_urn()
    return {new[urn].name for urn in old.keys() & new.keys() if old[urn].compared != new[urn].compared}


def gone(before: Recording, after: Recording) -> set[str]:
    return {before.by_urn()[urn].name for urn in before.by_urn().keys() - after.by_urn().keys()}


def test_the_same_line_changes_nothing():
    assert changed(
        at(90), run_stack("local", changes={"colorway:traffic": {"blue": 90, "green": 10, "active": "blue"}})
    ) == (set()), "a second `up` changes nothing"


@pytest.mark.parametrize(("before", "after"), [(90, 50), (50, 90), (100, 90), (90, 100)])
def test_below_100_only_routing_changes(before, after):
    assert changed(at(before), at(after)) == ROUTING, (
        "a service that is touched takes seconds to converge, and a task that restarts loses requests"
    )
    assert gone(at(before), at(after)) == gone(at(after), at(before)) == set(), "nothing comes or goes"


def test_the_text_of_nginx_is_the_only_input_of_routing_that_changes():
    old, new = at(90).by_urn(), at(50).by_urn()
    keys = {
        (new[urn].name, key)
        for urn in old
        for key in new[urn].inputs
        if new[urn].name in ROUTING and old[urn].inputs[key] != new[urn].inputs[key]
    }
    assert keys == {(name, "stdin") for name in ROUTING}, "a preview is the diff of that text"


@pytest.mark.parametrize(
    ("before", "after"),
    [((50, "blue"), (0, "green")), ((100, "blue"), (0, "green")), ((0, "green"), (100, "blue"))],
    ids=["last step", "blue-green in one step", "the way back"],
)
def test_at_100_workers_schedulers_and_the_barrier_change_too(before, after):
    old, new = at(before[0], active=before[1]), at(after[0], active=after[1])
    assert changed(old, new) == ROUTING | WORKERS | {"workers-barrier-run"}, "jobs belong to the active color"
    assert gone(old, new) == gone(new, old) == set()


def test_turning_a_color_off_removes_exactly_its_resources():
    both, one = at(100), at(100, green_off=True)
    removed = gone(both, one)
    greens = {resource.name for resource in both.resources if "green" in resource.name} - {"net-green"}
    assert removed == greens, "blue and what both share stay as they are"
    assert gone(one, both) == set()
    assert changed(both, one) == ROUTING, "nginx forgets the color first, and waits until it serves nobody"


def test_closing_for_maintenance_changes_routing_alone_and_its_text_has_no_secret():
    is_open = run_stack("portal-staging")
    closed = run_stack("portal-staging", changes={"colorway:maintenance": {"everything": "Back soon."}})
    names = changed(is_open, closed)
    assert {name.split("-")[0] for name in names} == {"routing"}, "the link's secret is there before it is needed"
    assert gone(is_open, closed) == gone(closed, is_open) == set()
    texts = [one.inputs["stdin"] for one in closed.resources if one.name in names]
    assert not [text for text in texts if "the-value-of-" in str(text)], "a secret would turn the diff into [secret]"
