"""How the swarm learns that a task is well."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from pydantic import Field, model_validator

from colorway.spec.base import StrictSpec, refuse
from colorway.spec.fields import Duration, Label, PositiveDuration, UrlPath


class HealthSpec(StrictSpec):
    """How the swarm learns that a task is well."""

    path: UrlPath | None = None
    """Path that answers 200 while the process is well; asked inside the container with curl."""
    port: Label | None = None
    """Name of the port, from the service's `ports`, that the path is asked on; none = the service's own port."""
    command: tuple[str, ...] | None = None
    """Command instead of a path, in Docker's form: [CMD, …] or [CMD-SHELL, "…"]."""
    none: str | None = None
    """Why there is no check, not even the image's: then a task counts as well while its process runs."""
    interval: PositiveDuration = timedelta(seconds=5)
    """Time between two checks."""
    timeout: PositiveDuration = timedelta(seconds=3)
    """Longest time that a check may take."""
    retries: int = Field(default=3, ge=1, le=20, strict=True)
    """Failures in a row before the task counts as sick."""
    start_period: Duration = timedelta(seconds=30)
    """Time after the start in which failures do not count."""

    @model_validator(mode="after")
    def _one_way_to_check(self) -> HealthSpec:
        ways = [key for key in ("path", "command", "none") if getattr(self, key) is not None]
        if not ways:
            raise ValueError(
                "has neither a path nor a command; write for example path: /healthz, or none: and why there is no check"
            )
        if len(ways) > 1:
            raise ValueError(f"has a {ways[0]} and a {ways[1]}; leave one of them out")
        if self.none is not None and not self.none.strip():
            refuse([(("none",), "must say why there is no check, for example: the image has no shell and no port")])
        if self.port is not None and self.path is None:
            refuse([(("port",), "says where a path is asked, and there is none; leave it out")])
        if self.command is not None and not _is_docker_check(self.command):
            refuse(
                [
                    (
                        ("command",),
                        'must be [CMD, program, argument, …] or [CMD-SHELL, "one shell line"], as Docker has it',
                    )
                ]
            )
        return self

    def tests(self, port: int | None, *, ports: Mapping[str, int] | None = None) -> list[str]:
        """Return the check in Docker's form.

        Args:
            port: The service's own port.
            ports: Its other ports by name.
        """
        if self.none is not None:
            return ["NONE"]
        if self.command:
            return list(self.command)
        asked = port if self.port is None else (ports or {})[self.port]
        return ["CMD", "curl", "-fsS", "-o", "/dev/null", f"http://127.0.0.1:{asked}{self.path}"]


def _is_docker_check(command: tuple[str, ...]) -> bool:
    """Return whether Docker would take it; a second text after CMD-SHELL would be $0."""
    form, *rest = command or ("",)
    return len(rest) == 1 if form == "CMD-SHELL" else form == "CMD" and bool(rest)
