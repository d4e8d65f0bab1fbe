"""An API that is asked to purge: answers as told, and remembers what it was asked for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class PurgeApi:
    """What was asked for, and what the next requests are answered; with nothing left, that it is done."""

    url: str = ""
    asked: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    """Path and body of each request."""
    tokens: set[str] = field(default_factory=set)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Status and headers; status 0 = none at all until the end."""
    ended: threading.Event = field(default_factory=threading.Event)


@contextmanager
def purge_api(*answers: tuple[int, dict[str, str]]) -> Iterator[PurgeApi]:
    """Serve on a port of the loopback."""
    api = PurgeApi(answers=list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            api.asked.append((self.path, json.loads(body)))
            api.tokens.add(self.headers["Authorization"])
            status, headers = api.answers.pop(0) if api.answers else (200, {})
            if not status:
                api.ended.wait(30)
                return
            errors = [] if status == 200 else [{"code": 1, "message": "no"}]
            answer = {"success": not errors, "errors": errors, "messages": [], "result": {"id": "1"}}
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api.ended.set()
        server.shutdown()
        server.server_close()
