"""What a variable of the environment may say in the open, and that a task gets it word for word."""

from __future__ import annotations

import datetime as dt
import random
import shutil
import string
import subprocess
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from colorway.spec.services import ServiceSpec
from colorway.spec.task.environment import EnvName, EnvValue, in_swarm, looks_secret

NAMES = ["A", "_A", "LOG_LEVEL", "A1", "COLORWAY", "ConnectionStrings__Db", "http_proxy"]
INNOCENT_NAMES = ["ACCESS_TOKEN_DURATION", "MAX_TOKENS", "CORS_ALLOW_CREDENTIALS", "PASSWORD_MIN_LENGTH", "AWS_SECRET"]
TOKENS = [
    "sk-" + "a1B2" * 6,
    "sk-ant-api03-" + "a1B2" * 6,
    "sk_live_" + "a1B2" * 6,
    "ghp_" + "a1B2" * 9,
    "glpat-" + "a1B2" * 5,
    "AKIA" + "ABCD1234" * 2,
    "AIza" + "a1B2" * 9,
    "xoxb-" + "12345678-abcd",
    "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
    "-----BEGIN PRIVATE KEY-----",
    "AccountName=x;AccountKey=Zm9vYmFyMTIzNDU2Nzg5MGFiY2RlZkdISUpLTA==",
    "https://hooks.example.com/services/T01ABCD2E/B02FGHI3J/a1B2c3D4e5F6g7H8i9J0k1L2",
]
OPEN = [
    "info",
    "",
    "Hi {{name}}",
    "https://api.example.com/v1/users?active=true&page=2&sort=created-at",
    "/usr/share/elasticsearch/config/analysis/synonyms-2024.txt",
    "production-eu-west-1-web-03-blue-green-2024-11-27",
    "ConnectionTimeoutInMilliseconds30000",
    "Server=db;Database=shop;TrustServerCertificate=true;Encrypt=false",
    "registry.example.com/shop:1.0@sha256:" + "0123456789abcdef" * 4,
    "123e4567-e89b-12d3-a456-426614174000",
    "12345678901234567890123456789012345678901234567890",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP",
    "task-1,ask-2,mask-" + "a" * 10,
    "default-src 'self'; object-src 'none'; frame-ancestors https://portal.example.com",
]


def service(**env):
    return ServiceSpec.model_validate(
        {"port": 80, "health": {"path": "/"}, "limits": {"cpus": 1, "memory": "64Mi"}, "env": env}
    )


@pytest.mark.parametrize("name", NAMES + INNOCENT_NAMES)
def test_a_name_is_never_a_secret(name):
    assert TypeAdapter(EnvName).validate_python(name) == name, "what it holds counts, not what it is called"


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "É", "A\n", "COLORWAY_COLOR", 5])
def test_what_no_environment_holds_is_refused_as_a_name(name):
    with pytest.raises(ValidationError):
        TypeAdapter(EnvName).validate_python(name)


@pytest.mark.parametrize("token", [*TOKENS, "postgres://app:hunter2@db/app", "x://:p@h"])
def test_a_value_that_looks_like_a_secret_is_refused_unless_the_file_says_that_it_opens_nothing(token):
    with pytest.raises(ValidationError) as error:
        service(LOG_LEVEL=token)
    [detail] = error.value.errors(include_input=False, include_url=False)
    assert "plain: true" in detail["msg"], "the way out is said"
    assert token not in detail["msg"]
    assert in_swarm(service(LOG_LEVEL={"value": token, "plain": True}).env) == {"LOG_LEVEL": token}


@pytest.mark.parametrize(
    ("alphabet", "length"),
    [("0123456789abcdef", 48), (string.ascii_letters + string.digits, 32)],
    ids=["hex", "base62"],
)
def test_random_tokens_are_found(alphabet, length):
    dice = random.Random(8)
    missed = sum(not looks_secret("".join(dice.choices(alphabet, k=length))) for _ in range(1000))
    assert missed <= 10, "99 of 100"


@pytest.mark.parametrize("value", OPEN)
def test_what_opens_nothing_passes(value):
    assert service(LOG_LEVEL=value).env["LOG_LEVEL"].value == value


def test_identifiers_pass():
    dice = random.Random(8)
    assert not any(looks_secret(str(uuid.UUID(int=dice.getrandbits(128)))) for _ in range(200)), (
        "tenants and clients are named so"
    )


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (False, "false"), (30, "30"), ("info", "info"), ("", ""), ("1.10", "1.10")]
)
def test_a_variable_gets_the_text_that_was_written(value, text):
    assert EnvValue.model_validate(value).in_swarm == text
    assert EnvValue.model_validate({"value": value}) == EnvValue.model_validate(value), "two spellings of one thing"


@pytest.mark.parametrize("value", [None, 0.5, 1e9, [], {}, dt.date(2026, 1, 1), "a\0b"])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(ValidationError):
        EnvValue.model_validate(value)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("Hi {{name}}", 'Hi {{"{{"}}name}}'),
        ("{{{a}}}", '{{"{{"}}{a}}}'),
        ("{{{{", '{{"{{"}}{{"{{"}}'),
        ("{a} }} {", "{a} }} {"),
    ],
)
def test_braces_are_told_to_swarm_as_an_action_that_prints_them(value, told):
    assert EnvValue.model_validate(value).in_swarm == told


@pytest.mark.parametrize(
    "value", ["{{.Task.Slot}}", "{{ .Node.Hostname }}-x", '{{index .Service.Labels "a"}}', 'a{{"{{"}}']
)
def test_a_template_is_passed_on_where_the_file_asks_for_one(value):
    assert EnvValue.model_validate({"value": value, "template": True}).in_swarm == value


@given(value=st.text(alphabet='{}" a', max_size=12))
def test_only_our_own_action_is_left(value):
    told = EnvValue.model_validate(value).in_swarm
    assert told.replace('{{"{{"}}', "\1").count("{{") == 0
    assert told.replace('{{"{{"}}', "{{") == value, "and it prints what was there"


@pytest.mark.skipif(shutil.which("go") is None, reason="go, whose templates Swarm uses, is not installed here")
def test_gos_templates_print_what_the_file_says(tmp_path):
    values = ["Hi {{name}}", "{{{a}}}", "{{{{{", "}}{{", "{{/* no */}}", "{{- x -}} "]
    program = tmp_path / "main.go"
    program.write_text(
        'package main\nimport ("os";"text/template")\nfunc main() {\n for _, v := range os.Args[1:] {\n'
        '  template.Must(template.New("").Parse(v)).Execute(os.Stdout, nil); os.Stdout.WriteString("\\n") } }\n'
    )
    told = [EnvValue.model_validate(value).in_swarm for value in values]
    out = subprocess.run(["go", "run", str(program), *told], capture_output=True, text=True, check=True).stdout
    assert out.splitlines() == values
