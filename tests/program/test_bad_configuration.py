"""A mistake in the configuration ends as our sentence, not as a traceback."""

from __future__ import annotations

import json
import shutil

import pulumi
import pytest

from colorway.config import pulumi_config, stack_files
from colorway.render.nginx import generation
from colorway.spec.base import to_kebab
from colorway.spec.stack import PUBLISHED_PASSPHRASE, StackSettings
from tests.program.stacks import STACKS, config_of, run_stack
from tests.support.recorder import run_program
from tests.support.specs import ROOT


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"colorway:traffic": {"blue": 90, "green": 20, "active": "blue"}},
            "blue and green sum to 110; they must sum to 100",
        ),
        ({"colorway:versions": {"blue": 1.1, "green": None}}, "quote it"),
        ({"colorway:versions": {"blue": "9.9.9", "green": None}}, "releases/demo/"),
        ({"colorway:platform": "dmo"}, "platforms/"),
        ({"colorway:domains": {"main": "no domain"}}, "for example example.com"),
        ({"colorway:overrides": {"services": {"web": {"replicsa": 3}}}}, "did you mean replicas?"),
        ({"colorway:environment": "production"}, "secrets are missing: database-password"),
        ({"colorway:environment": "prod"}, "must be local, lab, staging or production"),
        ({"colorway:hosts": "[not json"}, "must be a list"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_value_is_named_with_its_place_and_its_cure(changes, sentence):
    with pytest.raises(pulumi.RunError) as caught:
        run_stack("local", changes=changes)
    said = str(caught.value)
    assert sentence in said, "what would be right"
    assert said.startswith("Pulumi.local.yaml:"), "where it is"
    assert "Traceback" not in said
    assert caught.value.__cause__ is None, "the engine prints causes as tracebacks"


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_plain_pulumi_may_preview_under_the_published_passphrase_and_never_apply(stack, monkeypatch):
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", PUBLISHED_PASSPHRASE)
    run_stack(stack, preview=True)
    with pytest.raises(pulumi.RunError, match="published passphrase, which may be previewed only"):
        run_stack(stack)


def test_the_line_in_the_file_is_named():
    with pytest.raises(pulumi.RunError) as caught:
        run_stack("local", changes={"colorway:platform": "dmo"})
    lines = (ROOT / "Pulumi.local.yaml").read_text(encoding="utf-8").splitlines()
    number = next(n for n, line in enumerate(lines, start=1) if "colorway:platform" in line)
    assert str(caught.value).startswith(f"Pulumi.local.yaml:{number}: colorway:platform: "), str(caught.value)


def test_a_value_is_never_repeated():
    with pytest.raises(pulumi.RunError) as caught:
        run_stack("local", changes={"colorway:domains": {"main": "hunter2 in the wrong place"}})
    assert "hunter2" not in str(caught.value), "a misplaced secret must not come back in a message"


def copied(folder, text):
    for name in ("platforms", "releases", "images"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "Pulumi.local.yaml").write_text(text, encoding="utf-8")


def spec_from(folder):
    found = []
    config = {"colorway:platform": "demo"}
    run_program(lambda: found.append(pulumi_config.from_pulumi(root=folder)), stack="local", config=config)
    return found[0]


def test_a_misspelt_key_is_found_in_the_file_because_the_engine_cannot_list_keys(tmp_path):
    text = (ROOT / "Pulumi.local.yaml").read_text(encoding="utf-8")
    copied(tmp_path, text + "  colorway:trafic: {blue: 100, green: 0, active: blue}\n")
    with pytest.raises(stack_files.ConfigError, match=r"colorway:trafic: is no known key; did you mean traffic\?"):
        spec_from(tmp_path)


def test_a_file_that_is_no_yaml_is_one_sentence(tmp_path):
    copied(tmp_path, "config: {unclosed\n")
    with pytest.raises(stack_files.ConfigError, match=r"^Pulumi\.local\.yaml:\d+: [^\n]+$"):
        spec_from(tmp_path)


@pytest.mark.parametrize("stack", STACKS)
def test_the_program_reads_exactly_what_the_release_tool_reads(stack):
    found = []
    # The engine hands mappings on as JSON, their keys in alphabetical order.
    config = {
        key: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        for key, value in config_of(stack).items()
    }
    run_program(lambda: found.append(pulumi_config.from_pulumi(root=ROOT)), stack=stack, config=config)
    ours = stack_files.from_file(root=ROOT, stack=stack)
    assert found == [ours], "two readers, one truth"
    assert repr(found[0]) == repr(ours), "in one order, too, or what is made of it differs"
    assert generation(found[0]).digest == generation(ours).digest, "or no release ever finds what it expects"


def test_a_whole_number_is_one_although_the_engine_makes_it_text(tmp_path):
    numbers = [to_kebab(name) for name, field in StackSettings.model_fields.items() if field.annotation is int]
    assert numbers == ["certificates"], "or another key's line belongs below"
    copied(tmp_path, (ROOT / "Pulumi.local.yaml").read_text(encoding="utf-8") + "  colorway:certificates: 2\n")
    config = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config_of("local").items()}
    config["colorway:certificates"] = "2"
    found = []
    run_program(lambda: found.append(pulumi_config.from_pulumi(root=tmp_path)), stack="local", config=config)
    assert found[0].settings == stack_files.from_file(root=tmp_path, stack="local").settings
    assert found[0].settings.certificates == 2


def test_what_the_pulumi_cli_writes_back_is_what_it_read(tmp_path):
    text = (ROOT / "Pulumi.local.yaml").read_text(encoding="utf-8")
    file = tmp_path / "Pulumi.local.yaml"
    copied(tmp_path, text + "  colorway:certificates: 2\n  colorway:architecture: null\n")
    before = stack_files.from_file(root=tmp_path, stack="local").settings
    # As `pulumi config set` of any other key leaves them: it knows text, mappings and lists.
    file.write_text(text + '  colorway:certificates: "2"\n  colorway:architecture: ""\n', encoding="utf-8")
    assert stack_files.from_file(root=tmp_path, stack="local").settings == before
    assert (before.certificates, before.architecture) == (2, None)


def test_a_number_that_is_none_is_refused_in_quotes_too(tmp_path):
    text = (ROOT / "Pulumi.local.yaml").read_text(encoding="utf-8")
    copied(tmp_path, text + '  colorway:certificates: "two"\n')
    with pytest.raises(stack_files.ConfigError, match="colorway:certificates: must be a whole number"):
        stack_files.from_file(root=tmp_path, stack="local")
