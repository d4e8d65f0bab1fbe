"""How the swarm learns that a task is well."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from pydantic import Field, model_validator

from colorway.spec.base import StrictSpec, refuse
from colorway.spec.fields import Duration, Label, PositiveDuration, UrlPath, whole_seconds


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
    start_interval: PositiveDuration | None = None
    """Time between two checks within the start period; none = as always. A check is a process in the container, which
    costs a small host more than most of what is checked: so a task is soon found well, and later asked less often. The
    image needs a shell, for this is done by a check that waits first: engines before 25 know no start interval."""
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
        if self.start_interval is not None and self.start_interval > self.interval:
            refuse([(("start-interval",), "is longer than the interval; a task is asked more often while it starts")])
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
            return self._in_time(list(self.command))
        asked = port if self.port is None else (ports or {})[self.port]
        return self._in_time(["CMD", "curl", "-fsS", "-o", "/dev/null", f"http://127.0.0.1:{asked}{self.path}"])

    @property
    def pause(self) -> timedelta:
        """Docker's time between the end of a check and the next one."""
        return self.interval if self.start_interval is None else self.start_interval

    @property
    def longest(self) -> timedelta:
        """Docker's longest time of a check, which may wait first."""
        return self.timeout + timedelta(seconds=self._wait)

    @property
    def _wait(self) -> int:
        """Seconds that a check waits first, once the start period is over; whole ones, as every `sleep` takes them."""
        return whole_seconds(self.interval - self.pause)

    def _in_time(self, test: list[str]) -> list[str]:
        """Return a check that waits first once the start period is over."""
        if not self._wait:
            return test
        first = _WAIT.format(young=whole_seconds(self.start_period), wait=self._wait)
        if test[0] == "CMD-SHELL":
            return ["CMD-SHELL", f"{first}; {test[1]}"]
        return ["CMD", "sh", "-c", f'{first}; exec "$@"', "check", *test[1:]]


_WAIT: Final = (
    # The age of the container's first process, whose start is field 22 of proc_pid_stat(5), in hundredths of a second.
    "up=$(cut -d. -f1 /proc/uptime) one=$(cut -d' ' -f22 /proc/1/stat); "
    '[ "$((${{up:-0}} - ${{one:-0}} / 100))" -lt {young} ] || sleep {wait}'
)


def _is_docker_check(command: tuple[str, ...]) -> bool:
    """Return whether Docker would take it; a second text after CMD-SHELL would be $0."""
    form, *rest = command or ("",)
    return len(rest) == 1 if form == "CMD-SHELL" else form == "CMD" and bool(rest)
