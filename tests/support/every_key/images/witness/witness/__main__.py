"""Says what its own process finds around it, so that a test asks a running task from the inside.

Ports are arguments. GET / is everything at once, GET /fetch?URL another service's answer, PUT /PATH a file of its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDERS = ("/srv/uploads", "/srv/own", "/run/secrets", "/etc/witness")


def files() -> dict[str, list[object]]:
    """Return mode, owner, group and content of each file."""
    found = {}
    for path in (path for folder in FOLDERS for path in sorted(Path(folder).glob("*"))):
        has = path.stat()
        text = path.read_text() if os.access(path, os.R_OK) else None
        found[str(path)] = [f"{has.st_mode & 0o7777:04o}", has.st_uid, has.st_gid, text]
    return found


def finds() -> dict[str, object]:
    """Return what this process finds."""
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    shm = os.statvfs("/dev/shm")
    return {
        "argv": Path("/proc/self/cmdline").read_text().split("\0")[:-1],
        "first": Path("/proc/1/cmdline").read_text().split("\0")[0],
        "user": [os.getuid(), os.getgid()],
        "capabilities": status["CapBnd"],
        "folder": str(Path.cwd()),
        "env": dict(os.environ),
        "hosts": Path("/etc/hosts").read_text(),
        "shm": shm.f_blocks * shm.f_frsize,
        "mounts": {line.split()[1]: line.split()[3] for line in Path("/proc/self/mounts").read_text().splitlines()},
        "files": files(),
    }


class Witness(BaseHTTPRequestHandler):
    """Answers each request in a thread of its own."""

    def do_GET(self) -> None:
        """Say what is asked."""
        path, _, query = self.path.partition("?")
        if path == "/fetch":
            with urllib.request.urlopen(urllib.parse.unquote(query), timeout=5) as answer:
                self.answer(answer.read())
        else:
            self.answer(json.dumps(finds()).encode())

    def do_PUT(self) -> None:
        """Write a file and say how that went."""
        try:
            Path(self.path).write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
        except OSError as error:
            self.answer(type(error).__name__.encode() + b": " + os.strerror(error.errno or 0).encode())
        else:
            self.answer(b"written")

    def answer(self, body: bytes) -> None:
        """Send an answer; its status is 200."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Listen on every port that is an argument until a signal comes; the volume keeps which one it was."""
    servers = [ThreadingHTTPServer(("", int(port)), Witness) for port in sys.argv[1:]]
    ends = {signal.SIGTERM, signal.SIGUSR1}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    Path("/srv/own/ended").write_text(signal.Signals(signal.sigwait(ends)).name)


if __name__ == "__main__":
    main()
