"""A stack's changes to its platform: laid over it mapping by mapping, and known by where they came from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colorway.config.documents import Document, parse_document
from tests.support.specs import small_spec

KEYS = st.sampled_from(["a", "b", "c"])
DATA = st.recursive(
    st.dictionaries(KEYS, st.integers(0, 9), max_size=3),
    lambda below: st.dictionaries(
        KEYS, st.one_of(below, st.integers(0, 9), st.lists(st.integers(0, 9), max_size=2)), max_size=3
    ),
    max_leaves=8,
)


def merged(base, over):
    return Document(name="platform", data=base).overridden_by(Document(name="stack", data=over, prefix="overrides."))


def test_mappings_are_merged_and_everything_else_is_replaced():
    base = {"services": {"web": {"replicas": 2, "command": ["a", "b"], "limits": {"cpus": 1, "memory": "1Gi"}}}, "x": 1}
    over = {"services": {"web": {"replicas": 3, "command": ["c"], "limits": {"cpus": 2}}}}
    assert merged(base, over).data == {
        "services": {"web": {"replicas": 3, "command": ["c"], "limits": {"cpus": 2, "memory": "1Gi"}}},
        "x": 1,
    }, "a list is one value: half of a command is none"


def test_an_override_changes_the_spec_and_nothing_beside_it():
    plain, changed = small_spec(), small_spec(overrides={"services": {"shop": {"replicas": 7}}})
    assert changed.platform.services["shop"].replicas == 7
    shop = changed.platform.services["shop"].model_copy(update={"replicas": 3})
    services = {**changed.platform.services, "shop": shop}
    assert changed.platform.model_copy(update={"services": services}) == plain.platform


def test_the_documents_are_not_changed():
    base, over = {"a": {"b": 1}}, {"a": {"c": {"d": 2}}}
    merged(base, over).data["a"]["e"] = 3
    assert (base, over) == ({"a": {"b": 1}}, {"a": {"c": {"d": 2}}}), "another stack reads the same platform"


@given(base=DATA, over=DATA)
def test_merging_keeps_what_is_not_named_and_takes_what_is(base, over):
    result = merged(base, over).data
    assert set(result) == set(base) | set(over)
    for key in result:
        if key not in over:
            assert result[key] == base[key]
        elif not (isinstance(over[key], dict) and isinstance(base.get(key), dict)):
            assert result[key] == over[key]
        else:
            assert result[key] == merged(base[key], over[key]).data, "the same rule all the way down"


@given(base=DATA, over=DATA)
def test_no_override_changes_nothing_and_twice_is_as_once(base, over):
    assert merged(base, {}).data == base
    once = merged(base, over).data
    assert merged(once, over).data == once


@pytest.mark.parametrize(
    ("below", "above"),
    [
        ({"none": "nobody has said how"}, {"command": ["CMD", "ok"]}),
        ({"path": "/up", "port": "admin"}, {"command": ["CMD", "ok"]}),
        ({"command": ["CMD", "ok"]}, {"path": "/up"}),
    ],
)
def test_another_way_to_ask_for_health_takes_the_place_of_the_one_below(below, above):
    base = {"services": {"web": {"health": {**below, "interval": "9s"}}}}
    found = merged(base, {"services": {"web": {"health": above}}}).data
    assert found == {"services": {"web": {"health": {**above, "interval": "9s"}}}}, "a task is asked in one way"


def test_a_health_check_that_says_no_way_keeps_the_one_below():
    base = {"services": {"web": {"health": {"path": "/up", "interval": "9s"}}}}
    found = merged(base, {"services": {"web": {"health": {"interval": "3s"}}}}).data
    assert found == {"services": {"web": {"health": {"path": "/up", "interval": "3s"}}}}


def test_a_mistake_is_where_its_value_came_from():
    base, _ = parse_document("services:\n  web:\n    replicas: 2\n    port: 1\n", name="platforms/p.yaml")
    stack, _ = parse_document(
        "config:\n  colorway:overrides:\n    services:\n      web:\n        port: 0\n", name="Pulumi.s.yaml"
    )
    overrides = stack.section("config").keys_with_prefix("colorway:").section("overrides")
    both = base.overridden_by(overrides)
    assert (
        str(both.problem(("services", "web", "port"), "x"))
        == "Pulumi.s.yaml:5: colorway:overrides.services.web.port: x"
    )
    assert str(both.problem(("services", "web", "replicas"), "x")) == "platforms/p.yaml:3: services.web.replicas: x"
    assert str(both.problem(("services", "web"), "x")) == "platforms/p.yaml:2: services.web: x"


def test_lines_are_known_for_mappings_lists_and_aliases():
    text = "a:\n  - b: 1\n  - [x,\n     y]\nc: &anchor\n  d: 2\ne:\n  <<: *anchor\n  f: *anchor\n"
    document, problems = parse_document(text, name="x.yaml")
    assert problems == []
    lines = {".".join(path): line for path, line in document.lines.items()}
    assert lines == {
        "a": 1,
        "a.0": 2,
        "a.0.b": 2,
        "a.1": 3,
        "a.1.0": 3,
        "a.1.1": 4,
        "c": 5,
        "c.d": 6,
        "e": 7,
        "e.d": 7,
        "e.f": 9,
        "e.f.d": 6,
    }, "a merged key stands where it is merged in, an aliased one where it is written"


def test_what_has_no_line_of_its_own_gets_that_of_its_parent():
    document, _ = parse_document("a:\n  b: {}\n", name="x.yaml")
    assert str(document.problem(("a", "b", "missing"), "is missing")) == "x.yaml:2: a.b.missing: is missing"
    assert str(document.problem(("missing",), "is missing")) == "x.yaml: missing: is missing"
    assert str(document.problem((), "is wrong")) == "x.yaml: is wrong"
