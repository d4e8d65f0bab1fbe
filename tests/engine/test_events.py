"""The engine's events as lines for people and as facts for the end."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from pulumi.automation.events import (
    DiagnosticEvent,
    EngineEvent,
    OpType,
    ResOpFailedEvent,
    ResourcePreEvent,
    ResOutputsEvent,
    StepEventMetadata,
    StepEventStateMetadata,
)

from colorway.engine.events import Change, EventLog, short_name

SERVICE_TYPE = "docker:index/service:Service"
COMMAND_TYPE = "command:local:Command"


def urn(name, kind=SERVICE_TYPE):
    return f"urn:pulumi:test::colorway::colorway:web:WebTier${kind}::{name}"


def state(kind, where, inputs):
    return StepEventStateMetadata(type=kind, urn=where, id="", parent="", provider="", inputs=inputs)


def metadata(op, name="web-blue-service", kind=SERVICE_TYPE, *, diffs=None, old=None, new=None):
    where = urn(name, kind)
    return StepEventMetadata(
        op=op,
        urn=where,
        type=kind,
        provider="",
        diffs=diffs,
        old=None if old is None else state(kind, where, old),
        new=None if new is None else state(kind, where, new),
    )


def event(**given):
    return EngineEvent(sequence=1, timestamp=0, **given)


@pytest.fixture
def said():
    return []


@pytest.fixture
def log(said):
    return EventLog(say=said.append)


def begin(log, *args, **given):
    log(event(resource_pre_event=ResourcePreEvent(metadata=metadata(*args, **given))))


def end(log, *args, **given):
    log(event(res_outputs_event=ResOutputsEvent(metadata=metadata(*args, **given))))


def diagnose(log, message, severity="error", where=None):
    log(event(diagnostic_event=DiagnosticEvent(message=message, color="", severity=severity, urn=where)))


@pytest.mark.parametrize(
    ("op", "sign"), [(OpType.CREATE, "+"), (OpType.UPDATE, "~"), (OpType.DELETE, "-"), (OpType.CREATE_REPLACEMENT, "±")]
)
def test_a_finished_operation_is_one_line_with_its_time(log, said, op, sign):
    begin(log, op)
    end(log, op)
    assert len(said) == 1
    assert re.fullmatch(rf"  {re.escape(sign)} web-blue \(\d+\.\d s\)", said[0]), said


@pytest.mark.parametrize("op", [OpType.SAME, OpType.REPLACE])
def test_what_is_no_news_is_not_said(log, said, op):
    begin(log, op)
    end(log, op)
    assert said == [], "unchanged resources, and the summary of a replacement that is said by its steps"


@pytest.mark.parametrize("kind", ["colorway:web:WebTier", "pulumi:providers:docker", "pulumi:pulumi:Stack"])
def test_components_and_providers_are_not_said_or_counted(log, said, kind):
    begin(log, OpType.CREATE, "web-blue", kind)
    end(log, OpType.CREATE, "web-blue", kind)
    assert (said, log.changes) == ([], []), "they are nothing in the swarm"


def test_changes_are_counted_with_the_inputs_that_differ(log):
    begin(log, OpType.UPDATE, diffs=["taskSpec", "labels"])
    begin(log, OpType.DELETE, "web-green-service")
    begin(log, OpType.SAME, "api-blue-service")
    assert [(change.op, change.name, change.keys) for change in log.changes] == [
        ("update", "web-blue", ("labels", "taskSpec")),
        ("delete", "web-green", ()),
    ]


def test_a_replacement_counts_once(log):
    for op in (OpType.CREATE_REPLACEMENT, OpType.REPLACE, OpType.DELETE_REPLACED):
        begin(log, op)
    assert [change.op for change in log.changes] == ["replace"]


def test_the_text_of_a_script_before_and_after_is_kept_for_the_diff(log):
    begin(log, OpType.UPDATE, "routing-apply-lb1-run", COMMAND_TYPE, old={"stdin": "a\n"}, new={"stdin": "b\n"})
    assert log.changes == [
        Change(op="update", urn=urn("routing-apply-lb1-run", COMMAND_TYPE), old_text="a\n", new_text="b\n")
    ]


@pytest.mark.parametrize("inputs", [{}, {"stdin": None}, {"stdin": {"secret": 1}}])
def test_a_script_without_plain_text_has_no_diff(log, inputs):
    begin(log, OpType.CREATE, "hosts-labels-run", COMMAND_TYPE, new=inputs)
    assert (log.changes[0].old_text, log.changes[0].new_text) == ("", "")


def test_a_failed_operation_is_said_at_once(log, said):
    begin(log, OpType.CREATE)
    log(event(res_op_failed_event=ResOpFailedEvent(metadata=metadata(OpType.CREATE), status=1, steps=1)))
    assert re.fullmatch(r"  ! web-blue failed \(\d+\.\d s\)", said[0]), "before the long end of the run"


def test_errors_are_kept_once_and_clean(log, said):
    for _ in range(2):
        diagnose(log, "<{%fg 1%}>creating urn:x: no such image\n<{%reset%}>", where=urn("web-blue-service"))
    assert log.errors == ["web-blue: creating urn:x: no such image"], "the engine says everything twice, and in color"
    assert said == [], "errors are told at the end, with their reasons"


@pytest.mark.parametrize(
    "message",
    ["update failed", "preview failed", "Resource monitor has terminated, shutting down", "", "  \n"],
)
def test_words_without_content_are_left_out(log, message):
    diagnose(log, message)
    assert log.errors == []


@pytest.mark.parametrize(
    "message",
    [
        "service test-web-blue: update failed: no suitable node",
        "the last update failed and was rolled back",
    ],
)
def test_the_reason_of_a_failure_is_never_left_out(log, message):
    diagnose(log, message)
    assert log.errors == [message], "a user would only read that nothing was rolled back"


def test_what_the_docker_plugin_says_twice_is_told_once_without_its_preface(log):
    error = "Service with ID (abc) did not converge after 3m4s"
    diagnose(log, f"  sdk-v2/provider2.go:571: sdk.helper_schema: {error}: provider=docker@5.2.0", where=urn("web"))
    diagnose(log, f"1 error occurred:\n\t* {error}\n\n", where=urn("web"))
    assert log.errors == [f"web: {error}"], "where in the plugin's source it was said helps nobody"


def test_what_is_waited_for_before_a_change_is_told_in_its_own_words(log):
    diagnose(
        log, 'before hook "postgres-db1-makes-way" failed: postgres: nobody else has all', where=urn("postgres-db1")
    )
    assert log.errors == ["postgres-db1: postgres: nobody follows"]


def test_a_failed_delete_keeps_the_words_that_recovery_looks_for(log):
    message = "deleting urn:x: 1 error occurred:\n\t* context deadline exceeded"
    diagnose(log, message)
    assert log.errors == [message]


def test_a_programs_own_sentence_is_told_once(log):
    diagnose(log, "Pulumi.x.yaml: secrets are missing")
    diagnose(log, "an unhandled error occurred: Pulumi.x.yaml: secrets are missing")
    assert log.errors == ["Pulumi.x.yaml: secrets are missing"], "the SDK repeats it with a preface of its own"


def test_a_failed_script_is_told_by_what_it_printed(log):
    diagnose(log, 'exit status 1: running "/bin/sh -euc \'a\\nlong \\"script\\"\' colorway x":\nlb1 has 2 containers\n')
    assert log.errors == ["lb1 has 2 containers"], "forty lines of shell hide the one that helps"


def test_a_script_that_failed_over_ssh_is_told_in_the_same_way(log):
    diagnose(log, 'Process exited with status 1: running "run":\nlb2 has 0 containers\n')
    assert log.errors == ["lb2 has 0 containers"], "the plugin's words differ there"


def test_what_a_failed_script_printed_stays_whole(log):
    diagnose(log, 'exit status 1: running "run":\nfirst\nsays ":\nlast\n')
    assert log.errors == ['first\nsays ":\nlast'], "only the command is left out"


def test_a_script_that_printed_nothing_is_told_by_its_exit(log):
    diagnose(log, 'exit status 7: running "run":\n')
    assert log.errors == ['exit status 7: running "run":'], "better than an empty line"


def test_what_a_script_prints_is_passed_on_and_plugins_are_not(log, said):
    diagnose(log, "generation abc is live\n", "info", urn("routing-apply-lb1-run"))
    diagnose(log, "warning: using pulumi-resource-docker from $PATH", "warning")
    diagnose(log, "resource plugin command is expected to have version", "warning")
    diagnose(log, "noise", "debug")
    assert said == ["    generation abc is live"]


def test_events_of_many_threads_are_all_kept(log):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: begin(log, OpType.CREATE, f"s{n}-service"), range(200)))
    assert len({change.urn for change in log.changes}) == 200


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("web-blue-service", "web-blue"),
        ("routing-apply-lb1-run", "routing-apply-lb1"),
        ("net-blue", "net-blue"),
        ("secret-x", "secret-x"),
    ],
)
def test_a_person_reads_the_components_name(name, short):
    assert short_name(urn(name)) == short
