"""Smoke tests: requests that a version must answer before it gets users, and once it has them all."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from typing_extensions import override

from colorway.errors import ColorwayError
from colorway.outputs import PREVIEW_HEADER
from colorway.release.ports.project import Page, Trial
from colorway.release.ports.protocols import Answer, Clock, Prober, UnreachableError
from colorway.release.verdict.counters import OwnRequests
from colorway.release.verdict.decision import Ask
from colorway.spec.names import MAIN_DOMAIN
from colorway.spec.release import SmokeTest
from colorway.spec.traffic import USERS, Color

TIMEOUT = 10
"""Seconds for one answer."""
LONGEST_BODY = 65536
"""Bytes of a body that are read."""
NOT_YET = frozenset({502, 503, 504})
"""What a load balancer answers while it has not found the color's tasks yet."""
PATIENCE = timedelta(seconds=65)
"""How long a test may be repeated while nothing but that comes back.

Swarm's hosts tell each other of new tasks by gossip; what a busy host misses comes with the next full exchange, which
is made every 30 s (`bulkSyncInterval` of moby's networkdb). Seen: 502 for more than 15 s from one load balancer.
"""
PAUSE = timedelta(seconds=1)


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


def try_out(trials: Sequence[Trial], subject: Subject, *, prober: Prober, clock: Clock) -> tuple[str, ...]:
    """Send the tests one after the other, each through every load balancer.

    An answer that only says that the load balancer knows no task yet is asked for again, up to `PATIENCE`; any other
    wrong answer is final.

    Returns:
        What was found out, one line.

    Raises:
        SmokeError: a test failed; the message says which, what came and what should have come.
    """
    entrances = prober.entrances()
    for trial, entrance in itertools.product(trials, entrances):
        deadline = clock.now() + PATIENCE
        while problem := _problem(trial, subject, prober, entrance):
            if problem.is_final or clock.now() >= deadline:
                through = f" through {entrance}" if len(entrances) > 1 else ""
                raise SmokeError(f"smoke test of {subject.name} failed: GET {_told(trial)}{through} {problem.sentence}")
            clock.sleep(PAUSE)
    if not trials:
        return ("The platform declares no smoke tests.",)
    told = ", ".join(_told(trial) for trial in trials)
    both = f", through {' and '.join(entrances)}" if len(entrances) > 1 else ""
    return (f"{len(trials)} smoke tests passed on {subject.name}{both}: {told}.",)


def _told(trial: Trial) -> str:
    """Return a page as short as it can be: the stack's own domain goes without saying."""
    test = trial.test
    return test.path if (test.domain, test.host) == (MAIN_DOMAIN, None) else f"{trial.page.name}{test.path}"


@dataclass(frozen=True)
class _Mismatch:
    sentence: str
    is_final: bool


def _problem(trial: Trial, subject: Subject, prober: Prober, entrance: str) -> _Mismatch | None:
    test = trial.test
    try:
        answer = prober.ask(trial.page, color=None if subject.as_user else subject.color, entrance=entrance)
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
class Entrance:
    """Where requests go in."""

    name: str
    """The load balancer's host."""
    address: str
    port: int


@dataclass(frozen=True, kw_only=True)
class HttpsProber:
    """Sends requests to a stack's load balancers, each on a connection of its own, whose certificate is checked.

    Besides what this machine trusts, a load balancer is trusted to have the certificate that its own host shows over
    SSH: in a lab, and before a first certificate was issued, nobody else has signed it.
    """

    ways: Sequence[Entrance]
    token: Callable[[], str]
    """Asked for the secret that chooses a color."""
    certificate: Callable[[str], str]
    """Asked for the certificate of an entrance, as PEM; raises ColorwayError where there is none."""
    is_closed: bool = False
    """Whether a request as users would meet the page of maintenance, or be refused since it comes past Cloudflare.

    Then the header leads past that, to no color.
    """
    _trusted: dict[str, str] = field(default_factory=dict, repr=False)
    """What was answered; asked again where a certificate is refused."""
    _turn: Iterator[int] = field(default_factory=itertools.count, repr=False)

    def entrances(self) -> Sequence[str]:
        """Return the names of all ways in; see `Prober.entrances`."""
        return [way.name for way in self.ways]

    def ask(self, page: Page, *, color: Color | None, entrance: str | None = None) -> Answer:
        """Send one GET; see `Prober.ask`."""
        number = next(self._turn) % len(self.ways) if entrance is None else self.entrances().index(entrance)
        way = self.ways[number]
        headers = {"User-Agent": "colorway"}
        if color is not None or self.is_closed:
            headers[PREVIEW_HEADER] = f"{self.token()}.{color.value if color else USERS}"
        is_new = way.name not in self._trusted
        try:
            return self._get(way, page, headers)
        except UntrustedError:
            if is_new:
                raise
            # It may have another one since.
            del self._trusted[way.name]
            return self._get(way, page, headers)

    def _get(self, way: Entrance, page: Page, headers: Mapping[str, str]) -> Answer:
        connection = _Connection(way, name=page.name, context=self._context(way))
        where = f"{way.name}, {way.address}:{way.port}"
        try:
            connection.request("GET", page.path, headers=dict(headers))
            response = connection.getresponse()
            body = response.read(LONGEST_BODY).decode(errors="replace")
        except ssl.SSLCertVerificationError as error:
            raise UntrustedError(f"{where} ({error.verify_message})") from None
        except (OSError, http.client.HTTPException) as error:
            # Not the error's whole text: it could quote the request.
            reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise UnreachableError(f"{where} ({reason})") from None
        finally:
            connection.close()
        return Answer(status=response.status, body=body)

    def _context(self, way: Entrance) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if way.name not in self._trusted:
            try:
                self._trusted[way.name] = self.certificate(way.name)
            except ColorwayError as error:
                raise UnreachableError(f"{way.name}, whose certificate cannot be read ({error})") from None
        if self._trusted[way.name]:
            context.load_verify_locations(cadata=self._trusted[way.name])
            # What a host shows is trusted as it is, whoever signed it.
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return context


class UntrustedError(UnreachableError):
    """Who answered has a certificate that is nobody's."""


class _Connection(http.client.HTTPSConnection):
    """A connection to an address under a name."""

    def __init__(self, way: Entrance, *, name: str, context: ssl.SSLContext) -> None:
        super().__init__(name, way.port, timeout=TIMEOUT)
        self._way, self._name, self._trusting = way, name, context

    @override
    def connect(self) -> None:
        plain = socket.create_connection((self._way.address, self._way.port), TIMEOUT)
        try:
            self.sock = self._trusting.wrap_socket(plain, server_hostname=self._name)
        except OSError:
            plain.close()
            raise


MOST_AT_ONCE = 20
"""Requests to one service between two readings."""
TIME_LIMIT = timedelta(seconds=3)
"""Longest time for all of them, so that the next reading is not late."""
SERVER_ERROR = 500
"""First status that says that the server failed."""


def send(asks: Sequence[Ask], *, color: Color, pages: Mapping[str, Page], prober: Prober, clock: Clock) -> OwnRequests:
    """Send requests through the secret header, in turn to each service that lacks some.

    Returns:
        Those that went well; those that failed count as what they are.
    """
    sent: Counter[str] = Counter()
    good: Counter[str] = Counter()
    deadline = clock.now() + TIME_LIMIT
    lacking = {ask.service: min(ask.requests, MOST_AT_ONCE) for ask in asks if ask.service in pages}
    while clock.now() < deadline:
        services = [service for service, wanted in lacking.items() if sent[service] < wanted]
        if not services:
            break
        for service in services:
            sent[service] += 1
            good[service] += _went_well(prober, pages[service], color)
    return OwnRequests(color, good)


def together(one: OwnRequests, other: OwnRequests) -> OwnRequests:
    """Return the sum of two rounds of the same color."""
    return OwnRequests(one.color, Counter(one.answered) + Counter(other.answered))


def _went_well(prober: Prober, page: Page, color: Color) -> bool:
    try:
        return prober.ask(page, color=color).status < SERVER_ERROR
    except UnreachableError:
        return False
