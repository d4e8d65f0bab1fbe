"""Whatever stands in the files: a spec that can be rendered, or sentences; never a traceback."""

from __future__ import annotations

import datetime as dt
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from colorway.config import stack_files
from colorway.config.documents import Document, parse_document
from colorway.config.stack_files import ConfigError, from_file
from colorway.config.yaml_text import read_yaml
from colorway.outputs import platform_outputs
from colorway.render.nginx import generation
from tests.spec.project_files import FILES, STACKS, write_project

QUIET = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 200),
    st.sampled_from([2**31, 2**63, 2**64, -(2**63) - 1, 10**400]),
    st.floats(allow_nan=True, allow_infinity=True),
    st.dates(),
    st.datetimes(timezones=st.sampled_from([None, dt.UTC])),
    st.text(max_size=12),
    st.sampled_from(
        [
            *("", " ", "\n", "\0", "web", "blue", "green", "null", "~", "127.0.0.1", "10.0.0.11", "::1", "0.0.0.0/0"),
            *("10.90.0.0/18", "255.255.255.255/32", "1.0.0", "1.9.0", "9" * 5000, "0s", "٣s", "1.5s", "1h5s", "87601h"),
            *("1Ki", "999999999999Gi", "٦Mi", "/", "//", "/../..", "/run/secrets/", "/run/secrets/database-password"),
            *("a" * 63, "-", "--", "x--y", "a.b", "registry/x@sha256:" + "0" * 64, "ssh-ed25519 AAAA", "{{.Node}}"),
        ]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(st.text(max_size=6), st.sampled_from(["path", "blue", "kind", "image"])), inner, max_size=3
        ),
    ),
    max_leaves=6,
)


@cache
def _documents() -> dict[str, Document]:
    return {name: parse_document(text, name=name)[0] for name, text in FILES.items()}


def _paths(node, path=()):
    yield path
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, below in children:
        yield from _paths(below, (*path, key))


PLACES = [(name, path) for name in FILES for path in _paths(_documents()[name].data) if path]
"""Every value of every file, whole sections too."""


@st.composite
def changed_files(draw):
    """Return the documents after one to three changes, and a stack that reads the first changed one."""
    places = draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=3))
    data = {name: deepcopy(document.data) for name, document in _documents().items()}
    for name, path in places:
        node = data[name]
        try:
            for part in path[:-1]:
                node = node[part]
            change = draw(st.sampled_from(["delete", "replace", "add"]))
            if change == "delete":
                del node[path[-1]]
            elif change == "replace" or not isinstance(node, dict):
                node[path[-1]] = draw(VALUES)
            else:
                node[draw(st.text(min_size=1, max_size=8))] = draw(VALUES)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    documents = {name: replace(_documents()[name], data=content) for name, content in data.items()}
    return documents, STACKS[places[0][0]]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return write_project(tmp_path_factory.mktemp("project"))


def read(project, documents, stack):
    """Return what the files mean; none where they are refused in words."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack_files, "read_document", lambda _, *, name: (documents[name], []))
        try:
            return from_file(root=project, stack=stack)
        except ConfigError as error:
            refused = error
    assert refused.problems, "an error without a sentence helps nobody"
    assert all(problem.message for problem in refused.problems)
    assert "wrong form" not in str(refused), "every error of pydantic has words of its own"
    return None


@settings(QUIET, max_examples=600)
@given(changed=changed_files())
def test_changed_files_are_understood_or_refused_in_words(project, changed):
    spec = read(project, *changed)
    if spec is not None:
        assert generation(spec).text, "what is accepted must be rendered"
        assert platform_outputs(spec, generation="0" * 12)["stack"] == spec.stack
        networks = spec.inventory().networks
        assert len({network.subnet for network in networks}) == len(networks) == 4 + len(spec.platform.data_stores)


@settings(QUIET, max_examples=300)
@given(place=st.sampled_from(PLACES), value=SCALARS)
def test_one_changed_value_is_understood_or_refused_in_words(project, place, value):
    name, path = place
    data = deepcopy(_documents()[name].data)
    node = data
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = value
    read(project, {**_documents(), name: replace(_documents()[name], data=data)}, STACKS[name])


PIECES = st.sampled_from(
    [
        *(
            "a",
            "b: ",
            ": ",
            "- ",
            "\n",
            "  ",
            "\t",
            "{",
            "}",
            "[",
            "]",
            ", ",
            "'",
            '"',
            "#",
            "&x ",
            "*x ",
            "<<: ",
            "? ",
        ),
        *(
            "!!int ",
            "!!set ",
            "!!binary ",
            "!t ",
            "|\n",
            ">-\n",
            "---\n",
            "...\n",
            "%YAML 1.1\n",
            "1.10",
            "0x1F",
            "1e999",
        ),
        *(
            "2026-13-01",
            "2026-01-01T00:00:00Z",
            "~",
            "null",
            "yes",
            ".nan",
            "\ufeff",
            "\0",
            "\x85",
            "\ud800",
            "é",
            "🙂",
            "\\x",
        ),
    ]
)


@settings(QUIET, max_examples=400)
@given(text=st.one_of(st.lists(PIECES, max_size=14).map("".join), st.text(max_size=40)))
def test_any_text_is_data_or_is_refused_in_words(text):
    document, problems = parse_document(text, name="x.yaml")
    assert isinstance(document.data, dict)
    assert all(problem.message for problem in problems)
    assert all(line >= 1 for line in document.lines.values())


@settings(QUIET, max_examples=120)
@given(name=st.sampled_from(sorted(FILES)), where=st.floats(0, 1), drop=st.integers(0, 3), piece=PIECES)
def test_a_slip_of_the_finger_is_understood_or_refused_in_words(project, name, where, drop, piece):
    text = FILES[name]
    index = int(where * len(text))
    document, problems = parse_document(text[:index] + piece + text[index + drop :], name=name)
    if not problems:
        read(project, {**_documents(), name: document}, STACKS[name])


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 200 + "]" * 200,
        "a: " + "{b: " * 200 + "1" + "}" * 200,
        "&x a: [" + "[" * 1000 + "]",
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
        ),
        "a: " + "9" * 10_000,
        "a: !!python/object/apply:os.system [true]\n",
    ],
    ids=[
        "deep list",
        "deep mapping",
        "bracket",
        "laughs",
        "digits",
        "python tag",
    ],
)
def test_texts_that_break_careless_readers_are_refused(text):
    _, problems = parse_document(text, name="x.yaml")
    assert problems, "no honest file looks like this"


@pytest.mark.parametrize("text", ["a: &a [*a]\n", "a: &a {b: *a}\n", "a: &a\n  b: {c: *a}\nd: *a\n"])
def test_an_alias_inside_its_own_anchor_ends(text):
    document, _ = parse_document(text, name="x.yaml")
    assert "None" in str(document.data), "it means nothing, and nothing is what most places refuse"


def test_a_text_is_read_once():
    text = "services: {web: {replicas: 2}}\n"
    assert read_yaml(text) is read_yaml(text), "the command line and the program read the same files, in one process"
