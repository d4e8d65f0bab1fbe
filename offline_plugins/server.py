"""Runs a provider as a plugin of the engine: a server on the loopback whose port is the first line of output."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from offline_plugins.engine_log import EngineLog

# Creates and deletes wait for minutes; the engine may have so many of them under way at once.
_THREADS: Final = 64
_LARGEST_MESSAGE: Final = 400 * 1024 * 1024
_LOOK_FOR_ENGINE_EVERY: Final = 0.5


def serve(make: Callable[[EngineLog], provider_pb2_grpc.ResourceProviderServicer]) -> None:
    """Serve until the engine stops the process or is gone itself.

    Args:
        make: makes the provider; it gets the log of the engine whose address is the first argument.
    """
    # The engine's way to say that it is done with a plugin: it interrupts it, and kills it ten seconds later. An
    # interrupt in the terminal never gets here: the plugin is in a process group of its own.
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    engine = os.getppid()
    address = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), None)
    limits = [("grpc.max_receive_message_length", _LARGEST_MESSAGE), ("grpc.max_send_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(max_workers=_THREADS), options=limits)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(make(EngineLog(address)), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    threading.Thread(target=_end_with, args=(engine,), daemon=True).start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()


def _end_with(engine: int) -> None:
    """End the process when the engine is no longer its parent, whatever is still running."""
    while os.getppid() == engine:
        time.sleep(_LOOK_FOR_ENGINE_EVERY)
    os._exit(0)
