"""One real load balancer on this machine's own network, backends behind it, and a client before it."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc

from colorway.config import stack_files
from colorway.machine import images
from colorway.machine.progress import silent
from colorway.render.certificates import certify, certify_arguments
from colorway.render.nginx import generation
from colorway.render.templates import entry, script
from colorway.spec.platform_spec import PlatformSpec
from tests.support.places import WORKER
from tests.support.specs import ROOT
from tests.support.wait import wait_until

TOKEN = "0123456789abcdef0123456789abcdef"
"""Opens the idle color."""
COLORS = ("blue", "green")
HAS_IPV6 = Path("/proc/net/if_inet6").exists()


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Where a load balancer listens on this machine."""

    http: int = 19480 + 1000 * WORKER
    https: int = 19443 + 1000 * WORKER
    status: int = 19481 + 1000 * WORKER


class Backend(BaseHTTPRequestHandler):
    """A task of one service in one color."""

    protocol_version = "HTTP/1.1"
    # Head and body in one packet: in two, each answer waits 40 ms for an acknowledgement.
    wbufsize = 65536
    service = color = ""

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if self.headers.get("Upgrade") == "websocket":
            self._echo()
        elif path.startswith("/events"):
            self._tell_events()
        elif path.startswith("/bytes/"):
            self._send_bytes(int(path.removeprefix("/bytes/")))
        elif path.startswith("/assets/"):
            has_it = self.color in path or "both" in path
            self._answer(path.encode(), status=200 if has_it else 404, kind="text/css")
        elif path == "/part" and self.headers["Range"] == "bytes=2-4":
            self._answer(b"cde", status=206)
        elif path.startswith("/status/"):
            self._answer(b"the service's own words", status=int(path.removeprefix("/status/")))
        else:
            if path == "/slow":
                time.sleep(8)
            count = {"/headers": 10, "/bad-headers": 13}.get(path, 0)
            told = {"color": self.color, "service": self.service, "path": self.path, "headers": dict(self.headers)}
            self._answer(b"x" * 20_000_000 if path == "/large" else json.dumps(told).encode(), long_headers=count)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_OPTIONS(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        got = 0
        if self.headers["Transfer-Encoding"] == "chunked":
            while size := int(self.rfile.readline(), 16):
                got += len(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
        else:
            left = int(self.headers["Content-Length"])
            while left > 0:
                part = len(self.rfile.read(min(left, 2**20)))
                got, left = got + part, left - part
        self._answer(json.dumps({"got": got, "headers": dict(self.headers)}).encode())

    def _answer(self, body: bytes, *, status: int = 200, long_headers: int = 0, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", kind)
        self.send_header("X-Service", "own")
        for number in range(long_headers):
            self.send_header(f"X-Long-{number}", "a" * 2980)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_bytes(self, count: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(count))
        self.end_headers()
        for _ in range(count // 2**16):
            self.wfile.write(bytes(2**16))
        self.wfile.write(bytes(count % 2**16))

    def _tell_events(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for number in range(4):
            self.wfile.write(f"data: {number}\n\n".encode())
            self.wfile.flush()
            time.sleep(0.5)

    def _echo(self) -> None:
        """Accept a WebSocket and send every byte back, as it is."""
        said = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(said.encode()).digest()).decode()
        self.wfile.write(
            f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        self.wfile.flush()
        while got := self.connection.recv(4096):
            self.connection.sendall(got)
        self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A client that goes away is no news."""


def _shout(requests: object, context: grpc.ServicerContext) -> object:
    for one in requests:  # type: ignore[attr-defined]
        if one == b"wait":
            time.sleep(6)
        told = dict(context.invocation_metadata())
        yield one.upper() + b" " + str(told.get("x-forwarded-proto", "")).encode()


def rpc_server() -> tuple[grpc.Server, int]:
    """Return a server of gRPC that sends all that it is sent back in capitals, and its port."""
    server = grpc.server(ThreadPoolExecutor(8))
    handler = grpc.stream_stream_rpc_method_handler(_shout)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Words", {"Shout": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


class Edge:
    """One load balancer, whose text can be changed."""

    def __init__(
        self,
        folder: Path,
        image: str,
        spec: PlatformSpec,
        *,
        ports: Ports | None = None,
        secrets: Mapping[str, str] | None = None,
        name: str = "colorway-test-edge",
    ) -> None:
        self.folder = folder
        self.listens = ports or Ports()
        self.name = f"{name}-{uuid.uuid4().hex[:8]}"
        self.rpc, port = rpc_server()
        self.ports = {"rpc": port}
        self.servers = []
        for service in ("shop", "api"):
            for color in COLORS:
                handler = type("Handler", (Backend,), {"service": service, "color": color})
                server = Server(("127.0.0.1", 0), handler)
                threading.Thread(target=server.serve_forever, daemon=True).start()
                self.servers.append(server)
                self.ports[f"{service}-{color}"] = server.server_address[1]
        self.script("make-directory", stdin=entry("nginx"))
        self.keep(secrets or {})
        self.write(spec)
        subprocess.run(
            ["docker", "run", "--rm", "--detach", "--init", "--name", self.name, "--network", "host", "--tmpfs", "/tmp",
             "--label", f"com.docker.swarm.service.name={self.name}",
             "--volume", f"{folder}:/etc/colorway", "--env", f"COLORWAY_STATUS_PORT={self.listens.status}",
             image, "/bin/sh", "-euc", '/bin/sh -euc "$0" colorway "$@"; exec /bin/sh /etc/colorway/entry.sh',
             certify(), *certify_arguments(spec)],
            check=True, capture_output=True,
        )  # fmt: skip
        wait_until(lambda: self.live() is not None, limit=30, what="nginx answers")

    def script(self, name: str, *arguments: str, stdin: str) -> None:
        """Run one of the scripts of hosts."""
        command = ["/bin/sh", "-euc", script(name), "colorway", str(self.folder), *arguments]
        run = subprocess.run(command, input=stdin, text=True, check=False, capture_output=True)
        assert run.returncode == 0, run.stderr

    def keep(self, secrets: Mapping[str, str]) -> None:
        """Have the load balancer know secrets, by the script that rotates them."""
        files = {"preview.conf": f'"~^{TOKEN}\\.green$" green;\n', **secrets}
        text = "".join(f"# file {name}\n{content}" for name, content in files.items())
        self.script("edge-secrets", self.name, str(self.listens.status), stdin=text)

    def write(self, spec: PlatformSpec) -> str:
        """Put a generation in place, with this machine's ports for the swarm's names; return its digest."""
        made = generation(spec)
        text = re.sub(
            r"server (\w+(?:-(?:blue|green))?):\d+ resolve",
            lambda found: f"server 127.0.0.1:{self.ports[found[1]]}",
            made.text,
        )
        for port, ours in ((80, self.listens.http), (443, self.listens.https)):
            text = re.sub(rf"listen {port}\b", f"listen 127.0.0.1:{ours}", text)
            text = text.replace(f"-{port}-*.conf", f"-{ours}-*.conf")
        text = text.replace("127.0.0.1:8081", f"127.0.0.1:{self.listens.status}").replace(
            "worker_processes auto", "worker_processes 2"
        )
        # As the entry script writes them for the ports of a container, where the kernel has IPv6.
        for kind in ("", "default-") if HAS_IPV6 else ():
            for port, more in ((self.listens.http, ""), (self.listens.https, " ssl")):
                default = " default_server" if kind else ""
                listen = f"listen [::1]:{port}{more}{default};\n"
                (self.folder / "run" / f"listen-{kind}{port}-ipv6.conf").write_text(listen, encoding="utf-8")
        place = self.folder / "generations" / made.digest
        place.mkdir(exist_ok=True)
        (place / "nginx.conf").write_text(text, encoding="utf-8")
        new = self.folder / "new"
        new.symlink_to(f"generations/{made.digest}")
        new.rename(self.folder / "current")
        return made.digest

    def live(self) -> str | None:
        """Return the digest that new connections are answered."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.listens.status, timeout=2)
            connection.request("GET", "/generation")
            return connection.getresponse().read().decode()
        except OSError:
            return None

    def switch(self, spec: PlatformSpec) -> None:
        """Make another text live."""
        digest = self.write(spec)
        reload = ["nginx", "-e", "stderr", "-s", "reload", "-c", "/etc/colorway/current/nginx.conf"]
        run = subprocess.run(["docker", "exec", self.name, *reload], check=False, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        # Old and new workers accept side by side for a moment.
        wait_until(lambda: [self.live() for _ in range(5)] == [digest] * 5, limit=20, what="the new text is live")

    def client(
        self,
        name: str = "example.com",
        *,
        address: str = "127.0.0.1",
        source: str | None = None,
        certificate: Path | None = None,
    ) -> Client:
        """Return a kept connection under one name; `certificate` is a file with that and its key."""
        return Client(name, self.listens.https, address, source=source, certificate=certificate)

    def close(self) -> None:
        """Remove what was started."""
        subprocess.run(["docker", "rm", "--force", self.name], check=False, capture_output=True)
        self.rpc.stop(None)
        for server in self.servers:
            server.shutdown()
            server.server_close()


class Client:
    """A kept connection under one name."""

    def __init__(
        self, name: str, port: int, address: str, *, source: str | None = None, certificate: Path | None = None
    ) -> None:
        self.name = name
        self.place = (address, port)
        self.source = (source, 0) if source else None
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        if certificate is not None:
            self.context.load_cert_chain(certificate)
        self.connection = http.client.HTTPConnection(*self.place, timeout=60)
        self.connection.sock = self.open()

    def open(self) -> ssl.SSLSocket:
        """Return a new connection with its handshake done."""
        raw = socket.create_connection(self.place, timeout=60, source_address=self.source)
        return self.context.wrap_socket(raw, server_hostname=self.name)

    def ask(
        self, path: str = "/", *, method: str = "GET", body: object = None, **headers: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Return status, headers and body of an answer; `_` in a header's name is `-`."""
        response = self.begin(path, method=method, body=body, **headers)
        return response.status, response.headers, response.read()

    def begin(self, path: str, *, method: str = "GET", body: object = None, **headers: str) -> http.client.HTTPResponse:
        """Return an answer whose body was not read yet."""
        if self.connection.sock is None:
            self.connection.sock = self.open()
        sent = {"Host": self.name, **{name.replace("_", "-"): value for name, value in headers.items()}}
        self.connection.request(method, path, body=body, headers=sent)  # type: ignore[arg-type]
        return self.connection.getresponse()

    def color(self, **headers: str) -> tuple[str, str | None]:
        """Return the color of an answer, and the bucket that its cookie keeps."""
        status, answered, body = self.ask("/", **headers)
        assert status == 200, body
        cookie = re.match(r"rel_test=(\d+);", answered.get("Set-Cookie") or "")
        return json.loads(body)["color"], cookie[1] if cookie else None


def websocket(edge: Edge, path: str) -> ssl.SSLSocket:
    """Return an open WebSocket, on which every byte comes back."""
    connection = edge.client().open()
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    assert connection.recv(4096).startswith(b"HTTP/1.1 101 ")
    return connection


def grpc_channel(edge: Edge) -> grpc.Channel:
    """Return a channel to example.com that trusts the load balancer's own certificate."""
    certificate = (edge.folder / "certs" / "example.com" / "current" / "fullchain.pem").read_bytes()
    credentials = grpc.ssl_channel_credentials(certificate)
    options = [("grpc.ssl_target_name_override", "example.com"), ("grpc.default_authority", "example.com")]
    return grpc.secure_channel(f"127.0.0.1:{edge.listens.https}", credentials, options)


@contextmanager
def running_edge(
    folder: Path, spec: PlatformSpec, *, ports: Ports | None = None, secrets: Mapping[str, str] | None = None
) -> Iterator[Edge]:
    """Yield a load balancer of the demo's image that runs with a stack's text; all of it is gone at the end."""
    local = stack_files.from_file(root=ROOT, stack="local")
    [(reference, version)] = [(one, version) for one, (name, version) in local.builds().items() if name == "nginx"]
    image = images.ensure_image(
        reference=reference, version=version, context=ROOT / "images" / "nginx", progress=silent
    )
    folder.chmod(0o755)
    made = Edge(folder, image, spec, ports=ports, secrets=secrets)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)
