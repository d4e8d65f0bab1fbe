"""What the API answers: one envelope for results and mistakes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

REFUSED_TOKEN = "Invalid API Token"


class RefusedError(Exception):
    """A request that is not granted, in the API's own words."""

    def __init__(self, status: int, code: int, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, dict(headers or {})


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request, read."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    """What the JSON says; None where there is none."""

    def named(self, key: str) -> Any:
        """Return what the body says of a key, which must be there."""
        if not isinstance(self.body, Mapping) or key not in self.body:
            raise RefusedError(400, 10001, f"Invalid request body: {key} is required")
        return self.body[key]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is answered."""

    result: Any = None
    info: Mapping[str, int] | None = None
    status: int = 200
    errors: Sequence[Mapping[str, Any]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def refused(cls, error: RefusedError) -> Answer:
        """Return the answer to what is not granted."""
        return cls(status=error.status, headers=error.headers, errors=[{"code": error.code, "message": error.message}])

    @property
    def text(self) -> bytes:
        """The body."""
        said = {"success": not self.errors, "errors": list(self.errors), "messages": [], "result": self.result}
        if self.info is not None:
            said["result_info"] = dict(self.info)
        return json.dumps(said).encode()


def page_of(items: Sequence[Any], asked: Asked, *, usual: int, most: int) -> Answer:
    """Return the page of a list that `page` and `per_page` name; a page past the end is empty."""
    page, size = (int(asked.query.get(key, default)) for key, default in (("page", 1), ("per_page", usual)))
    if page < 1 or not 1 <= size <= most:
        raise RefusedError(400, 1004, "page and per_page are out of range")
    part = list(items[(page - 1) * size : page * size])
    info = {
        "page": page,
        "per_page": size,
        "count": len(part),
        "total_count": len(items),
        "total_pages": -(-len(items) // size),
    }
    return Answer(result=part, info=info)


def now() -> str:
    """Return the time as the API writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
