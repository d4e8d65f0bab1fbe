"""The docker daemon's interface over a unix socket, ssh, or the loopback."""

from __future__ import annotations

import base64
import http.client
import json
import re
import select
import socket
import subprocess
import threading
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from typing_extensions import override

from offline_plugins.docker.documents import Document, Json, part, parts, text
from offline_plugins.faults import DeleteFaults
from offline_plugins.values import Properties
from offline_plugins.waiting import Patience, PluginError

# The newest interface that the official provider's client speaks; older daemons are met at theirs.
_NEWEST: Final = (1, 51)
_OLDEST: Final = (1, 40)
_ANSWER_WITHIN: Final = 120.0
_LOCAL: Final = re.compile(r"(unix:///.+|ssh://[^/\s]+|tcp://127(\.\d{1,3}){3}:\d{1,5})")
_LOGIN: Final = {"address", "username", "password"}
HOST_HINT: Final = "unix:///var/run/docker.sock, ssh://user@host or tcp://127.0.0.1:2375"


class DaemonError(PluginError):
    """The daemon refused."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(f"Error response from daemon: {message}")
        self.status = status

    @property
    def missing(self) -> bool:
        """Whether the thing asked for does not exist."""
        return self.status == http.HTTPStatus.NOT_FOUND


class Daemon(Protocol):
    """What the resources need of the daemon; tests give their own."""

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Json] | None = None,
        body: Document | None = None,
        login: str | None = None,
    ) -> Json:
        """Send a request and return the document that is answered.

        Args:
            method: the HTTP method.
            path: the path after the version, such as `/services/create`.
            query: the parameters; mappings are sent as JSON.
            body: the document to send.
            login: what the registry of the request's image asks for, as `X-Registry-Auth` has it.

        Raises:
            DaemonError: the daemon refused.
            PluginError: the daemon cannot be reached.
        """


def usable_host(host: str) -> bool:
    """Whether the offline provider talks to such a host: a socket, ssh, or the loopback."""
    return _LOCAL.fullmatch(host) is not None


def ssh_options(value: object) -> list[str] | None:
    """Read ssh's options; lists arrive as JSON text in a provider's settings. None = not such a list."""
    read: object = value
    if isinstance(value, str):
        try:
            read = json.loads(value)
        except json.JSONDecodeError:
            return None
    if read is None:
        return []
    if not isinstance(read, list):
        return None
    return [option for option in read if isinstance(option, str)] if all(isinstance(o, str) for o in read) else None


class HttpDaemon:
    """The daemon at an address; requests may overlap, since each has a connection for itself.

    One through ssh is kept for the next request, as the docker client does it: making one takes two processes.
    """

    def __init__(self, host: str, *, ssh_options: Sequence[str] = ()) -> None:
        self._host = host
        self._ssh_options = tuple(ssh_options)
        self._version: str | None = None
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []
        self._lock_of_idle = threading.Lock()

    @property
    def local(self) -> bool:
        """Whether asking it costs no ssh connection."""
        return not self._host.startswith("ssh://")

    def ping(self) -> None:
        """Ask whether it is there, and for the version of its interface.

        Raises:
            PluginError: it is not, or it is too old.
        """
        with self._lock:
            if self._version is not None:
                return
            answer = self._send("GET", "/_ping", None)
            offered = tuple(int(number) for number in answer.version.split("."))
            if offered < _OLDEST:
                raise PluginError(
                    f"the docker daemon at {self._host} speaks version {answer.version} of its interface; "
                    "1.40 (Docker 19.03) or newer is needed",
                )
            self._version = ".".join(str(number) for number in min(offered, _NEWEST))

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Json] | None = None,
        body: Document | None = None,
        login: str | None = None,
    ) -> Json:
        """Send a request; see `Daemon.call`."""
        self.ping()
        parameters = {
            name: json.dumps(value) if isinstance(value, Mapping) else str(value)
            for name, value in (query or {}).items()
        }
        address = f"/v{self._version}" + urllib.parse.quote(path, safe="/:@")
        if parameters:
            address += "?" + urllib.parse.urlencode(parameters)
        answer = self._send(method, address, None if body is None else json.dumps(body).encode(), login=login)
        document: Json = None
        if answer.content and answer.json:
            document = json.loads(answer.content)
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            told = document.get("message") if isinstance(document, Mapping) else None
            raise DaemonError(str(told or answer.content.decode(errors="replace")), status=answer.status)
        return document

    def _connection(self) -> _Connection:
        with self._lock_of_idle:
            while self._idle:
                connection = self._idle.pop()
                if connection.is_alive():
                    return connection
                connection.hang_up()
        return _Connection(self._host, ssh_options=self._ssh_options)

    def _send(self, method: str, address: str, body: bytes | None, *, login: str | None = None) -> _Answer:
        headers = {"Host": "docker", "Content-Type": "application/json"} if body else {"Host": "docker"}
        if login is not None:
            headers["X-Registry-Auth"] = login
        connection = self._connection()
        try:
            connection.request(method, address, body=body, headers=headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.hang_up()
            raise PluginError(
                f"Cannot connect to the Docker daemon at {self._host}. Is the docker daemon running?",
            ) from error
        if self.local or response.will_close:
            connection.hang_up()
        else:
            with self._lock_of_idle:
                self._idle.append(connection)
        return _Answer(
            status=response.status,
            content=content,
            json="json" in (response.getheader("Content-Type") or ""),
            version=response.getheader("Api-Version") or "1.24",
        )


@dataclass(frozen=True, kw_only=True)
class _Answer:
    status: int
    content: bytes
    json: bool
    version: str


class _Connection(http.client.HTTPConnection):
    """An HTTP connection through whatever the host's scheme asks for."""

    def __init__(self, host: str, *, ssh_options: Sequence[str]) -> None:
        super().__init__("docker", timeout=_ANSWER_WITHIN)
        self._ssh_options = ssh_options
        self._address = urllib.parse.urlsplit(host)
        self._ssh: subprocess.Popen[bytes] | None = None

    @override
    def connect(self) -> None:
        if self._address.scheme == "unix":
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(self.timeout)
            self.sock.connect(self._address.path)
        elif self._address.scheme == "ssh":
            self.sock = self._through_ssh()
            self.sock.settimeout(self.timeout)
        else:
            address = (self._address.hostname or "", self._address.port or 0)
            self.sock = socket.create_connection(address, self.timeout)

    def _through_ssh(self) -> socket.socket:
        """A socket whose other end is `docker system dial-stdio` on the host, as the docker client does it."""
        ours, theirs = socket.socketpair()
        where = [self._address.hostname or ""]
        if self._address.username:
            where = ["-l", self._address.username, *where]
        if self._address.port:
            where = ["-p", str(self._address.port), *where]
        options = [*self._ssh_options, "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=30"]
        command = ["ssh", *options, *where, "docker", "system", "dial-stdio"]
        self._ssh = subprocess.Popen(command, stdin=theirs.fileno(), stdout=theirs.fileno())
        theirs.close()
        return ours

    def is_alive(self) -> bool:
        """Whether the other end is still there: nothing waits to be read, not even the end."""
        return self.sock is not None and not select.select([self.sock], [], [], 0)[0]

    def hang_up(self) -> None:
        """End the connection; not `close`, which is also called when an answer's body is still to be read."""
        self.close()
        if self._ssh is not None:
            self._ssh.terminate()
            self._ssh.wait()
            self._ssh = None


def tagged(image: str) -> str:
    """The image by its short name, with `:latest` where neither tag nor digest is given."""
    short = image.removeprefix("docker.io/").removeprefix("library/")
    name = short.rpartition("/")[2]
    return short if "@" in short or ":" in name else f"{short}:latest"


def registry_logins(value: object) -> dict[str, Document] | None:
    """Read the logins of registries by host; they arrive as JSON text, as every list of a provider's settings.

    Returns:
        The logins as the daemon wants them; None = not such a list, or with fields that this plugin does not take.
    """
    try:
        read: object = json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError:
        return None
    if read is None:
        return {}
    if not isinstance(read, list):
        return None
    found: dict[str, Document] = {}
    for one in read:
        if not isinstance(one, dict) or set(one) != _LOGIN or not all(isinstance(said, str) for said in one.values()):
            return None
        host = one["address"].partition("://")[2] or one["address"]
        found[host] = {"username": one["username"], "password": one["password"], "serveraddress": f"https://{host}"}
    return found


def pinned(spec: Document, daemon: Daemon, *, login: str) -> Document:
    """The specification with the digest and the platforms that a registry gives for its image.

    The official provider asks at creation, and only then; an image that no registry knows stays as it is.
    """
    task = part(spec, "TaskTemplate")
    container = part(task, "ContainerSpec")
    image = tagged(text(container.get("Image")))
    try:
        answer = daemon.call("GET", f"/distribution/{image}/json", login=login)
    except DaemonError:
        answer = None
    found = answer if isinstance(answer, Mapping) else {}
    digest = text(part(found, "Descriptor").get("digest") or part(found, "Descriptor").get("Digest"))
    if digest and "@" not in image:
        image = f"{image}@{digest}"
    platforms: Sequence[Json] = [_platform(item) for item in parts(found, "Platforms")]
    placement = part(task, "Placement")
    return {
        **spec,
        "TaskTemplate": {
            **task,
            "ContainerSpec": {**container, "Image": image},
            "Placement": {**placement, "Platforms": platforms} if platforms else placement,
        },
    }


def retagged(spec: Document) -> Document:
    """The specification with a tagged image, for an update."""
    task = part(spec, "TaskTemplate")
    container = part(task, "ContainerSpec")
    image = tagged(text(container.get("Image")))
    return {**spec, "TaskTemplate": {**task, "ContainerSpec": {**container, "Image": image}}}


def _platform(platform: Document) -> Document:
    architecture = text(platform.get("architecture"))
    # Nodes report a variant such as armv7l, which would never match.
    return {"Architecture": "" if architecture == "arm" else architecture, "OS": text(platform.get("os"))}


@dataclass(frozen=True, kw_only=True)
class Manager:
    """The daemon, the patience to wait for it, and the deletes that a test lets fail."""

    daemon: Daemon
    patience: Patience
    faults: DeleteFaults
    logins: Mapping[str, Document] = field(default_factory=dict, repr=False)
    """User and password by registry."""

    def login(self, spec: Document) -> str:
        """The login that goes with a service: that of its image's registry, else an empty one, as the official does."""
        image = text(part(part(spec, "TaskTemplate"), "ContainerSpec").get("Image"))
        known = self.logins.get(image.partition("/")[0], {}) if "/" in image else {}
        return base64.urlsafe_b64encode(json.dumps(known, separators=(",", ":")).encode()).decode()

    def found(self, path: str) -> Document | None:
        """The document at a path; None where nothing is there.

        Raises:
            PluginError: the daemon cannot be reached or refuses for another reason.
        """
        try:
            answer = self.daemon.call("GET", path)
        except DaemonError as error:
            if error.missing:
                return None
            raise
        return answer if isinstance(answer, Mapping) else None

    def created(self, path: str, document: Document, *, login: str | None = None) -> str:
        """Create something and return its id."""
        answer = self.daemon.call("POST", path, body=document, login=login)
        if not isinstance(answer, Mapping):
            return ""
        return text(answer.get("ID") or answer.get("Id"))


class LiveResource(Protocol):
    """One kind of resource on the daemon; states go in and come out."""

    def create(self, swarm: Manager, planned: Properties) -> str:
        """Create it as planned and return its id; leaves nothing behind when it fails."""

    def read(self, swarm: Manager, resource_id: str, kept: Properties) -> Properties | None:
        """The state of the live resource, with zeros for nothing; None where it is gone.

        Args:
            swarm: where to look.
            resource_id: the id.
            kept: a state for what the daemon does not tell.
        """

    def update(self, swarm: Manager, resource_id: str, planned: Properties) -> None:
        """PropertyChange it in place."""

    def delete(self, swarm: Manager, resource_id: str, state: Properties) -> None:
        """Delete it."""
