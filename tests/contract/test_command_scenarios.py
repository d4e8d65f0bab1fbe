"""The recorded command scenarios and the rest of what a local command does."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from offline_plugins.engine_log import Severity
from tests.contract.programs import COMMAND, command_program, recorded
from tests.contract.servicer import UNKNOWN, Difference, Failed, KeptLog, Servicer, secret

SCENARIOS = recorded("command-scenarios")["scenarios"]
REPLACE = "triggers[*]"


def engine_kinds(difference: Difference) -> Mapping[str, str]:
    """The kinds as the engine shows them: it replaces for triggers because the SDK asks for it."""
    return {
        path: kind if not path.startswith("triggers") or kind.endswith("replace") else f"{kind}-replace"
        for path, kind in difference.detailed.items()
    }


def test_the_scenarios_go_as_recorded(command: Servicer) -> None:
    resource: dict[str, Any] | None = None
    for scenario in SCENARIOS:
        where = scenario["scenario"]
        (declared,) = command_program(scenario["program"])
        for run in scenario["runs"]:
            inputs = command.checked(COMMAND, "run", declared.inputs, olds=resource and resource["inputs"])
            preview = run["op"] == "preview"
            event = next((item for item in run["events"] if item.get("diffs")), None)
            failure = None
            try:
                if resource is None:
                    resource_id, state = command.create(COMMAND, "run", inputs, preview=preview)
                    made = {"id": resource_id, "state": state, "inputs": inputs}
                else:
                    difference = command.diff(
                        COMMAND,
                        "run",
                        state=resource["state"],
                        news=inputs,
                        old_inputs=resource["inputs"],
                    )
                    expected = event or {"diffs": [], "detailed": {}}
                    assert difference.some == bool(event), where
                    assert difference.diffs == sorted(expected["diffs"]), f"{where}: what differs"
                    kinds = {path: diff["kind"] for path, diff in expected["detailed"].items()}
                    assert engine_kinds(difference) == kinds, f"{where}: how it differs"
                    made = changed(command, resource, inputs, kinds, preview=preview)
            except Failed as failed:
                failure = failed.text
            told = [item["text"] for item in run["events"] if item["step"] == "error"][:1]
            assert ([failure.rstrip("\n")] if failure else []) == told, f"{where}: the words of the failure"
            if not preview and failure is None:
                resource = made
        assert resource is not None
        kept = {name: resource["state"][name] for name in ("stdout", "stderr")}
        assert kept == scenario["state"]["resources"]["run"], f"{where}: what state keeps"


def changed(
    command: Servicer,
    resource: Mapping[str, Any],
    inputs: Mapping[str, Any],
    kinds: Mapping[str, str],
    *,
    preview: bool,
) -> dict[str, Any]:
    """The resource after what the engine does for these differences."""
    if any(kind.endswith("replace") for kind in kinds.values()):
        resource_id, state = command.create(COMMAND, "run", inputs, preview=preview)
        if not preview:
            command.delete(COMMAND, "run", resource["id"], resource["state"])
        return {"id": resource_id, "state": state, "inputs": inputs}
    state = resource["state"]
    if kinds:
        state = command.update(COMMAND, "run", resource["id"], state=state, news=inputs, preview=preview)
    return {"id": resource["id"], "state": state, "inputs": inputs}


def made(command: Servicer, **inputs: Any) -> Any:
    return command.create(COMMAND, "run", command.checked(COMMAND, "run", inputs))[1]


def test_the_id_is_the_name_and_eight_digits(command: Servicer) -> None:
    resource_id, _ = command.create(COMMAND, "run", {"create": "true"})
    assert resource_id.startswith("run")
    assert len(resource_id) == len("run") + 8
    int(resource_id.removeprefix("run"), 16)


def test_a_preview_runs_nothing(command: Servicer, tmp_path: Path) -> None:
    witness = tmp_path / "ran"
    _, state = command.create(COMMAND, "run", {"create": f"touch {witness}"}, preview=True)
    assert (state["stdout"], state["stderr"]) == (UNKNOWN, UNKNOWN)
    assert not witness.exists()


@pytest.mark.parametrize(
    ("news", "printed"),
    [
        ({"create": "echo two"}, UNKNOWN),
        ({"create": "echo one", "stdin": UNKNOWN}, UNKNOWN),
        ({}, UNKNOWN),
        ({"create": "echo one", "delete": "true"}, "one"),
    ],
    ids=["another script", "an unknown input", "a script less", "an input more"],
)
def test_a_preview_knows_what_an_update_will_still_print(
    news: Mapping[str, Any],
    printed: str,
    command: Servicer,
) -> None:
    state = {"create": "echo one", "stdout": "one", "stderr": ""}
    assert command.update(COMMAND, "run", "id", state=state, news=news, preview=True)["stdout"] == printed


def test_only_the_last_line_end_is_taken_off(command: Servicer) -> None:
    assert made(command, create="echo; echo a; echo")["stdout"] == "\na\n"


def test_the_last_output_is_in_the_environment_of_the_next_run(command: Servicer) -> None:
    state = made(command, create="echo out; echo err >&2")
    shown = "echo $PULUMI_COMMAND_STDOUT $PULUMI_COMMAND_STDERR"
    after = command.update(COMMAND, "run", "id", state=state, news={"create": shown})
    assert after["stdout"] == "out err"
    without = {"create": shown, "addPreviousOutputInEnv": False}
    assert command.update(COMMAND, "run", "id", state=state, news=without)["stdout"] == ""


def test_an_update_without_a_command_keeps_the_outputs(command: Servicer) -> None:
    state = made(command, create="echo out")
    assert command.update(COMMAND, "run", "id", state=state, news={}) == {"stdout": "out", "stderr": ""}


def test_delete_runs_the_old_command_with_the_old_outputs(command: Servicer, tmp_path: Path) -> None:
    witness = tmp_path / "deleted"
    state = made(command, create="echo out", delete=f"echo $PULUMI_COMMAND_STDOUT > {witness}")
    command.delete(COMMAND, "run", "id", state)
    assert witness.read_text() == "out\n"


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"create": "echo o; sleep 0.1; echo e >&2; exit 3"}, 'exit status 3: running "{create}":\no\ne\n'),
        ({"create": "kill -9 $$"}, 'signal: killed: running "{create}":\n'),
        ({"create": "kill -TERM $$"}, 'signal: terminated: running "{create}":\n'),
        ({"create": "x", "dir": "/nowhere"}, 'chdir /nowhere: no such file or directory: running "x":\n'),
        (
            {"create": "x", "interpreter": ["/nowhere"]},
            'fork/exec /nowhere: no such file or directory: running "x":\n',
        ),
        (
            {"create": "x", "interpreter": ["nowhere"]},
            'exec: "nowhere": executable file not found in $PATH: running "x":\n',
        ),
        (
            {"create": "printf 'a\\nb\"\t\x01é'; exit 1"},
            'exit status 1: running "printf \'a\\\\nb\\"\\t\\x01é\'; exit 1":\na\nb"\t\x01é',
        ),
    ],
)
def test_a_failure_is_told_in_the_words_of_the_official_plugin(
    inputs: Mapping[str, Any],
    text: str,
    command: Servicer,
) -> None:
    with pytest.raises(Failed) as failure:
        made(command, **inputs)
    assert failure.value.text == text.replace("{create}", inputs["create"])
    assert failure.value.left is None, "a command that failed leaves nothing new in state"


def test_stdin_environment_interpreter_and_directory_reach_the_program(command: Servicer, tmp_path: Path) -> None:
    state = made(
        command,
        create="pwd; echo $K; cat",
        stdin="in",
        environment={"K": "v"},
        dir=str(tmp_path),
        interpreter=["/bin/sh", "-euc"],
    )
    assert state["stdout"] == f"{tmp_path}\nv\nin"


def test_without_stdin_a_reader_sees_the_end_at_once(command: Servicer) -> None:
    assert made(command, create="cat; echo done")["stdout"] == "done"


def test_a_program_that_does_not_read_its_input_is_fine(command: Servicer) -> None:
    assert made(command, create="true", stdin="x" * 1_000_000)["stdout"] == ""


def test_what_is_printed_is_shown_while_it_runs(command: Servicer, log: KeptLog) -> None:
    made(command, create="echo out; echo err >&2")
    assert sorted(log.lines) == [(Severity.INFO, "err", True), (Severity.INFO, "out", True)]


def test_secrets_stay_secret_in_state_and_text(command: Servicer) -> None:
    inputs = command.checked(COMMAND, "run", {"create": secret("exit 3"), "stdin": secret("hunter2")})
    assert inputs["create"] == secret("exit 3")
    with pytest.raises(Failed) as failure:
        command.create(COMMAND, "run", inputs)
    assert failure.value.text == 'exit status 3: running "[secret]":\n'
    state = made(command, create="true", stdin=secret("hunter2"))
    assert state["stdin"] == secret("hunter2")


@pytest.mark.parametrize(
    ("old", "new", "detailed", "replaces"),
    [
        ({}, {"triggers": []}, {"triggers": "add-replace"}, ["triggers"]),
        ({"triggers": [1]}, {}, {"triggers": "delete-replace"}, ["triggers"]),
        ({"triggers": [1, 2]}, {"triggers": [1, 3]}, {"triggers[1]": "update"}, []),
        ({"triggers": [{"a": [1]}]}, {"triggers": [{"a": [2]}]}, {"triggers[0].a[0]": "update"}, []),
        ({"environment": {"a.b": "1"}}, {"environment": {"a.b": "2"}}, {'environment["a.b"]': "update"}, []),
        ({"environment": {"A": "1"}}, {"environment": {}}, {"environment.A": "delete"}, []),
        ({"stdin": secret("a")}, {"stdin": "a"}, {"stdin": "update"}, []),
        ({"stdin": "a"}, {"stdin": UNKNOWN}, {"stdin": "update"}, []),
        ({"update": "a"}, {"update": None}, {"update": "delete"}, []),
    ],
)
def test_differences_are_those_of_the_inputs(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    detailed: Mapping[str, str],
    replaces: list[str],
    command: Servicer,
) -> None:
    base = {"create": "x"}
    difference = command.diff(
        COMMAND,
        "run",
        state={**base, **old, "stdout": "", "stderr": ""},
        news={**base, **new},
        old_inputs={**base, **old},
    )
    assert (difference.detailed, difference.replaces) == (detailed, replaces)


def test_ignored_changes_are_ignored(command: Servicer) -> None:
    state = {"create": "x", "stdin": "a", "stdout": "", "stderr": ""}
    difference = command.diff(
        COMMAND,
        "run",
        state=state,
        news={"create": "x", "stdin": "b"},
        old_inputs={"create": "x", "stdin": "a"},
        ignoring=["stdin"],
    )
    assert not difference.some


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"assetPaths": ["*"]}, "assetPaths: the offline command plugin takes no such field; leave it out"),
        ({"craete": "x"}, "craete: the offline command plugin takes no such field; leave it out"),
        ({"create": 5}, "create: must be text"),
        ({"environment": {"A": 1}}, "environment: must be texts by name"),
        ({"interpreter": "sh"}, "interpreter: must be a list of texts"),
        ({"triggers": "x"}, "triggers: must be a list"),
        ({"logging": "none"}, "logging: the offline command plugin takes no such field; leave it out"),
        ({"addPreviousOutputInEnv": "no"}, "addPreviousOutputInEnv: must be true or false"),
    ],
)
def test_a_wrong_input_is_refused_in_one_sentence(
    inputs: Mapping[str, Any],
    sentence: str,
    command: Servicer,
) -> None:
    _, failures = command.check(COMMAND, "run", inputs)
    assert list(failures.values()) == [sentence]


def test_cancel_kills_the_program(command: Servicer, tmp_path: Path) -> None:
    started, failed = tmp_path / "started", []

    def create() -> None:
        with pytest.raises(Failed) as failure:
            made(command, create=f"touch {started}; exec sleep 60")
        failed.append(failure.value.text)

    thread = threading.Thread(target=create)
    thread.start()
    while not started.exists():
        thread.join(0.01)
    command.provider.Cancel(None, None)
    thread.join(10)
    assert failed[0].startswith("signal: killed: running "), "within moments, not after a minute"


def test_commands_run_side_by_side(command: Servicer, tmp_path: Path) -> None:
    # Each waits for the other's file, so that one after the other would never end.
    meet = "touch {mine}; while ! test -e {other}; do sleep 0.01; done"
    one, two = tmp_path / "one", tmp_path / "two"
    threads = [
        threading.Thread(target=made, args=(command,), kwargs={"create": meet.format(mine=mine, other=other)})
        for mine, other in ((one, two), (two, one))
    ]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads), f"still waiting after {time.monotonic() - began:.0f} s"
