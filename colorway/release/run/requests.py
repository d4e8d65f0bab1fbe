"""Smoke tests: requests that a version must answer before it gets users, and once it has them all."""

from __future__ import annotations

import http.client
import json
import ssl
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from colorway.errors import ColorwayError
from colorway.outputs import PREVIEW_HEADER
from colorway.release.ports.protocols import Answer, Clock, Prober, UnreachableError
from colorway.release.verdict.counters import OwnRequests
from colorway.release.verdict.decision import Ask
from colorway.spec.release import SmokeTest
from colorway.spec.traffic import Color

TIMEOUT = 10
"""Seconds for one answer."""
LONGEST_BODY = 65536
"""Bytes of a body that are read."""
NOT_YET = frozenset({502, 503, 504})
"""What a load balancer answers while it has not found the color's tasks yet."""
PATIENCE = timedelta(seconds=15)
"""How long a test may be repeated while nothing but that comes back."""
PAUSE = timedelta(seconds=1)
LOOPBACK = "127.0.0.1"
"""The one address whose certificate nobody can have signed."""


class SmokeError(ColorwayError):
    """A version that does not answer as it must."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is tried."""

    color: Color
    version: str
    as_user: bool
    """Whether requests go the way of users; if not, through the secret header."""

    @property
    def name(self) -> str:
        """Who has to answer, for people."""
        return f"{self.color} ({self.version}){'' if self.as_user else ' through the secret header'}"


def try_out(tests: Sequence[SmokeTest], subject: Subject, *, prober: Prober, clock: Clock) -> tuple[str, ...]:
    """Send the tests one after the other.

    An answer that only says that the load balancer knows no task yet is asked for again, up to `PATIENCE`; any other
    wrong answer is final.

    Returns:
        What was found out, one line.

    Raises:
        SmokeError: a test failed; the message says which, what came and what should have come.
    """
    for test in tests:
        deadline = clock.now() + PATIENCE
        while problem := _problem(test, subject, prober):
            if problem.is_final or clock.now() >= deadline:
                raise SmokeError(f"smoke test of {subject.name} failed: GET {test.path} {problem.sentence}")
            clock.sleep(PAUSE)
    if not tests:
        return ("The platform declares no smoke tests.",)
    return (f"{len(tests)} smoke tests passed on {subject.name}: {', '.join(test.path for test in tests)}.",)


@dataclass(frozen=True)
class _Mismatch:
    sentence: str
    is_final: bool


def _problem(test: SmokeTest, subject: Subject, prober: Prober) -> _Mismatch | None:
    try:
        answer = prober.ask(test.path, color=None if subject.as_user else subject.color)
    except UnreachableError as error:
        return _Mismatch(f"got no answer: {error}", is_final=False)
    if answer.status != test.status:
        return _Mismatch(
            f"answered {answer.status}, and {test.status} is expected", is_final=answer.status not in NOT_YET
        )
    if wrong := _wrong_field(test, subject, answer):
        return _Mismatch(wrong, is_final=True)
    return None


def _wrong_field(test: SmokeTest, subject: Subject, answer: Answer) -> str | None:
    if not test.json_fields:
        return None
    try:
        fields: Any = json.loads(answer.body)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        return f"answered no JSON object, and fields are expected: {', '.join(test.json_fields)}"
    for name, template in test.json_fields.items():
        wanted = template.replace("{color}", subject.color.value).replace("{version}", subject.version)
        if str(fields.get(name)) != wanted:
            return f"answered another {name} than {wanted}"
    return None


@dataclass(frozen=True, kw_only=True)
class HttpsProber:
    """Sends requests to a stack's load balancers, each on a connection of its own.

    The certificate is checked, except on 127.0.0.1, for which nobody can have one.
    """

    url: Callable[[], str]
    """Asked for the address where users come in."""
    token: Callable[[], str]
    """Asked for the secret that chooses a color."""

    def ask(self, path: str, *, color: Color | None) -> Answer:
        """Send one GET; see `Prober.ask`."""
        address = urlsplit(self.url())
        host, port = address.hostname or "", address.port or 443
        headers = {"User-Agent": "colorway"}
        if color is not None:
            headers[PREVIEW_HEADER] = f"{self.token()}.{color.value}"
        connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=_context(host))
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            body = response.read(LONGEST_BODY).decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            # Not the error's whole text: it could quote the request.
            reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise UnreachableError(f"{host}:{port} ({reason})") from None
        finally:
            connection.close()
        return Answer(status=response.status, body=body)


def _context(host: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if host == LOOPBACK:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


MOST_AT_ONCE = 20
"""Requests to one service between two readings."""
TIME_LIMIT = timedelta(seconds=3)
"""Longest time for all of them, so that the next reading is not late."""
SERVER_ERROR = 500
"""First status that says that the server failed."""


def send(asks: Sequence[Ask], *, color: Color, paths: Mapping[str, str], prober: Prober, clock: Clock) -> OwnRequests:
    """Send requests through the secret header, in turn to each service that lacks some.

    Returns:
        Those that went well; those that failed count as what they are.
    """
    sent: Counter[str] = Counter()
    good: Counter[str] = Counter()
    deadline = clock.now() + TIME_LIMIT
    lacking = {ask.service: min(ask.requests, MOST_AT_ONCE) for ask in asks if ask.service in paths}
    while clock.now() < deadline:
        services = [service for service, wanted in lacking.items() if sent[service] < wanted]
        if not services:
            break
        for service in services:
            sent[service] += 1
            good[service] += _went_well(prober, paths[service], color)
    return OwnRequests(color, good)


def together(one: OwnRequests, other: OwnRequests) -> OwnRequests:
    """Return the sum of two rounds of the same color."""
    return OwnRequests(one.color, Counter(one.answered) + Counter(other.answered))


def _went_well(prober: Prober, path: str, color: Color) -> bool:
    try:
        return prober.ask(path, color=color).status < SERVER_ERROR
    except UnreachableError:
        return False
