"""How a host's Docker engine is asked, and what becomes of its errors: each is one sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from colorway.errors import ColorwayError
from colorway.spec.hosts import HostSpec

T = TypeVar("T")
_UNAVAILABLE = 503
_ELECTING = ("does not have a leader", "lost leader status", "no elected cluster leader")
_NOT_NOW = ("deadline exceeded", "connection error", "transport is closing", *_ELECTING)
"""What a manager says while it cannot know: the swarm is coming up, or looks for its leader."""


class DockerError(ColorwayError):
    """A Docker engine did not do what it was asked for."""


class NoAnswerError(DockerError):
    """There was no answer, so nobody knows; asking again may help."""

    def __init__(self, what: str, *, cure: str = "") -> None:
        super().__init__(f"{what}; {cure}" if cure else what)
        self.what = what
        """Which host did not answer, and what it was asked for."""
        self.cure = cure
        """What helps."""


class ElectingError(NoAnswerError):
    """The swarm's managers have no leader: for seconds, where most of them are there."""


class RefusedError(DockerError):
    """The engine answered, and refused."""

    def __init__(self, message: str, *, status: int, said: str) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status."""
        self.said = said
        """The engine's own words."""


class MissingError(RefusedError):
    """What was asked for does not exist."""


_TRIES = 5
"""How often a change is made that another one came before."""


def repeated(change: Callable[[], None]) -> None:
    """Make a change of a node or a service, again where another one came between reading it and writing it.

    Raises:
        RefusedError: the engine refuses it for another reason, or others came before five times.
    """
    for left in reversed(range(_TRIES)):
        try:
            change()
        except RefusedError as error:
            if not left or "out of sequence" not in error.said:
                raise
        else:
            return


@dataclass(frozen=True, kw_only=True)
class Login:
    """Who asks a registry for an image."""

    user: str
    password: str = field(repr=False)
    secret: str
    """Name of the stack's secret that the password is."""


Logins = Callable[[], Mapping[str, Login]]
"""Returns the stack's own logins by registry; not called before an image is asked for, since it costs a second."""


def no_logins() -> Mapping[str, Login]:
    """Return none: registries get what `docker login` left for this user, if anything."""
    return {}


class Connection:
    """Asks one host's Docker engine; nothing is contacted before the first question.

    This machine's engine is the one that `docker` itself would talk to: DOCKER_HOST, then the docker context. Other
    hosts are reached by SSH, and only with the host key of the stack file. Questions that concern an image carry
    the login of its registry.
    """

    def __init__(
        self,
        host: HostSpec,
        *,
        client: Callable[[], Any] | None = None,
        logins: Logins = no_logins,
    ) -> None:
        """Take the host; `client` replaces how it is reached."""
        self.host = host
        self.logins = logins
        self._connect = client
        self._client: Any = None

    def another(self) -> Connection:
        """Return another connection to the same engine."""
        return Connection(self.host, client=self._connect, logins=self.logins)

    def ask(self, what: str, question: Callable[[Any], T]) -> T:
        """Ask the engine something.

        Args:
            what: The question in words, to be read after "asked for".
            question: Called with a `docker.APIClient`, whose stubs type a part only.

        Raises:
            MissingError: it does not exist.
            RefusedError: the engine refuses.
            NoAnswerError: the engine does not answer, or cannot know now.
        """
        # A preview has no use for docker-py.
        from docker.errors import APIError, NotFound  # noqa: PLC0415

        from colorway.swarm import transport  # noqa: PLC0415

        try:
            if self._client is None:
                self._client = transport.client_of(self.host) if self._connect is None else self._connect()
                transport.log_in(self._client, self._entries)
            return question(self._client)
        except APIError as error:
            said, status = str(error.explanation or error).strip(), int(error.status_code or 0)
            missing = isinstance(error, NotFound)
            raise self._refused(what, said, status=status, missing=missing) from None
        except transport.FAILURES as error:
            reason = transport.last_words(self._client) or transport.reason(error)
            # A connection that broke once, above all one through SSH, is made anew.
            self._client = None
            raise self._silent(what, reason) from None

    def _entries(self) -> Mapping[str, Mapping[str, str]]:
        return {
            registry: {"username": login.user, "password": login.password, "serveraddress": registry}
            for registry, login in self.logins().items()
        }

    def _refused(self, what: str, said: str, *, status: int, missing: bool) -> DockerError:
        if status == _UNAVAILABLE or any(words in said for words in _NOT_NOW):
            kind_of_silence = ElectingError if any(words in said for words in _ELECTING) else NoAnswerError
            return self._silent(what, said, kind=kind_of_silence)
        kind = MissingError if missing else RefusedError
        return kind(f"{self.host.name}: Docker refused, asked for {what}: {said}", status=status, said=said)

    def _silent(self, what: str, reason: str, *, kind: type[NoAnswerError] = NoAnswerError) -> NoAnswerError:
        cure = "start it, or choose another engine with DOCKER_HOST or `docker context use`"
        if not self.host.is_local:
            cure = f"see whether `ssh {self.host.user}@{self.host.address} docker version` works"
        return kind(f"{self.host.name}: Docker does not answer, asked for {what} ({reason})", cure=cure)
