"""Failed operations, in the form in which the engine keeps what is left of the resource."""

from __future__ import annotations

from typing import NoReturn

import grpc
from google.protobuf import any_pb2
from pulumi.runtime.proto import provider_pb2, status_pb2

from colorway.lab.plugins.values import Properties, encode


def abort_with_state(
    context: grpc.ServicerContext,
    *,
    resource_id: str,
    outputs: Properties,
    reason: str,
) -> NoReturn:
    """Fail an update so that the engine keeps the outputs together with the reason.

    The resource stays in state with an initialization error, and the next update runs it again.
    """
    left = provider_pb2.ErrorResourceInitFailed(
        id=resource_id,
        properties=encode(outputs),
        reasons=[reason],
    )
    detail = any_pb2.Any()
    detail.Pack(left)
    code = grpc.StatusCode.UNKNOWN
    status = status_pb2.Status(code=code.value[0], message=reason, details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, reason)
