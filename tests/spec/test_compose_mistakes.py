"""Files that are none of Compose's end in one sentence each: where, what, what would be right."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from colorway.config.compose.imported import imported
from colorway.config.compose.rules import Let, UnreadableRuleError, let_in, let_in_before
from colorway.config.compose.said import Place, Remarks
from colorway.config.compose.values import bytes_of, label, memory_of
from colorway.config.compose.variables import Variables, without_unset
from colorway.config.stack_files import ConfigError

WEB = "services:\n  web: {image: 'web:1', ports: ['80:80']}\n"


def said(files: Mapping[str, str]) -> str:
    """Return what is said of files that are refused."""
    with pytest.raises(ConfigError) as caught:
        imported([next(iter(files))], platform="shop", stack="shop", values={}, read=files.get, number=1)
    return str(caught.value)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"c.yaml": "services: [\n"}, "c.yaml:2: opens a [ or { here that is not closed, or lacks a comma in it"),
        ({"c.yaml": "just words\n"}, "c.yaml:1: must be a mapping: keys, each with a value"),
        ({"c.yaml": "volumes: {a: }\n"}, "c.yaml: has no services; write them under `services:`"),
        ({"c.yaml": "web: {image: 'web:1'}\n"}, "c.yaml: has no services; write them under `services:`"),
        (
            {"c.yaml": f'version: "9.1"\n{WEB}'},
            "c.yaml:1: version: is no version of Compose's files that is",
        ),
        ({"c.yaml": "services: [web]\n"}, "c.yaml:1: services: must be a mapping: names, each with what it is"),
        ({"c.yaml": "services:\n  web: nginx\n"}, "c.yaml:2: services.web: must be a mapping with an image or a build"),
        (
            {"c.yaml": "services:\n  a: {extends: b}\n  b: {extends: {service: c}}\n  c: {extends: a}\n"},
            "c.yaml:2: services.a.extends: extends itself: a → b → c → a; take one of these `extends` out",
        ),
        (
            {"c.yaml": "services:\n  a:\n    extends: bb\n  bc: {image: 'x:1'}\n"},
            "c.yaml:3: services.a.extends: names no service of c.yaml; known: a, bc",
        ),
        (
            {"x/c.yaml": "services:\n  a: {extends: {file: ../d.yaml, service: b}}\n"},
            "x/c.yaml:2: extends a service of d.yaml, which cannot be read; name a file that is there",
        ),
        (
            {"c.yaml": f"include: [d.yaml]\n{WEB}", "d.yaml": f"include: [c.yaml]\n{WEB}"},
            "d.yaml:1: include: includes itself: c.yaml → d.yaml → c.yaml; take one of these out",
        ),
        (
            {"x/c.yaml": f"include:\n  - path: ../d.yaml\n{WEB}"},
            "x/c.yaml:2: includes d.yaml, which cannot be read; name a file that is there",
        ),
        (
            {"c.yaml": f"include: [{{env_file: d.env}}]\n{WEB}"},
            "c.yaml:1: include: names no file; write its path, for example include: [database/compose.yaml]",
        ),
        (
            {"c.yaml": f"include: ['https://user:secret@example.com/x.git']\n{WEB}"},
            "c.yaml:1: include: names what is not on this machine; fetch it, and name the file",
        ),
        (
            {"c.yaml": f"include: [{{path: d.yaml, env_file: d.env}}]\n{WEB}", "d.yaml": WEB},
            "c.yaml:1: include.env_file: names the variables of d.env, which cannot be read; name a file that is there",
        ),
        (
            {"c.yaml": f"include: [d.yaml]\n{WEB}", "d.yaml": "services:\n  web: {image: 'web:2'}\n"},
            "c.yaml:3: services.web: is in d.yaml, too, which is included; leave it out there, or give this command a",
        ),
        (
            {"c.yaml": "services:\n  web: {image: !secret 'web:1'}\n"},
            "c.yaml:2: services.web.image: is written with a YAML tag (!); write it plainly, text in quotes",
        ),
        (
            {"c.yaml": "services:\n  web:\n    image: web:${TAG:?say which}\n"},
            "c.yaml:3: services.web.image: requires the variable TAG, which nothing sets; write it into a file for",
        ),
        (
            {"c.yaml": "services:\n  web: {image: 'traefik:3'}\n"},
            "c.yaml: has no services but those that are not carried over; name the application's own",
        ),
        (
            {"c.yaml": "services:\n  jobs: {image: 'jobs:1', command: work}\n"},
            "c.yaml: has no service that answers requests, and users reach a platform by one",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_one_sentence(files, sentence):
    text = said(files)
    assert text.startswith(sentence)
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("$NAME and ${NAME}", "one and one"),
        ("${NO:-two} ${EMPTY:-three} ${EMPTY-four}", "two three "),
        ("${NO:-${NAME}-${NO:-x}}", "one-x"),
        ("${NAME:+set} ${EMPTY:+set} ${EMPTY+set}", "set  set"),
        ("$$NAME $${NAME} 5$", "$NAME ${NAME} 5$"),
        ("${NO} is nothing", " is nothing"),
    ],
)
def test_variables_are_filled_as_compose_fills_them(text, filled):
    variables = Variables(values={"NAME": "one", "EMPTY": ""}, remarks=Remarks())
    assert without_unset(variables.fill(text, Place("c.yaml", 1), "x")) == filled


@pytest.mark.parametrize(
    ("rule", "lets"),
    [
        ("Host(`a.b.c`)", [("a.b.c", "/")]),
        ("Host(`a.b`, `c.d`) && PathPrefix(`/x`)", [("a.b", "/x"), ("c.d", "/x")]),
        ("Host(`a.b`) && (Path(`/x`) || PathPrefix(`/y`))", [("a.b", "/x"), ("a.b", "/y")]),
        ("PathPrefix(`/x`) || Host(`a.b`)", [(None, "/x"), ("a.b", "/")]),
    ],
)
def test_a_rule_of_traefik_is_its_names_and_paths(rule, lets):
    assert [(one.host, one.path) for one in let_in(rule)] == lets


@pytest.mark.parametrize("rule", ["", "Host(`a`", "Method(`GET`)", "!Host(`a.b`)", "Host(`a.b`) &&", "Host(`a.b`) x"])
def test_a_rule_that_says_more_is_not_read(rule):
    with pytest.raises(UnreadableRuleError):
        let_in(rule)


def test_rules_of_traefiks_first_version_are_read():
    found = let_in_before("Host:a.b,c.d;PathPrefixStrip:/x")
    assert found == [Let(host=host, path="/x", is_stripped=True) for host in ("a.b", "c.d")]


@pytest.mark.parametrize(
    ("text", "memory"), [("512M", "512Mi"), ("1g", "1Gi"), ("0.5gb", "512Mi"), ("1048576k", "1Gi"), ("2b", "6Mi")]
)
def test_amounts_of_memory_are_docker_s(text, memory):
    assert memory_of(text) == memory
    assert bytes_of("lots") is None


@pytest.mark.parametrize(
    ("name", "here"), [("web", "web"), ("My_App.web", "my-app-web"), ("2nd", "s-2nd"), ("a" * 60, "a" * 40), ("_", "s")]
)
def test_a_name_becomes_a_label(name, here):
    assert label(name) == here
