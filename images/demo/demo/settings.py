"""What the environment says, read once and handed on."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from demo import faults


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who answers: shown on the page, in every response header and in every row that is written."""

    service: str
    color: str
    version: str
    host: str

    def as_json(self) -> dict[str, str]:
        """Return the four fields by name."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Login:
    """How to reach a data store; the password stays in its file until a connection is made."""

    host: str
    password_file: Path
    database: str = ""
    user: str = ""

    def password(self) -> str:
        """Read the password, anew each time, so that a replaced secret counts from the next connection on."""
        return self.password_file.read_text(encoding="utf-8").strip()


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that a role is told from outside."""

    identity: Identity
    postgres: Login
    redis: Login
    api_url: str
    port: int
    """Where web and API listen."""
    grace_seconds: int
    """How long requests in flight may take after SIGTERM."""
    job_seconds: float
    """How long a job's work takes."""
    backup: str
    """What `migrate` is told about the last backup; it counts when it begins with `verified`.

    COLORWAY_BACKUP comes from whoever made the backup; DEMO_BACKUP from tests that have nothing to lose.
    """
    faults: faults.Faults


def from_environment(environ: Mapping[str, str], *, role: str) -> Settings:
    """Read the settings of a role.

    Raises:
        FaultError: DEMO_FAULT names no fault that there is.
    """
    service = environ.get("COLORWAY_SERVICE", role)
    return Settings(
        identity=Identity(
            service=service,
            color=environ.get("COLORWAY_COLOR", "none"),
            version=environ.get("COLORWAY_VERSION", "unversioned"),
            host=environ.get("COLORWAY_HOST") or socket.gethostname(),
        ),
        postgres=Login(
            host=environ.get("DATABASE_HOST", "postgres"),
            database=environ.get("DATABASE_NAME", "demo"),
            user=environ.get("DATABASE_USER", "demo"),
            password_file=Path(environ.get("DATABASE_PASSWORD_FILE", "/run/secrets/database-password")),
        ),
        redis=Login(
            host=environ.get("REDIS_HOST", "redis"),
            password_file=Path(environ.get("REDIS_PASSWORD_FILE", "/run/secrets/redis-password")),
        ),
        api_url=environ.get("API_URL", "http://api:8000"),
        port=int(environ.get("PORT", "8000")),
        grace_seconds=int(environ.get("GRACE_SECONDS", "30")),
        job_seconds=float(environ.get("JOB_SECONDS", "0.02")),
        backup=environ.get("COLORWAY_BACKUP") or environ.get("DEMO_BACKUP", ""),
        faults=faults.parse(environ.get("DEMO_FAULT", ""), service=service),
    )
