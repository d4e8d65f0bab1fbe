"""Where a stack's state is read: in its file, or with the CLI."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pulumi import automation as auto

from colorway.engine.stack import read_state, stack_of
from tests.support.specs import ROOT

DATA = Path(__file__).parent / "data"


@pytest.fixture
def cli(tmp_path):
    """A CLI that writes its arguments down, and exports what `said` holds, or knows no stack."""
    made = tmp_path / "pulumi"
    made.write_text(f"""#!/bin/sh
echo "$@" >> {tmp_path}/asked
case "$*" in *export*) cat {tmp_path}/said 2>/dev/null || {{ echo "error: no stack named" >&2; exit 1; }} ;; esac
""")
    made.chmod(0o755)
    return made


def asked(cli):
    found = cli.with_name("asked")
    return found.read_text().splitlines() if found.exists() else []


def stack(cli, backend):
    return stack_of(root=ROOT, name="local", pulumi=cli, environment={"PULUMI_BACKEND_URL": backend})


def test_a_state_file_is_read_without_the_cli(tmp_path, cli):
    folder = tmp_path / ".pulumi" / "stacks" / "colorway"
    folder.mkdir(parents=True)
    shutil.copy(DATA / "checkpoint.json", folder / "local.json")
    deployed = read_state(stack(cli, tmp_path.as_uri()))
    assert deployed.outputs is not None
    assert asked(cli) == [], "a process of the CLI costs most of a second"


def test_another_backend_is_asked_through_the_cli_and_decrypts_nothing(cli):
    shutil.copy(DATA / "export.json", cli.with_name("said"))
    deployed = read_state(stack(cli, "s3://bucket"))
    assert deployed.outputs is not None
    (export,) = asked(cli)
    assert "stack export --stack local" in export
    assert "--show-secrets" not in export, "deriving the key costs half a second, and nobody reads a secret here"


def test_a_stack_that_is_not_there_is_created_only_when_told(tmp_path, cli):
    assert read_state(stack(cli, tmp_path.as_uri()), create=False).is_empty
    assert asked(cli) == [], "`status` makes nothing, and a folder tells without the CLI what is not there"
    assert read_state(stack(cli, tmp_path.as_uri())).is_empty
    (created,) = asked(cli)
    assert "stack init local" in created


def test_another_backend_is_asked_whether_a_stack_is_there(cli):
    assert read_state(stack(cli, "s3://bucket")).is_empty
    export, created = asked(cli)
    assert "stack export --stack local" in export
    assert "stack init local" in created


def test_an_export_of_nothing_is_an_empty_stack(cli):
    cli.with_name("said").write_text('{"version": 3}')
    assert stack(cli, "s3://bucket").export_stack().deployment is None
    assert read_state(stack(cli, "s3://bucket")).is_empty


def test_only_a_preview_keeps_no_state_on_the_way(tmp_path, cli):
    cli.write_text(f'#!/bin/sh\necho "$* ${{PULUMI_SKIP_CHECKPOINTS-unset}}" >> {tmp_path}/asked\nexit 1\n')
    one = stack(cli, tmp_path.as_uri())
    for operation in (one.preview, one.up):
        with pytest.raises(auto.CommandError):
            operation()
    previewed, applied = asked(cli)
    assert previewed.endswith(" true"), "its state is thrown away, and is put together anew after every resource"
    assert applied.endswith(" unset"), "what a killed `up` made must be in the state"
