"""The schemas that editors use are those of the models, and they know the repository's own files."""

from __future__ import annotations

import subprocess
import sys

import pytest

from colorway.config import schema
from colorway.config.documents import parse_document
from colorway.spec.base import StrictSpec, descriptions
from colorway.spec.platform_file import PlatformFile
from tests.spec.json_schema import violations
from tests.spec.project_files import FILES, KEY
from tests.support.specs import ROOT

OWN_FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("Pulumi.*.yaml", "platforms/*.yaml", "releases/*/*.yaml")
    for path in ROOT.glob(pattern)
)


def schema_of(name):
    kind = {"Pulumi": "stack", "platforms": "platform", "releases": "release"}[name.replace(".", "/").split("/")[0]]
    return schema.schemas()[f"{kind}.schema.json"]


def broken(name, text):
    document, problems = parse_document(text, name=name)
    assert problems == []
    wanted = schema_of(name)
    return sorted(violations(wanted, document.data, root=wanted))


@pytest.mark.parametrize("name", sorted(schema.schemas()))
def test_the_committed_schema_is_the_one_of_the_models(name):
    committed = (ROOT / "schema" / name).read_text(encoding="utf-8")
    assert committed == schema.schema_text(schema.schemas()[name]), "run `make schema` and commit it"


def test_nothing_else_lies_in_the_folder():
    assert {path.name for path in (ROOT / "schema").iterdir()} == set(schema.schemas())


def test_the_command_writes_the_committed_files():
    names = sorted(schema.schemas())
    before = {name: (ROOT / "schema" / name).read_bytes() for name in names}
    subprocess.run([sys.executable, "-m", "colorway.config.schema"], cwd=ROOT, check=True)
    assert {name: (ROOT / "schema" / name).read_bytes() for name in names} == before


@pytest.mark.parametrize("name", OWN_FILES)
def test_the_own_files_keep_to_the_schema(name):
    assert broken(name, (ROOT / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", sorted(FILES))
def test_files_that_the_models_accept_keep_to_the_schema(name):
    assert broken(name, FILES[name]) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("Pulumi.local.yaml", "colorway:traffic", "colorway:trafic", "config.colorway:trafic: additionalProperties"),
        ("Pulumi.local.yaml", "colorway:traffic", "colorway:trafic", "config: required"),
        ("Pulumi.local.yaml", "active: blue", "active: bleu", "config.colorway:traffic.active: enum"),
        ("Pulumi.local.yaml", 'blue: "1.0.0"', "blue: 1.10", "config.colorway:versions.blue: anyOf"),
        ("Pulumi.local.yaml", "{hot: 5m}", "{hot: 5}", "config.colorway:overrides.release.hot: type"),
        (
            "Pulumi.local.yaml",
            "{hot: 5m}",
            "{hott: 5m}",
            "config.colorway:overrides.release.hott: additionalProperties",
        ),
        ("Pulumi.local.yaml", "config:", "conf:", "conf: additionalProperties"),
        (
            "Pulumi.live.yaml",
            f"host-key: {KEY}",
            "host_key: x",
            "config.colorway:hosts.0.host_key: additionalProperties",
        ),
        ("Pulumi.live.yaml", "    secure: v1:AAAA:BBBB", "    hunter2", "config.secrets:database-password: type"),
        ("platforms/demo.yaml", "longest-request: 30s", "longest-request: 30", "services.web.longest-request: type"),
        (
            "platforms/demo.yaml",
            "longest-request: 30s",
            "longest-request: 30 s",
            "services.web.longest-request: pattern",
        ),
        ("platforms/demo.yaml", "192Mi", "192MB", "services.web.limits.memory: pattern"),
        ("platforms/demo.yaml", "LOG_LEVEL", "log-level", "services.web.env.log-level: additionalProperties"),
        ("platforms/demo.yaml", "port: 8000", "port: 80000", "services.web.port: anyOf"),
        (
            "platforms/demo.yaml",
            "start-period",
            "start_period",
            "services.web.health.start_period: additionalProperties",
        ),
        ("platforms/demo.yaml", "  web:\n", "  Web:\n", "services.Web: additionalProperties"),
        ("releases/demo/2.0.0.yaml", "id: 0002-orders", "id: orders", "migrations.1.id: pattern"),
        ("releases/demo/1.0.0.yaml", "flags", "flag", "flag: additionalProperties"),
    ],
)
def test_an_editor_marks_the_mistake(name, old, new, said):
    assert old in FILES[name], f"{name} has nothing to spoil"
    assert said in broken(name, FILES[name].replace(old, new, 1))


def test_the_overrides_may_leave_out_whatever_a_platform_needs():
    stack = schema.stack_schema()
    text = FILES["Pulumi.local.yaml"].replace(
        "{release: {hot: 5m}}", "{services: {web: {limits: {cpus: 2}}}, edge: {}}"
    )
    assert list(violations(stack, parse_document(text, name="x")[0].data, root=stack)) == []


def _models(model, seen):
    for field in model.model_fields.values():
        for part in _parts(field.annotation):
            if isinstance(part, type) and issubclass(part, StrictSpec) and part not in seen:
                seen.add(part)
                _models(part, seen)
    return seen


def _parts(annotation):
    yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _parts(argument)


def test_every_field_says_what_it_is():
    models = _models(PlatformFile, {PlatformFile})
    assert len(models) > 15, "the walk must reach the nested models"
    silent = [
        f"{one.__name__}.{name}" for one in models for name in one.model_fields if not descriptions(one).get(name)
    ]
    assert silent == [], "editors show the description, and errors about missing keys quote it"


def test_defaults_are_shown_as_they_are_written():
    text = (ROOT / "schema/platform.schema.json").read_text(encoding="utf-8")
    assert '"default": "1m"' in text, "60 s"
    assert '"PT' not in text, "ISO durations are not what the file takes"
    assert '"memory": "256Mi"' in text
