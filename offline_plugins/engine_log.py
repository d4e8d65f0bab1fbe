"""Lines that a plugin adds to the log of the running update."""

from __future__ import annotations

import contextlib
import enum
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulumi.runtime.proto import engine_pb2_grpc


class Severity(enum.IntEnum):
    """How loud a line is; the numbers are the engine's."""

    INFO = 1
    WARNING = 2
    ERROR = 3


class EngineLog:
    """Sends lines to the engine that started the plugin; without an engine they are dropped.

    The connection is made at the first line, because most operations write none.

    Args:
        address: of the engine, `host:port`; None where there is none.
    """

    def __init__(self, address: str | None) -> None:
        self._address = address
        self._engine: engine_pb2_grpc.EngineStub | None = None
        self._lock = threading.Lock()

    def write(self, message: str, *, urn: str, severity: Severity, passing: bool = False) -> None:
        """Show one message beside the resource.

        Args:
            message: the text; must not hold a secret.
            urn: the resource it belongs to.
            severity: how loud it is.
            passing: shown while the resource is worked on, not kept in the final output.
        """
        import grpc  # noqa: PLC0415 - loaded already by the server; keeps this module light for tests
        from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc  # noqa: PLC0415 - same

        with self._lock:
            if self._engine is None:
                if not self._address:
                    return
                self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(self._address))
            engine = self._engine
        request = engine_pb2.LogRequest(
            severity=getattr(engine_pb2, severity.name),
            message=message,
            urn=urn,
            ephemeral=passing,
        )
        # An engine that is gone must not turn a finished operation into a failed one.
        with contextlib.suppress(grpc.RpcError):
            engine.Log(request)
