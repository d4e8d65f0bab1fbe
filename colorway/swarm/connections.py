"""How a Docker engine is reached, and what becomes of its errors: each is one sentence, whatever docker-py raises."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import IO, Any, TypeVar
from urllib.parse import urlsplit

import docker
import requests
import urllib3
from docker.auth import AuthConfig, load_config
from docker.context import ContextAPI
from docker.errors import APIError, DockerException, NotFound
from docker.transport.basehttpadapter import BaseHTTPAdapter
from docker.utils import kwargs_from_env
from docker.utils.socket import SocketError
from typing_extensions import override

from colorway.errors import ColorwayError
from colorway.spec.hosts import HostSpec

T = TypeVar("T")
TIMEOUT = 20
"""Seconds for one answer of the Docker API."""
_CONNECT_TIMEOUT = 10
"""Seconds until SSH gives a host up."""
_FIRST_VERSION = "1.41"
"""API of Docker Engine 20.10, the oldest that is supported; the engine's own is asked for at the first question."""
_UNAVAILABLE = 503
_NOT_NOW = ("deadline exceeded", "does not have a leader", "connection error", "transport is closing")
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
        client: Callable[[], docker.APIClient] | None = None,
        logins: Logins = no_logins,
    ) -> None:
        """Take the host; `client` replaces how it is reached."""
        self.host = host
        self.logins = logins
        self._connect = client or (lambda: _client_of(host))
        self._client: docker.APIClient | None = None

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
        try:
            if self._client is None:
                self._client = self._connect()
                # Where docker-py looks for the login of an image's registry.
                vars(self._client)["_auth_configs"] = _StackFirst(self.logins)
            return question(self._client)
        except APIError as error:
            raise self._refused(what, error) from None
        except (
            DockerException,
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            SocketError,
            OSError,
        ) as error:
            reason = _last_words(self._client) or _reason(error)
            # A connection that broke once, above all one through SSH, is made anew.
            self._client = None
            raise self._silent(what, reason) from None

    def _refused(self, what: str, error: APIError) -> DockerError:
        said, status = str(error.explanation or error).strip(), int(error.status_code or 0)
        if status == _UNAVAILABLE or any(words in said for words in _NOT_NOW):
            return self._silent(what, said)
        kind = MissingError if isinstance(error, NotFound) else RefusedError
        return kind(f"{self.host.name}: Docker refused, asked for {what}: {said}", status=status, said=said)

    def _silent(self, what: str, reason: str) -> NoAnswerError:
        cure = "start it, or choose another engine with DOCKER_HOST or `docker context use`"
        if not self.host.is_local:
            cure = f"see whether `ssh {self.host.user}@{self.host.address} docker version` works"
        return NoAnswerError(f"{self.host.name}: Docker does not answer, asked for {what} ({reason})", cure=cure)


def _reason(error: BaseException) -> str:
    """Return why there was no answer, in a few words: those of the operating system, wherever they are wrapped."""
    if isinstance(error, requests.Timeout | urllib3.exceptions.ReadTimeoutError | TimeoutError):
        return f"nothing came within {TIMEOUT} s"
    for one in _wrapped(error):
        if isinstance(one, requests.Timeout | urllib3.exceptions.ReadTimeoutError):
            return f"nothing came within {TIMEOUT} s"
        if isinstance(one, OSError) and one.strerror:
            return one.strerror.lower()
    return str(error).strip() or type(error).__name__


def _wrapped(error: BaseException) -> Iterator[BaseException]:
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]


def _last_words(client: docker.APIClient | None) -> str:
    adapter = getattr(client, "_custom_adapter", None)
    return adapter.last_words() if isinstance(adapter, SshAdapter) else ""


class _StackFirst(AuthConfig):
    """The stack's own logins, then those of this machine's user."""

    def __init__(self, logins: Logins) -> None:
        super().__init__({})
        self._ask = logins

    @property
    @override
    def is_empty(self) -> bool:
        """Whether docker-py should look elsewhere: never."""
        return False

    @cached_property
    def _ours(self) -> Mapping[str, Login]:
        return self._ask()

    @cached_property
    def _users(self) -> AuthConfig:
        return load_config()

    @override
    def resolve_authconfig(self, registry: str | None = None) -> Any:
        """Return the login for a registry, None where there is none."""
        ours = self._ours.get(registry or "")
        if ours is None:
            return self._users.resolve_authconfig(registry)
        return {"username": ours.user, "password": ours.password, "serveraddress": registry}


# Which engine


def _client_of(host: HostSpec) -> docker.APIClient:
    """Connect to a host's engine."""
    if not host.is_local:
        return _through_ssh(ssh_command(host))
    given = engine_here(os.environ)
    url = str(given.get("base_url", ""))
    if url.startswith("ssh://"):
        return _through_ssh(_ssh_command_of(url))
    return docker.APIClient(version="auto", timeout=TIMEOUT, **given)


def engine_here(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return how this machine's engine is reached, in docker-py's words; empty = at its usual socket.

    Args:
        environment: Variables; DOCKER_HOST comes before DOCKER_CONTEXT, and both before `docker context use`.

    Raises:
        ColorwayError: the chosen context does not exist, or cannot be read.
    """
    if environment.get("DOCKER_HOST"):
        return dict(kwargs_from_env(dict(environment)))
    name = environment.get("DOCKER_CONTEXT") or None
    try:
        context = ContextAPI.get_context(name)
    except Exception as error:  # noqa: BLE001 - docker-py raises bare exceptions here
        raise ColorwayError(f"the docker context cannot be read: {error}; see `docker context ls`") from None
    if context is None:
        which = f"{name} of DOCKER_CONTEXT" if name else "that `docker context use` chose"
        raise ColorwayError(f"the docker context {which} does not exist; see `docker context ls`")
    found = {"base_url": context.Host, "tls": context.TLSConfig}
    return {key: value for key, value in found.items() if value}


# SSH


def ssh_to(host: HostSpec, *words: str) -> list[str]:
    """Return the command that runs a command on a host; it trusts the stack file's host key only.

    Every wait in it has a limit: a host that is gone is given up after some 15 seconds.
    """
    # %H is the name as ssh looks it up, which is another one where the port is not 22; a comment could hold a %.
    key = " ".join((host.host_key or "").split()[:2])
    options = (
        "BatchMode=yes",
        f"ConnectTimeout={_CONNECT_TIMEOUT}",
        "ServerAliveInterval=5",
        "ServerAliveCountMax=3",
        "StrictHostKeyChecking=yes",
        f"KnownHostsCommand=/bin/echo %H {key}",
        "UserKnownHostsFile=none",
        "GlobalKnownHostsFile=none",
    )
    told = [word for option in options for word in ("-o", option)]
    return ["ssh", *told, "-l", host.user, "-p", str(host.ssh_port), "--", str(host.address), *words]


def ssh_command(host: HostSpec) -> list[str]:
    """Return the command whose input and output are a host's Docker API."""
    return ssh_to(host, *_DIAL)


def _ssh_command_of(url: str) -> list[str]:
    """Return the same for an address that the user gave to `docker`: whom to trust is the user's own configuration."""
    parts = urlsplit(url)
    user = ["-l", parts.username] if parts.username else []
    port = ["-p", str(parts.port)] if parts.port else []
    return ["ssh", "-o", f"ConnectTimeout={_CONNECT_TIMEOUT}", *user, *port, "--", parts.hostname or "", *_DIAL]


_DIAL = ("docker", "system", "dial-stdio")


def _through_ssh(command: Sequence[str]) -> docker.APIClient:
    # docker-py's own SSH needs paramiko even where it runs `ssh`, and cannot pin a host key.
    client: Any = docker.APIClient(base_url="unix:///var/run/docker.sock", version=_FIRST_VERSION, timeout=TIMEOUT)
    adapter = SshAdapter(command)
    client._custom_adapter = adapter  # noqa: SLF001 - where docker-py looks for its transport
    client.mount("http+docker://", adapter)
    try:
        client._version = client._retrieve_server_version()  # noqa: SLF001 - what `version="auto"` does
    except DockerException as error:
        raise NoConnectionError(adapter.last_words() or _reason(error)) from None
    made: docker.APIClient = client
    return made


class NoConnectionError(OSError):
    """SSH did not get through; never seen outside, since `Connection` translates it."""

    def __init__(self, reason: str) -> None:
        super().__init__(0, reason)


class SshAdapter(BaseHTTPAdapter):
    """Carries requests of docker-py through a command; its sockets are real ones, so time limits hold."""

    def __init__(self, command: Sequence[str]) -> None:
        """Take the command; each connection runs one."""
        self._pool = _CommandPool(command)
        super().__init__()

    @override
    def get_connection(self, url: str | bytes, proxies: object = None) -> urllib3.HTTPConnectionPool:
        """Return the one pool that there is; see `requests.adapters.HTTPAdapter`."""
        del url, proxies
        return self._pool

    @override
    def request_url(self, request: requests.PreparedRequest, proxies: object) -> str:
        """Return the path: there is no proxy between a command and its output."""
        return request.path_url

    def last_words(self) -> str:
        """Return the last line that the command wrote to its standard error."""
        self._pool.errors.seek(0)
        lines = self._pool.errors.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


class _CommandPool(urllib3.HTTPConnectionPool):
    def __init__(self, command: Sequence[str]) -> None:
        super().__init__("localhost", timeout=TIMEOUT, maxsize=4)
        self.command = command
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the pool

    @override
    def _new_conn(self) -> urllib3.connection.HTTPConnection:
        return _CommandConnection(self.command, self.errors)


class _CommandConnection(urllib3.connection.HTTPConnection):
    def __init__(self, command: Sequence[str], errors: IO[bytes]) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._command, self._errors = command, errors
        self._process: subprocess.Popen[bytes] | None = None

    @override
    def connect(self) -> None:
        ours, theirs = socket.socketpair()
        ours.settimeout(TIMEOUT)
        with theirs:
            # A session of its own: Ctrl-C is for this program, which then ends its connections itself.
            self._process = subprocess.Popen(
                self._command,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._errors,
                start_new_session=True,
            )
        self.sock = ours

    @override
    def close(self) -> None:
        super().close()
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None
