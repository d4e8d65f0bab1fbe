"""Many services cost many times one service, and not more: counts, and a ratio of times."""

from __future__ import annotations

import asyncio
import textwrap
import threading
import time
from collections.abc import Iterable
from typing import Any

import pytest
from pulumi.runtime import run_in_stack
from pulumi.runtime.proto import engine_pb2
from pulumi.runtime.settings import ROOT, Settings, configure, reset_options

from colorway.engine.stack import run_program
from tests.program.stacks import run_spec
from tests.support.recorder import PROJECT, RecordingMonitor
from tests.support.scale import scale_spec

FEW, MANY = 50, 200


@pytest.fixture(scope="module")
def recorded():
    """What a platform of few services registers, and one of many, with the seconds of processor that each took."""
    found = []
    for services in (FEW, MANY):
        spec = scale_spec(services)
        began = time.process_time()
        found.append((run_spec(spec), time.process_time() - began))
    return found


def test_a_service_more_is_two_registrations_more(recorded):
    (few, _), (many, _) = recorded
    each = (len(many.resources) - len(few.resources)) / (MANY - FEW)
    assert each == 2, "the component and its Swarm service; the engine answers each before the next can depend on it"


def test_a_service_more_is_as_many_dependencies_more_whatever_their_number(recorded):
    (few, _), (many, _) = recorded

    def dependencies(recording):
        return sum(len(one.depends_on) for one in recording.resources)

    each = (dependencies(many) - dependencies(few)) / (MANY - FEW)
    # Its networks and secrets, and each step of routing that waits for it.
    assert each <= 12, "a component that others depend on stands for all its children: that grows with the square"


def test_the_program_takes_no_more_than_its_share_of_time_for_each_service(recorded):
    (_, few), (_, many) = recorded
    # Four times the services: at most four times as long if each costs the same, sixteen times with the square.
    assert many <= 8 * few, f"{FEW} services took {few:.1f} s and {MANY} took {many:.1f} s"


class _Engine:
    """An engine's log that keeps what it is sent."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def Log(self, request: engine_pb2.LogRequest) -> None:  # noqa: N802 - gRPC's name
        self.said.append(request.message)


class _OneByOne(RecordingMonitor):
    """Answers as an engine does: one registration after the other, each after a while."""

    def __init__(self) -> None:
        super().__init__(preview=False)
        self._busy = threading.Lock()

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - gRPC's name
        with self._busy:
            time.sleep(0.001)
            return super().RegisterResource(request)


def run_inline(folder, program: str, *, engine: _Engine) -> None:
    """Run a project's program as the Automation API does it."""
    (folder / "__main__.py").write_text(textwrap.dedent(program))
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    ROOT.set(None)
    configure(Settings(project=PROJECT, stack="test", monitor=_OneByOne(), engine=engine, dry_run=False))
    try:
        loop.run_until_complete(run_in_stack(lambda: run_program(folder)))
    finally:
        reset_options()
        loop.close()


def test_the_sdk_waits_for_each_output_a_few_times_and_not_for_all_of_them_whenever_one_is_there(tmp_path, monkeypatch):
    waits: list[int] = []
    original = asyncio.wait

    async def counted(futures: Iterable[asyncio.Future[object]], **options: str) -> object:
        those = list(futures)
        waits.append(len(those))
        return await original(those, **options)

    monkeypatch.setattr(asyncio, "wait", counted)
    program = """
        import pulumi

        def main():
            for number in range(200):
                pulumi.CustomResource("command:local:Command", f"one-{number}", {"create": "true", "stdout": None})
    """
    run_inline(tmp_path, program, engine=_Engine())
    assert sum(waits) <= 3 * 200, (
        f"{len(waits)} waits for {sum(waits)} outputs in all; give the event loop a turn before the program ends"
    )


def test_debug_messages_are_not_sent_and_all_others_are(tmp_path):
    engine = _Engine()
    program = """
        import pulumi

        def main():
            pulumi.CustomResource("command:local:Command", "one", {"create": "true"})
            for say in (pulumi.log.debug, pulumi.log.info, pulumi.log.warn, pulumi.log.error):
                say(say.__name__)
    """
    run_inline(tmp_path, program, engine=engine)
    assert [message for message in engine.said if message in {"debug", "info", "warn", "error"}] == [
        "info",
        "warn",
        "error",
    ]
    about = [message for message in engine.said if "name=one" in message or message.endswith("::one")]
    assert not about, "eleven for each service, each waited for, and nobody sees them"
