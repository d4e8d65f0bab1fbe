"""Objects over a pipe between the test's process and the generator's: a length, then a pickle."""

from __future__ import annotations

import os
import pickle
import select
import struct
import time

LENGTH = struct.Struct(">Q")


class PipeClosedError(Exception):
    """The other end is gone."""


def write_frame(fd: int, message: object) -> None:
    """Write one object; blocks until the reader took it."""
    body = pickle.dumps(message)
    view = memoryview(LENGTH.pack(len(body)) + body)
    while view:
        view = view[os.write(fd, view) :]


def read_frame(fd: int, *, timeout: float | None = None) -> object:
    """Read one object.

    Args:
        fd: The pipe's reading end.
        timeout: Seconds for the whole frame; None waits as long as the writer lives.

    Raises:
        PipeClosedError: The writer ended first.
        TimeoutError: No whole frame in time.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    (length,) = LENGTH.unpack(_read_exactly(fd, LENGTH.size, deadline=deadline))
    return pickle.loads(_read_exactly(fd, length, deadline=deadline))


def _read_exactly(fd: int, size: int, *, deadline: float | None) -> bytes:
    data = bytearray()
    while len(data) < size:
        if deadline is not None:
            # Not select(), which knows no more than 1,024 files of a process.
            poller = select.poll()
            poller.register(fd, select.POLLIN)
            if not poller.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise TimeoutError
        piece = os.read(fd, min(size - len(data), 1 << 20))
        if not piece:
            raise PipeClosedError
        data += piece
    return bytes(data)
