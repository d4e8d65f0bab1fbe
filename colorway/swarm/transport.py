"""docker-py: how it gets to an engine, and what it raises. It takes 0.2 s to load, so only who asks loads it."""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import docker
import requests
import urllib3
from docker.auth import AuthConfig, load_config
from docker.context import ContextAPI
from docker.errors import DockerException
from docker.transport.basehttpadapter import BaseHTTPAdapter
from docker.utils import kwargs_from_env
from docker.utils.socket import SocketError
from typing_extensions import override

from colorway.errors import ColorwayError
from colorway.spec.hosts import HostSpec
from colorway.swarm.ssh import docker_command, docker_command_of, engine_socket, is_kept, shares

TIMEOUT = 20
"""Seconds for one answer of the Docker API."""
_FIRST_VERSION = "1.41"
"""API of Docker Engine 20.10, the oldest that is supported; the engine's own is asked for at the first question."""
FAILURES = (DockerException, requests.RequestException, urllib3.exceptions.HTTPError, SocketError, OSError)
"""What is raised where there is no answer."""


# Which engine


def client_of(host: HostSpec) -> docker.APIClient:
    """Connect to a host's engine."""
    if not host.is_local:
        return _through_ssh(docker_command(host), host=host)
    given = engine_here(os.environ)
    url = str(given.get("base_url", ""))
    if url.startswith("ssh://"):
        return _through_ssh(docker_command_of(url))
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


# Through SSH


def _through_ssh(command: Sequence[str], *, host: HostSpec | None = None) -> docker.APIClient:
    # docker-py's own SSH needs paramiko even where it runs `ssh`, and cannot pin a host key.
    client: Any = docker.APIClient(base_url="unix:///var/run/docker.sock", version=_FIRST_VERSION, timeout=TIMEOUT)
    adapter = SshAdapter(command, kept=engine_socket(host) if host else None)
    client._custom_adapter = adapter  # noqa: SLF001 - where docker-py looks for its transport
    client.mount("http+docker://", adapter)
    try:
        try:
            client._version = client._retrieve_server_version()  # noqa: SLF001 - what `version="auto"` does
        except DockerException as error:
            # A lost host, for which nobody keeps a connection any more, has been waited for.
            if host is None or not is_kept(host) or _came_too_late(error):
                raise
            adapter.do_without()
            client._version = client._retrieve_server_version()  # noqa: SLF001
    except DockerException as error:
        raise NoConnectionError(adapter.last_words() or reason(error)) from None
    made: docker.APIClient = client
    return made


class NoConnectionError(OSError):
    """SSH did not get through; never seen outside, since `Connection` translates it."""

    def __init__(self, reason: str) -> None:
        super().__init__(0, reason)


class SshAdapter(BaseHTTPAdapter):
    """Carries requests of docker-py through a command; its sockets are real ones, so time limits hold."""

    def __init__(self, command: Sequence[str], *, kept: Path | None) -> None:
        """Take the command, of which each connection runs one, and a socket that is asked instead while it is there."""
        self._pool = _CommandPool(command, kept)
        super().__init__()

    def do_without(self) -> None:
        """Run the command from now on, also while the socket is there."""
        self._pool.kept = None

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
    def __init__(self, command: Sequence[str], kept: Path | None) -> None:
        super().__init__("localhost", timeout=TIMEOUT, maxsize=4)
        self.command = command
        self.kept = kept
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the pool
        shares(self)

    def let_go(self) -> None:
        """End the connections that wait for a next question, which makes one of its own."""
        with suppress(queue.Empty):
            while self.pool is not None:
                if (one := self.pool.get(block=False)) is not None:
                    one.close()

    @override
    def _new_conn(self) -> urllib3.connection.HTTPConnection:
        return _CommandConnection(self.command, self.errors, self.kept)


class _CommandConnection(urllib3.connection.HTTPConnection):
    def __init__(self, command: Sequence[str], errors: IO[bytes], kept: Path | None) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._command, self._errors, self._kept = command, errors, kept
        self._process: subprocess.Popen[bytes] | None = None

    @override
    def connect(self) -> None:
        self.sock = _answering(self._kept) or self._commanded()

    def _commanded(self) -> socket.socket:
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
        return ours

    @override
    def close(self) -> None:
        super().close()
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None


def _answering(path: Path | None) -> socket.socket | None:
    if path is None:
        return None
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(TIMEOUT)
    try:
        made.connect(str(path))
    except OSError:
        # Nobody keeps a connection, or its other end has just gone.
        made.close()
        return None
    return made


# What it raises


def reason(error: BaseException) -> str:
    """Return why there was no answer, in a few words: those of the operating system, wherever they are wrapped."""
    if isinstance(error, TimeoutError) or _came_too_late(error):
        return f"nothing came within {TIMEOUT} s"
    for one in _wrapped(error):
        if isinstance(one, OSError) and one.strerror:
            return one.strerror.lower()
    return str(error).strip() or type(error).__name__


def _came_too_late(error: BaseException) -> bool:
    return any(isinstance(one, requests.Timeout | urllib3.exceptions.ReadTimeoutError) for one in _wrapped(error))


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


def last_words(client: docker.APIClient | None) -> str:
    """Return the last line that a client's SSH complained with; empty where there is none."""
    adapter = getattr(client, "_custom_adapter", None)
    return adapter.last_words() if isinstance(adapter, SshAdapter) else ""


# Who asks a registry


Entries = Callable[[], Mapping[str, Mapping[str, str]]]
"""Returns docker's own form of logins by registry."""


def log_in(client: docker.APIClient, entries: Entries) -> None:
    """Let a client's questions of images carry logins, and where there is none, what `docker login` left."""
    # Where docker-py looks for the login of an image's registry.
    vars(client)["_auth_configs"] = _StackFirst(entries)


class _StackFirst(AuthConfig):
    def __init__(self, logins: Entries) -> None:
        super().__init__({})
        self._ask = logins

    @property
    @override
    def is_empty(self) -> bool:
        """Whether docker-py should look elsewhere: never."""
        return False

    @cached_property
    def _ours(self) -> Mapping[str, Mapping[str, str]]:
        return self._ask()

    @cached_property
    def _users(self) -> AuthConfig:
        return load_config()

    @override
    def resolve_authconfig(self, registry: str | None = None) -> Any:
        """Return the login for a registry, None where there is none."""
        ours = self._ours.get(registry or "")
        return self._users.resolve_authconfig(registry) if ours is None else dict(ours)
