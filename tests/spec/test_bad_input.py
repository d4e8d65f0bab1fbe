"""Every kind of mistake ends in its own exact sentence, at its own line, without the value."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import replace

import pytest

from colorway.config import stack_files
from colorway.config.documents import parse_document
from colorway.config.stack_files import ConfigError, from_file
from tests.spec import (
    edge_mistakes,
    platform_mistakes,
    release_mistakes,
    service_mistakes,
    stack_mistakes,
    store_mistakes,
    yaml_mistakes,
)
from tests.spec.mistakes import Case
from tests.spec.project_files import DEMO, DEMO_1, FILES, LIVE, LOCAL, STACKS, said, write_project

CASES = (
    *stack_mistakes.CASES,
    *platform_mistakes.CASES,
    *edge_mistakes.CASES,
    *service_mistakes.CASES,
    *store_mistakes.CASES,
    *release_mistakes.CASES,
    *yaml_mistakes.CASES,
)
SECRETS = ("hunter2-S3CRET", "hunter2-s3cret", "/hunter2-S3CRET", "10m hunter2-S3CRET")
"""What somebody might paste at the wrong place; the second has the form of a name, the third of a path."""


@pytest.mark.parametrize("stack", ["local", "live"])
def test_the_project_that_the_mistakes_are_made_in_is_right(tmp_path, stack):
    assert said(write_project(tmp_path), stack) == [], "else a case could pass for another reason"


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_mistake_is_said_exactly(tmp_path, case: Case):
    root = write_project(tmp_path, {case.file: case.text})
    assert said(root, STACKS[case.file]) == case.error, f"{case.name}: what an operator reads must not change unseen"


def test_every_sentence_names_a_cure_or_what_is_expected():
    # A sentence that only says "wrong" leaves the operator alone.
    lines = [line.text for case in CASES for line in case.lines]
    cure = re.compile(r";|must be|must|is missing:|did you mean|known:|at least|at most|more than")
    assert [line for line in lines if not cure.search(line)] == []


def test_five_mistakes_of_a_stack_file_are_said_at_once_and_in_order(tmp_path):
    text = FILES[LOCAL]
    for old, new in (
        ("demo.example.com", "Example"),
        ('blue: "1.0.0"', "blue: 1.10"),
        ("blue: 100", "blue: 90"),
        ("name: localhost", "name: local_host"),
        ("colorway:network:", "colorway:netwrok:"),
    ):
        text = text.replace(old, new)
    assert said(write_project(tmp_path, {LOCAL: text}), "local") == [
        (
            "Pulumi.local.yaml:5: colorway:domains.main: is no domain name; write small letters, without https:// "
            "and without a dot at the end, for example example.com"
        ),
        'Pulumi.local.yaml:6: colorway:versions.blue: is a number to YAML and loses its zeros; quote it: "1.10"',
        "Pulumi.local.yaml:7: colorway:traffic: blue and green sum to 90; they must sum to 100",
        (
            "Pulumi.local.yaml:9: colorway:hosts.0.name: must be a DNS label: small letters, digits and -, "
            "beginning with a letter, for example web"
        ),
        "Pulumi.local.yaml:12: colorway:netwrok: is no known key; did you mean network?",
    ], "whoever edits five lines should not have to run five times"


def test_mistakes_in_one_section_do_not_hide_those_between_sections(tmp_path):
    text = FILES[DEMO]
    for old, new in (
        ("longest-request: 30s", "longest-request: 30"),  # inside a service
        ("    password: redis-password", "    password: redis-pasword"),  # between a data store and the secrets
        ("{path: /alive}", "{path: /alive, retries: 0}"),  # inside another service
        ("  port: 9090", "  port: 8443"),  # between monitoring and edge
        ("{percent: 50", "{percent: 5"),  # inside release
    ):
        text = text.replace(old, new)
    assert said(write_project(tmp_path, {DEMO: text}), "local") == [
        (
            "platforms/demo.yaml:15: services.web.longest-request: is no duration; write a number with its "
            "unit, for example 30s, 1m30s or 500ms"
        ),
        "platforms/demo.yaml:28: services.api.health.retries: must be at least 1",
        (
            "platforms/demo.yaml:52: data-stores.cache.password: names a secret that the platform's `secrets` "
            "do not list; did you mean redis-password?"
        ),
        (
            "platforms/demo.yaml:68: monitoring.port: is also edge.https-port; on a host with both roles only "
            "one can have it, so choose another"
        ),
        (
            "platforms/demo.yaml:72: release.stages.1.percent: is not more than the stage above it; stages "
            "must grow, for example 10, 50"
        ),
    ]


def test_a_service_that_is_wrong_does_not_hide_the_secret_that_another_lacks(tmp_path):
    text = FILES[DEMO].replace("port: 8001", "prt: 8001").replace("secrets: [database-password]", "secrets: [mail]")
    assert said(write_project(tmp_path, {DEMO: text}), "local") == [
        (
            "platforms/demo.yaml:22: services.web.env.DATABASE_PASSWORD_FILE: names a secret's file, and "
            "`secrets` of this service does not list that secret; add it"
        ),
        "platforms/demo.yaml:26: services.api.prt: is no known key; did you mean port?",
    ]
    text = (
        FILES[DEMO].replace("port: 8001", "prt: 8001").replace("    kind: worker", "    kind: worker\n    secrets: [x]")
    )
    assert said(write_project(tmp_path, {DEMO: text}), "local") == [
        "platforms/demo.yaml:26: services.api.prt: is no known key; did you mean port?",
        (
            "platforms/demo.yaml:32: services.worker.secrets.0: names a secret that the platform's `secrets` "
            "do not list; known: database-password, preview-token, redis-password"
        ),
    ]


def test_mistakes_of_the_platform_and_of_the_overrides_are_said_together(tmp_path):
    root = write_project(
        tmp_path,
        {
            LOCAL: FILES[LOCAL].replace("{release: {hot: 5m}}", "{release: {hot: 5}}"),
            DEMO: FILES[DEMO].replace("scrape-interval: 4s", "scrape-interval: 4"),
        },
    )
    cure = "is no duration; write a number with its unit, for example 30s, 1m30s or 500ms"
    assert said(root, "local") == [
        f"platforms/demo.yaml:69: monitoring.scrape-interval: {cure}",
        f"Pulumi.local.yaml:13: colorway:overrides.release.hot: {cure}",
    ], "each in its own file"


def test_an_override_does_not_repair_a_platform_that_other_stacks_use_too(tmp_path):
    root = write_project(
        tmp_path,
        {
            LOCAL: FILES[LOCAL].replace("{release: {hot: 5m}}", "{monitoring: {scrape-interval: 4s}}"),
            DEMO: FILES[DEMO].replace("scrape-interval: 4s", "scrape-interval: 4"),
        },
    )
    assert said(root, "local") == [
        (
            "platforms/demo.yaml:69: monitoring.scrape-interval: is no duration; write a number with its unit, "
            "for example 30s, 1m30s or 500ms"
        )
    ]


def test_both_manifests_are_looked_at(tmp_path):
    changed = {name: FILES[name].replace("id: 0001-initial", "id: 1") for name in FILES if name.startswith("releases/")}
    lines = said(write_project(tmp_path, changed), "local")
    assert [line.split(":")[0] for line in lines] == ["releases/demo/1.0.0.yaml", "releases/demo/2.0.0.yaml"]


def test_a_file_that_is_not_utf_8_is_said_with_the_line(tmp_path):
    root = write_project(tmp_path, {DEMO: FILES[DEMO].replace("LOG_LEVEL: info", "LOG_LEVEL: é").encode("latin-1")})
    assert said(root, "local") == [
        "platforms/demo.yaml:20: has a byte here that is not UTF-8; save it as UTF-8",
    ]
    root = write_project(tmp_path, {DEMO: FILES[DEMO].encode("utf-16")})
    assert said(root, "local") == ["platforms/demo.yaml:1: has a byte here that is not UTF-8; save it as UTF-8"]


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(tmp_path):
    text = FILES[LOCAL].replace("\n", "\r\n").encode("utf-8-sig")
    assert said(write_project(tmp_path, {LOCAL: text}), "local") == []


def test_a_folder_in_place_of_a_file_is_said(tmp_path):
    root = write_project(tmp_path, {DEMO_1: None})
    (root / DEMO_1).mkdir()
    assert said(root, "local") == [
        (
            "Pulumi.local.yaml:6: colorway:versions.blue: names a release manifest that releases/demo/ does "
            "not have; did you mean 1.0.0?"
        )
    ], "the folder has that name, and no content"


def test_unknown_stacks_are_named_with_the_known_ones(tmp_path):
    root = write_project(tmp_path)
    assert said(root, "lokal") == ["Pulumi.lokal.yaml: there is no such stack; did you mean local?"]
    assert said(root, "x") == ["Pulumi.x.yaml: there is no such stack; known: live, local"]


@pytest.mark.parametrize("stack", ["Local", "a_b", "../local", "a" * 41, "-x", "", "x\0y", "local\n", "x/" * 200])
def test_names_that_are_no_stack_are_refused_before_a_file_is_looked_for(tmp_path, stack):
    with pytest.raises(ConfigError) as error:
        from_file(root=write_project(tmp_path), stack=stack)
    assert str(error.value) == (
        f"Pulumi.{stack}.yaml: the stack's name must be small letters, digits and -, beginning with a letter, "
        f"at most 40"
    )


def test_a_stack_name_that_makes_service_names_too_long_is_refused(tmp_path):
    stack = "a-stack-with-quite-a-long-name"
    root = write_project(
        tmp_path,
        {f"Pulumi.{stack}.yaml": FILES[LOCAL], DEMO: FILES[DEMO].replace("  cache:\n", f"  {'cache' * 8}:\n")},
    )
    assert said(root, stack) == [
        (
            f"Pulumi.{stack}.yaml: the stack's name is too long for the data store {'cache' * 8}; use at most "
            "16 characters, or rename that"
        )
    ], "Swarm's names of services and networks are DNS labels, which take 63 characters"


def test_warnings_of_the_parser_do_not_reach_the_terminal(tmp_path, recwarn):
    text = FILES[DEMO].replace("LOG_LEVEL: info", "LOG_LEVEL: &twice info\n      OTHER: &twice info")
    assert said(write_project(tmp_path, {DEMO: text}), "local") == []
    assert not list(recwarn), "they repeat the file's text"


def _scalars(node, path=()):
    """Yield the path of every scalar."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _scalars(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _scalars(value, (*path, index))
    else:
        yield path


POSITIONS = [(file, path) for file in FILES for path in _scalars(parse_document(FILES[file], name=file)[0].data)]


def _with(secret, data, path):
    """Return the data with a secret in place of one scalar."""
    copied = deepcopy(data)
    node = copied
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = secret
    return copied


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_at_the_wrong_place_never_comes_back(tmp_path, monkeypatch, secret):
    root = write_project(tmp_path)
    parsed = {file: parse_document(text, name=file)[0] for file, text in FILES.items()}
    changed = dict(parsed)
    monkeypatch.setattr(stack_files, "read_document", lambda _, *, name: (changed[name], []))
    refused = 0
    for file, path in POSITIONS:
        changed[file] = replace(parsed[file], data=_with(secret, parsed[file].data, path))
        lines = said(root, STACKS[file])
        changed[file] = parsed[file]
        refused += bool(lines)
        assert not [line for line in lines if "hunter2" in line.lower()], f"{file}: {path}"
    assert refused > len(POSITIONS) / 3, "most places have a form, so most secrets are refused"


@pytest.mark.parametrize(
    "spoiled",
    [
        '"hunter2-S3CRET',
        "[hunter2-S3CRET",
        "*hunter2-S3CRET",
        "@hunter2-S3CRET",
        "a: hunter2-S3CRET",
        "!hunter2-S3CRET x",
    ],
)
@pytest.mark.parametrize(
    ("file", "line"), [(DEMO, "LOG_LEVEL: "), (LOCAL, "colorway:domains: {main: "), (LIVE, "address: ")]
)
def test_a_secret_in_broken_yaml_never_comes_back(tmp_path, file, line, spoiled):
    lines = [
        text if line not in text else f"{text[: text.index(line)]}{line}{spoiled}" for text in FILES[file].splitlines()
    ]
    errors = said(write_project(tmp_path, {file: "\n".join(lines)}), STACKS[file])
    assert errors, "this is no YAML, or no value of that key"
    assert not [error for error in errors if "S3CRET" in error], "the parser's own words quote the text"
