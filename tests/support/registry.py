"""A registry with a password: enough of the registry's HTTP API, version 2, for `docker push` and `docker pull`."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

CHUNK = 1 << 20
_DIGEST = r"sha256:[0-9a-f]{64}"
_BLOB = re.compile(rf"/v2/(?P<name>.+)/blobs/(?P<digest>{_DIGEST})")
_UPLOAD = re.compile(r"/v2/(?P<name>.+)/blobs/uploads/(?P<id>[0-9]*)")
_MANIFEST = re.compile(r"/v2/(?P<name>.+)/manifests/(?P<reference>[A-Za-z0-9_.:-]+)")


@dataclass(kw_only=True)
class Registry:
    """A registry that runs on the loopback, which Docker asks without TLS, and where wanted on one address more."""

    folder: Path
    user: str
    password: str
    """May be changed while it runs."""
    address: str = "127.0.0.1"
    """Where hosts pull from."""
    port: int = 0
    refused: int = 0
    """Requests with a wrong password."""
    let_in: int = 0
    """Requests with the right one."""
    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)
    """Media type and text of each manifest, by repository and by tag or digest."""
    uploads: int = 0

    @property
    def host(self) -> str:
        """Its address as an image's reference begins."""
        return f"{self.address}:{self.port}"

    @property
    def loopback(self) -> str:
        """Its address as who pushes on this machine names it."""
        return f"127.0.0.1:{self.port}"

    def blob(self, digest: str) -> Path:
        """The file of a blob."""
        return self.folder / digest.removeprefix("sha256:")

    def admits(self, header: str) -> bool:
        """Whether a request's Authorization is that of the user."""
        wanted = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if header == f"Basic {wanted}":
            self.let_in += 1
            return True
        self.refused += bool(header)
        return False


@contextmanager
def running_registry(folder: Path, *, user: str, password: str) -> Iterator[Registry]:
    """Run a registry on a free port of the loopback; its blobs are in a folder."""
    folder.mkdir(parents=True)
    registry = Registry(folder=folder, user=user, password=password)
    with _serving(registry, "127.0.0.1") as server:
        registry.port = server.server_address[1]
        yield registry


@contextmanager
def also_at(registry: Registry, address: str, *, folder: Path) -> Iterator[str]:
    """Let a registry be reached by TLS at an address, too; yield its certificate, which it has made itself once."""
    certificate, key = folder / "registry.crt", folder / "registry.key"
    names = ["-subj", "/CN=registry", "-addext", f"subjectAltName=IP:{address}"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    if not certificate.exists():
        made = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", *names, *files]
        subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    registry.address = address
    with _serving(registry, address, tls=context):
        yield certificate.read_text(encoding="ascii")


@contextmanager
def _serving(registry: Registry, address: str, *, tls: ssl.SSLContext | None = None) -> Iterator[ThreadingHTTPServer]:
    handler = type("Handler", (_Handler,), {"registry": registry})
    with ThreadingHTTPServer((address, registry.port), handler) as server:
        if tls is not None:
            # The handshake is the thread's of the connection: one that says nothing must not stop all others.
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(timeout=10)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: ClassVar[Registry]

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        self._read(with_content=True)

    def do_HEAD(self) -> None:
        self._read(with_content=False)

    def _read(self, *, with_content: bool) -> None:
        if not self._admitted():
            return
        path = urlsplit(self.path).path
        if path == "/v2/":
            self._answer(HTTPStatus.OK, b"{}", kind="application/json")
        elif found := _BLOB.fullmatch(path):
            self._send_blob(found["digest"], with_content=with_content)
        elif found := _MANIFEST.fullmatch(path):
            known = self.registry.manifests.get((found["name"], found["reference"]))
            if known is None:
                self._refuse(HTTPStatus.NOT_FOUND, "MANIFEST_UNKNOWN")
                return
            kind, content = known
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            self._answer(HTTPStatus.OK, content, kind=kind, with_content=with_content, digest=digest)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "UNSUPPORTED")

    def do_POST(self) -> None:
        self._body_to(None)
        found = _UPLOAD.fullmatch(urlsplit(self.path).path)
        if not self._admitted():
            return
        if found is None:
            self._refuse(HTTPStatus.NOT_FOUND, "UNSUPPORTED")
            return
        self.registry.uploads += 1
        number = self.registry.uploads
        self._upload(number).touch()
        self._answer(HTTPStatus.ACCEPTED, location=f"/v2/{found['name']}/blobs/uploads/{number}")

    def do_PATCH(self) -> None:
        found = _UPLOAD.fullmatch(urlsplit(self.path).path)
        self._body_to(self._upload(int(found["id"])) if found else None)
        if not self._admitted():
            return
        size = self._upload(int(found["id"])).stat().st_size if found else 0
        self._answer(HTTPStatus.ACCEPTED, location=self.path, range_=f"0-{size - 1}")

    def do_PUT(self) -> None:
        parts = urlsplit(self.path)
        if found := _UPLOAD.fullmatch(parts.path):
            upload = self._upload(int(found["id"]))
            self._body_to(upload)
            if not self._admitted():
                return
            digest = parse_qs(parts.query)["digest"][0]
            upload.rename(self.registry.blob(digest))
            self._answer(HTTPStatus.CREATED, location=f"/v2/{found['name']}/blobs/{digest}", digest=digest)
        elif found := _MANIFEST.fullmatch(parts.path):
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if not self._admitted():
                return
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            for reference in {found["reference"], digest}:
                self.registry.manifests[found["name"], reference] = (self.headers["Content-Type"], content)
            self._answer(HTTPStatus.CREATED, location=f"/v2/{found['name']}/manifests/{digest}", digest=digest)

    def _upload(self, number: int) -> Path:
        return self.registry.folder / f"upload-{number}"

    def _body_to(self, file: Path | None) -> None:
        """Append the request's body to a file, or read it away."""
        with (file or Path("/dev/null")).open("ab") as output:
            if self.headers.get("Transfer-Encoding") == "chunked":
                while size := int(self.rfile.readline(), 16):
                    output.write(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
            else:
                output.write(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _admitted(self) -> bool:
        if self.registry.admits(self.headers.get("Authorization", "")):
            return True
        self._refuse(HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED")
        return False

    def _send_blob(self, digest: str, *, with_content: bool) -> None:
        file = self.registry.blob(digest)
        if not file.exists():
            self._refuse(HTTPStatus.NOT_FOUND, "BLOB_UNKNOWN")
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(file.stat().st_size))
        self.send_header("Docker-Content-Digest", digest)
        self.end_headers()
        if with_content:
            with file.open("rb") as source:
                while content := source.read(CHUNK):
                    self.wfile.write(content)

    def _refuse(self, status: HTTPStatus, code: str) -> None:
        said = json.dumps({"errors": [{"code": code, "message": status.phrase.lower()}]}).encode()
        self._answer(status, said, kind="application/json", with_content=self.command != "HEAD")

    def _answer(
        self,
        status: HTTPStatus,
        content: bytes = b"",
        *,
        kind: str | None = None,
        with_content: bool = True,
        location: str | None = None,
        digest: str | None = None,
        range_: str | None = None,
    ) -> None:
        self.send_response(status)
        said = {
            "Docker-Distribution-Api-Version": "registry/2.0",
            "WWW-Authenticate": 'Basic realm="test"' if status is HTTPStatus.UNAUTHORIZED else None,
            "Content-Type": kind,
            "Location": location,
            "Docker-Content-Digest": digest,
            "Range": range_,
            "Content-Length": str(len(content)),
        }
        for name, value in said.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if with_content:
            self.wfile.write(content)
