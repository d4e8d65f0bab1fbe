"""A real authority that speaks ACME, Pebble, with the resolver that it proves names by; and one that refuses all."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import threading
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from colorway.machine import images
from colorway.machine.progress import silent
from tests.support.specs import ROOT
from tests.support.wait import wait_until

DOCKERFILE = """\
FROM colorway/builder:forky AS packages
COPY packages.txt /build/
RUN install-packages /build/packages.txt

FROM debian:forky-slim
COPY --from=packages /delta/ /
"""
LIFETIME = 120
"""Seconds that a certificate lasts: certbot renews it when half of them are over."""


def pebble_image(folder: Path) -> str:
    """Return Debian's Pebble as an image, made as the project's own are."""
    context = folder / "pebble"
    context.mkdir(parents=True)
    (folder / "base").symlink_to(ROOT / "images" / "base")
    (context / "Dockerfile").write_text(DOCKERFILE, encoding="utf-8")
    (context / "packages.txt").write_text("pebble\n", encoding="utf-8")
    return images.ensure_image(reference="colorway-test/pebble:1", version=None, context=context, progress=silent)


@dataclass(kw_only=True)
class Pebble:
    """Pebble on this machine's own network."""

    image: str
    folder: Path
    first_port: int
    """Of six in a row."""
    address: str = "127.0.0.1"
    """Where it listens, on this machine."""
    name: str = ""

    def __post_init__(self) -> None:
        self.name = self.name or f"colorway-test-pebble-{uuid.uuid4().hex[:8]}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self_signed(self.folder, "pebble", name=f"IP:{self.address}")
        acme, management, dns, told, plain, tls = range(self.first_port, self.first_port + 6)
        self.directory = f"https://{self.address}:{acme}/dir"
        self._management, self._told = f"https://{self.address}:{management}", f"http://{self.address}:{told}"
        self._dns = dns
        config = {
            "listenAddress": f"{self.address}:{acme}",
            "managementListenAddress": f"{self.address}:{management}",
            "certificate": "/pebble/pebble.crt",
            "privateKey": "/pebble/pebble.key",
            "httpPort": plain,
            "tlsPort": tls,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
            "retryAfter": {"authz": 1, "order": 1},
            "profiles": {
                "default": {"description": "the usual one", "validityPeriod": 7776000},
                "tlsserver": {"description": "what is wanted here", "validityPeriod": LIFETIME},
            },
        }
        (self.folder / "config.json").write_text(json.dumps({"pebble": config}), encoding="utf-8")

    @property
    def trusted(self) -> Path:
        """Whom clients have to trust to ask it; not who signs what it issues."""
        return self.folder / "pebble.crt"

    def start(self) -> None:
        """Start both, and wait until they answer."""
        dns = f"{self.address}:{self._dns}"
        off = [word for one in ("http01", "https01", "tlsalpn01", "doh") for word in (f"-{one}", "")]
        told = self._told.removeprefix("http://")
        resolver = ["pebble-challtestsrv", "-dnsserver", dns, "-management", told, *off, "-defaultIPv6", ""]
        authority = ["pebble", "-config", "/pebble/config.json", "-strict", "-dnsserver", dns]
        self._run("dns", resolver)
        self._run("acme", authority)
        wait_until(self.answers, limit=60, what="Pebble answers")

    def answers(self) -> bool:
        """Return whether it answers."""
        try:
            return bool(self._get(self.directory))
        except OSError:
            return False

    def close(self) -> None:
        """Remove what was started."""
        for part in ("acme", "dns"):
            subprocess.run(["docker", "rm", "--force", f"{self.name}-{part}"], check=False, capture_output=True)

    def tell(self, name: str, contents: list[str]) -> None:
        """Have its resolver know a name's TXT records; what a zone's fake calls."""
        self._post("clear-txt", {"host": f"{name}."})
        for content in contents:
            self._post("set-txt", {"host": f"{name}.", "value": content})

    def root(self) -> str:
        """Return who signs, as PEM."""
        return self._get(f"{self._management}/roots/0").decode()

    def _run(self, part: str, command: list[str]) -> None:
        line = ["docker", "run", "--detach", "--init", "--name", f"{self.name}-{part}", "--network", "host"]
        line += ["--env", "PEBBLE_VA_NOSLEEP=1", "--env", "PEBBLE_WFE_NONCEREJECT=0"]
        # A name that was proven once has to be proven again.
        line += ["--env", "PEBBLE_AUTHZREUSE=0"]
        line += ["--volume", f"{self.folder}:/pebble:ro", self.image, *command]
        subprocess.run(line, check=True, capture_output=True)

    def _get(self, url: str) -> bytes:
        context = ssl.create_default_context(cafile=self.trusted)
        with urllib.request.urlopen(url, timeout=5, context=context) as answer:
            return bytes(answer.read())

    def _post(self, what: str, said: dict[str, str]) -> None:
        data = json.dumps(said).encode()
        with urllib.request.urlopen(f"{self._told}/{what}", data=data, timeout=10) as answer:
            answer.read()


def self_signed(folder: Path, file: str, *, name: str = "IP:127.0.0.1") -> None:
    """Make a certificate of this machine's, and its key, in a folder.

    Args:
        folder: Where.
        file: What both files are called, without their ends.
        name: Whose it is, as OpenSSL writes it.
    """
    files = ["-out", str(folder / f"{file}.crt"), "-keyout", str(folder / f"{file}.key")]
    names = ["-subj", f"/CN={file}", "-addext", f"subjectAltName={name}"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files]
    subprocess.run(made, capture_output=True, check=True)
    (folder / f"{file}.key").chmod(0o644)


@contextmanager
def limited_authority(folder: Path) -> Iterator[str]:
    """Serve an authority that has had enough of everybody: its directory answers, all else is 429."""
    folder.mkdir(parents=True, exist_ok=True)
    self_signed(folder, "limited")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "limited.crt", folder / "limited.key")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Limited)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}/dir"
    finally:
        server.shutdown()
        server.server_close()
        shutil.rmtree(folder, ignore_errors=True)


class _Limited(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        base = f"https://127.0.0.1:{self.server.server_address[1]}"
        keys = ("newNonce", "newAccount", "newOrder", "revokeCert", "keyChange")
        self._answer(200, {key: f"{base}/{key}" for key in keys}, kind="application/json")

    def do_HEAD(self) -> None:
        self._answer(200, None, kind="application/json")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        told = {"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many new registrations", "status": 429}
        self._answer(429, told, kind="application/problem+json")

    def _answer(self, status: int, told: object, *, kind: str) -> None:
        body = b"" if told is None else json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Replay-Nonce", uuid.uuid4().hex)
        self.end_headers()
        self.wfile.write(body)
