"""Loopback servers that write down what they get: HTTP, HTTPS and SMTP."""

from __future__ import annotations

import http.server
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Received:
    """What a sink got."""

    port: int = 0
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)


Answering = Callable[[str, dict[str, str]], tuple[int, str]]
"""From path and headers to status and body."""


@contextmanager
def http_sink(
    answer: Answering = lambda _path, _headers: (200, "{}"), *, tls: Path | None = None
) -> Iterator[Received]:
    """Serve HTTP, or HTTPS with a self-signed certificate made in a folder."""
    received = Received()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            received.paths.append(self.path)
            received.headers.append(dict(self.headers))
            length = int(self.headers.get("Content-Length") or 0)
            received.bodies.append(self.rfile.read(length).decode())
            status, body = answer(self.path, dict(self.headers))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_GET  # noqa: N815 - the library's name

        def log_message(self, *_arguments: object) -> None:
            return

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_arguments: object) -> None:
            """A client that gives up is no trouble of the sink's."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = _context(tls).wrap_socket(server.socket, server_side=True)
        received.port = server.server_address[1]
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
        thread.start()
        yield received
        server.shutdown()


@contextmanager
def smtp_sink() -> Iterator[Received]:
    """Serve just enough SMTP to be sent a mail."""
    received = Received()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 sink")
            for line in self.rfile:
                verb = line.decode().strip().upper()
                if verb.startswith("DATA"):
                    self._say("354 go on")
                    received.bodies.append("".join(self._mail()))
                    self._say("250 kept")
                elif verb.startswith("QUIT"):
                    self._say("221 bye")
                    return
                else:
                    self._say("250 sink")

        def _mail(self) -> Iterator[str]:
            for line in self.rfile:
                if line.rstrip() == b".":
                    return
                yield line.decode()

        def _say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        received.port = server.server_address[1]
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
        thread.start()
        yield received
        server.shutdown()


def _context(folder: Path) -> ssl.SSLContext:
    key, certificate = folder / "key.pem", folder / "cert.pem"
    if not certificate.is_file():
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        subprocess.run(
            [*new, "-days", "1", "-keyout", str(key), "-out", str(certificate), *subject],
            check=True,
            capture_output=True,
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
