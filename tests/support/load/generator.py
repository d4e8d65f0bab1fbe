"""The generator's process: its task and one-byte commands come on standard input; it ends with the input."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import uvloop
from typing_extensions import override

from tests.support.load import control
from tests.support.load.frames import read_frame, write_frame
from tests.support.load.recorder import Recorder
from tests.support.load.traffic import Traffic

if TYPE_CHECKING:
    from tests.support.load.plan import LoadPlan, Target

SNAPSHOT, STOP, STOP_NOW = b"s", b"q", b"Q"
STDIN, STDOUT = 0, 1


@dataclass(frozen=True, kw_only=True)
class Task:
    """What the test's process asks for."""

    target: Target
    plan: LoadPlan
    post_prefix: str


@dataclass(frozen=True, kw_only=True)
class Ready:
    """The answer to a task: the load runs."""

    started: float


class Commands(asyncio.Protocol):
    """Hands on each byte of standard input; its end is a command of its own (empty bytes)."""

    def __init__(self, queue: asyncio.Queue[bytes]) -> None:
        self._queue = queue

    @override
    def data_received(self, data: bytes) -> None:
        """Queue every command."""
        for number in data:
            self._queue.put_nowait(bytes([number]))

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """The test's process is gone."""
        del exc
        self._queue.put_nowait(b"")


def start_control() -> tuple[subprocess.Popen[bytes], int]:
    """Start the control target; returns its process and port."""
    process = subprocess.Popen(
        # As a file of its own, isolated: it needs none of the package's imports, and starts in half the time.
        [sys.executable, "-I", "-S", control.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None, "stdout is a pipe"
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("the control target did not start")
    return process, int(line)


def end_control(process: subprocess.Popen[bytes]) -> None:
    """End the control target by ending its input, and reap it."""
    assert process.stdin is not None, "stdin is a pipe"
    process.stdin.close()
    try:
        process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def run(task: Task, *, control_port: int | None) -> None:
    """Send the load and obey commands until told to stop, or until nobody is left to tell."""
    loop = asyncio.get_running_loop()
    commands: asyncio.Queue[bytes] = asyncio.Queue()
    await loop.connect_read_pipe(lambda: Commands(commands), cast("Any", os.fdopen(STDIN, "rb", buffering=0)))
    recorder = Recorder(post_prefix=task.post_prefix)
    traffic = Traffic(target=task.target, plan=task.plan, recorder=recorder, control_port=control_port)
    traffic.start()
    await loop.run_in_executor(None, write_frame, STDOUT, Ready(started=recorder.started))
    while command := await commands.get():
        if command in {STOP, STOP_NOW}:
            traffic.halt("stopped")
            draining = asyncio.ensure_future(traffic.drain(finish_download=command == STOP))
            ended = asyncio.ensure_future(commands.get())
            await asyncio.wait({draining, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not draining.done():
                return
        await loop.run_in_executor(None, write_frame, STDOUT, recorder.snapshot())
        if command in {STOP, STOP_NOW}:
            return


def main() -> None:
    """Run one load."""
    task = cast("Task", read_frame(STDIN))
    process, port = start_control() if task.plan.control else (None, None)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(task, control_port=port))
    finally:
        if process is not None:
            end_control(process)
