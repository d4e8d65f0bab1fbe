"""A server that speaks as much of S3 as pgBackRest and restic ask for, by TLS; its objects are files, to be spoiled."""

from __future__ import annotations

import hashlib
import re
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

BUCKET = "backups"


@dataclass(kw_only=True)
class Bucket:
    """A bucket in a folder; names of objects are paths below it."""

    folder: Path
    endpoint: str
    """Server and port."""
    certificate: str
    """Certificate of the server, which has signed it itself; PEM."""
    refuses: bool = False
    """Whether whoever asks is told no, as when a key was withdrawn."""

    def objects(self, prefix: str = "") -> list[str]:
        """Return the names that begin with a text, sorted as S3 does."""
        files = (path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())
        return sorted(name for name in files if name.startswith(prefix) and not name.startswith(".parts/"))

    def path(self, name: str) -> Path:
        """Return the file of an object.

        Raises:
            ValueError: it would be elsewhere.
        """
        found = (self.folder / name).resolve()
        if not found.is_relative_to(self.folder.resolve()):
            raise ValueError(name)
        return found

    @contextmanager
    def spoiled(self, name: str) -> Iterator[None]:
        """Turn one bit in the middle of an object around, for as long as this lasts."""
        was = self.path(name).read_bytes()
        middle = len(was) // 2
        self.path(name).write_bytes(was[:middle] + bytes([was[middle] ^ 1]) + was[middle + 1 :])
        yield
        self.path(name).write_bytes(was)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Tell everybody no, for as long as this lasts."""
        self.refuses = True
        try:
            yield
        finally:
            self.refuses = False

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Take an object away, for as long as this lasts."""
        was = self.path(name).read_bytes()
        self.path(name).unlink()
        yield
        self.path(name).write_bytes(was)


@contextmanager
def running_s3(folder: Path, *, address: str) -> Iterator[Bucket]:
    """Serve an empty bucket at an address of this machine until the end."""
    folder.mkdir(parents=True)
    certificate, key = folder / "s3.crt", folder / "s3.key"
    names = ["-subj", "/CN=s3", "-addext", f"subjectAltName=IP:{address}"]
    files = ["-out", str(certificate), "-keyout", str(key)]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files]
    subprocess.run(made, capture_output=True, check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    (folder / BUCKET).mkdir()
    bucket = Bucket(folder=folder / BUCKET, endpoint="", certificate=certificate.read_text(encoding="ascii"))
    handler = type("S3", (_Handler,), {"bucket": bucket})
    with _Server((address, 0), handler) as server:
        # Handshakes in the threads of their connections: one that hangs must not keep the others out.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        bucket.endpoint = f"{address}:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield bucket
        server.shutdown()


class _Server(ThreadingHTTPServer):
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    """GET, HEAD, PUT, DELETE of objects, uploads in parts, lists, and deletes of many."""

    bucket: ClassVar[Bucket]
    protocol_version = "HTTP/1.1"
    timeout = 120

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _asked(self) -> tuple[str, dict[str, str], bytes] | None:
        """Return the object, the question and the content; none = it was refused."""
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        # Whose signature it is does not matter here; that there is one does.
        is_signed = self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 ")
        if self.bucket.refuses or not is_signed:
            self._answer(HTTPStatus.FORBIDDEN, b"<Error><Code>AccessDenied</Code></Error>")
            return None
        name = unquote(url.path).removeprefix(f"/{BUCKET}").lstrip("/")
        return name, {key: one[0] for key, one in parse_qs(url.query, keep_blank_values=True).items()}, content

    def do_GET(self) -> None:
        """Answer with an object, or a list."""
        if (asked := self._asked()) is None:
            return
        name, question, _ = asked
        if not name:
            self._list(question)
        elif (file := self.bucket.path(name)).is_file():
            self._object(file.read_bytes())
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"<Error><Code>NoSuchKey</Code></Error>")

    def do_HEAD(self) -> None:
        """Answer as for GET, without the content."""
        self.do_GET()

    def do_PUT(self) -> None:
        """Keep an object, or a part of one."""
        if (asked := self._asked()) is None:
            return
        name, question, content = asked
        if "uploadId" in question:
            name = f".parts/{question['uploadId']}/{int(question['partNumber']):05}"
        file = self.bucket.path(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        self._answer(HTTPStatus.OK, b"", ETag=f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"')

    def do_DELETE(self) -> None:
        """Forget an object."""
        if (asked := self._asked()) is not None:
            self.bucket.path(asked[0]).unlink(missing_ok=True)
            self._answer(HTTPStatus.NO_CONTENT, b"")

    def do_POST(self) -> None:
        """Begin or end an upload in parts, or forget many objects."""
        if (asked := self._asked()) is None:
            return
        name, question, content = asked
        if "delete" in question:
            for one in re.findall(rb"<Key>(.*?)</Key>", content):
                self.bucket.path(unescape(one.decode())).unlink(missing_ok=True)
            answer = "<DeleteResult></DeleteResult>"
        elif "uploads" in question:
            upload = hashlib.sha256(name.encode()).hexdigest()
            answer = f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
        else:
            parts = self.bucket.path(f".parts/{question['uploadId']}")
            file = self.bucket.path(name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"".join(part.read_bytes() for part in sorted(parts.iterdir())))
            shutil.rmtree(parts)
            answer = '<CompleteMultipartUploadResult><ETag>"whole"</ETag></CompleteMultipartUploadResult>'
        self._answer(HTTPStatus.OK, answer.encode())

    def _object(self, content: bytes) -> None:
        """Answer with all of it, or with the range that was asked for."""
        tag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        if (wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))) is None:
            self._answer(HTTPStatus.OK, content, ETag=tag)
            return
        first = int(wanted[1])
        part = content[first : int(wanted[2] or len(content)) + 1]
        where = f"bytes {first}-{first + len(part) - 1}/{len(content)}"
        status = HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        self._answer(status, part, ETag=tag, **{"Content-Range": where})

    def _list(self, question: dict[str, str]) -> None:
        prefix, end = question.get("prefix", ""), question.get("delimiter", "")
        keys, folders = [], {}
        for name in self.bucket.objects(prefix):
            first, slash, _ = name[len(prefix) :].partition(end) if end else (name, "", "")
            if slash:
                folders[f"{prefix}{first}{slash}"] = None
            else:
                size = self.bucket.path(name).stat().st_size
                moment = "<LastModified>2026-01-01T00:00:00.000Z</LastModified>"
                keys.append(f"<Contents><Key>{escape(name)}</Key>{moment}<Size>{size}</Size></Contents>")
        below = "".join(f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in folders)
        text = f"<ListBucketResult><IsTruncated>false</IsTruncated>{''.join(keys)}{below}</ListBucketResult>"
        self._answer(HTTPStatus.OK, text.encode())

    def _answer(self, status: HTTPStatus, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header, value)
        if status is not HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(content)))
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
