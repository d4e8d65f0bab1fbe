"""What is found of the certificates that a load balancer shows: the scripts, against a TLS server of this machine."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from colorway.render.monitoring import mtail
from colorway.render.templates import entry, nginx_script
from colorway.swarm.certificates import ShownCertificate, parsed
from tests.support.specs import pinned, small_spec

SPEC = small_spec(
    settings={"environment": "staging", "tls": {"issuer": "lets-encrypt", "token": "acme-token"}},
    overrides={"edge": {"certbot-image": pinned("certbot")}},
)
CONFIG = """
server {
    server_name example.com portal.example.com *.example.org;
}
"""


class Server:
    """Shows what it has under some names, and refuses the handshake under all others."""

    def __init__(self, folder: Path, certs: dict[str, Path]) -> None:
        self._contexts = {}
        for name, place in certs.items():
            context = self._contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(place / "fullchain.pem", place / "privkey.pem")
        self._first = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._first.sni_callback = self._choose  # type: ignore[assignment]
        self.folder = folder
        self._listens = socket.create_server(("127.0.0.1", 0))
        self.port = self._listens.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _choose(self, tls: ssl.SSLSocket, name: str, _context: ssl.SSLContext) -> int | None:
        if name not in self._contexts:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        tls.context = self._contexts[name]
        return None

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listens.accept()
                with self._first.wrap_socket(plain, server_side=True) as tls:
                    tls.recv(1)
            except ssl.SSLError:
                continue
            except OSError:
                return

    def close(self) -> None:
        self._listens.shutdown(socket.SHUT_RDWR)
        self._listens.close()


def make(folder: Path, subjects: str, *, days: int, authority: Path | None = None) -> Path:
    """Make a pair in a folder, signed by itself or by an authority's pair."""
    folder.mkdir(parents=True)
    signed = ["-CA", str(authority / "fullchain.pem"), "-CAkey", str(authority / "privkey.pem")] if authority else []
    line = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *signed]
    line += ["-days", str(days), "-subj", f"/CN={'leaf' if authority else 'colorway'}"]
    line += ["-addext", f"subjectAltName={subjects}"]
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    subprocess.run([*line, *files], check=True, capture_output=True, timeout=30)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("colorway")
    (folder / "current").mkdir()
    (folder / "run").mkdir()
    (folder / "run" / "access.log").touch()
    (folder / "current" / "nginx.conf").write_text(CONFIG)
    certs = folder / "certs"
    own = make(certs / "example.org" / "current", "DNS:example.org,DNS:*.example.org", days=3650)
    # What is shown is not what lies there.
    make(certs / "example.com" / "current", "DNS:example.com", days=90)
    shown = make(folder / "shown", "DNS:example.com,DNS:*.example.com", days=30, authority=own)
    (certs / "example.org" / "failure").write_text("2026-11-29T07:00:00Z\nThe authority is away.\n")
    running = Server(folder, {"portal.example.com": shown, "other.example.com": own})
    yield running
    running.close()


def told(server: Server, *asked: str, port: int | None = None) -> list[ShownCertificate]:
    text = nginx_script("certificates-shown").replace("/etc/colorway", str(server.folder))
    line = ["/bin/sh", "-uc", text, "colorway", str(port or server.port), *asked]
    run = subprocess.run(line, capture_output=True, text=True, check=True, timeout=30)
    assert run.stderr == ""
    return list(parsed(SPEC, "lb1", run.stdout))


def test_what_is_shown_counts_and_what_lies_there_is_known_beside_it(server):
    [found] = told(server, "example.com=portal.example.com")
    assert found.leaf is not None
    assert found.leaf.issuer == "colorway", "who signed it, and not whose it is"
    assert found.leaf.fits
    assert found.leaf.days_left in {29, 30}
    assert found.kept_until is not None
    assert found.kept_until - datetime.now(tz=UTC) > timedelta(days=88)
    assert found.problem is None


def test_a_handshake_that_is_refused_is_said_with_why(server):
    [found] = told(server, "example.com=example.com")
    assert (found.leaf, found.refusal) == (None, "tlsv1 unrecognized name")


def test_a_load_balancer_that_does_not_listen_is_said(server):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    [found] = told(server, "example.com=example.com", port=port)
    assert (found.leaf, found.refusal) == (None, "Connection refused")


def test_one_for_other_names_is_seen_and_its_failure(server):
    (server.folder / "current" / "nginx.conf").write_text(CONFIG.replace("example.com ", "other.example.com "))
    [found] = told(server, "example.org=other.example.com")
    (server.folder / "current" / "nginx.conf").write_text(CONFIG)
    assert found.leaf is not None
    assert found.leaf.issuer is None, "the load balancer's own"
    assert not found.leaf.fits
    assert (found.failure, found.failed_at) == ("The authority is away.", "2026-11-29T07:00:00Z")


def test_a_name_that_is_not_live_yet_is_no_mistake(server):
    assert told(server, "example.com=new.example.com", "example.org=example.org") == []


def reported(server: Server, lineage: str, name: str) -> dict[str, str]:
    """Return what mtail reads of what certbot's entry script says, once."""
    log = server.folder / "run" / "access.log"
    log.write_text("")
    found = re.search(r"^report\(\) \{\n.*?^\}$", entry("certbot"), re.MULTILINE | re.DOTALL)
    assert found is not None
    text = f"set -eu\ncerts={server.folder}/certs log={log} port={server.port}\n{found[0]}\nreport {lineage} {name}\n"
    subprocess.run(["/bin/sh", "-c", text], check=True, capture_output=True, timeout=30)
    patterns = [
        one for one in re.findall(r"^ */(.*)/ \{$", mtail(SPEC), re.MULTILINE) if "failing=" in one or "begins" in one
    ]
    assert len(patterns) == 2
    line = log.read_text().removesuffix("\n")
    assert line.count("\n") == 0, "one line for each"
    matches = [match for one in patterns if (match := re.search(one, line))]
    return {key: value for match in matches for key, value in match.groupdict().items()}


def test_mtail_is_told_what_is_shown(server):
    said = reported(server, "example.com", "portal.example.com")
    begins, expires = int(said.pop("begins")), int(said.pop("expires"))
    assert expires - begins == timedelta(days=30).total_seconds()
    assert abs(begins - datetime.now(tz=UTC).timestamp()) < 600, "in seconds after 1970, as Prometheus has them"
    assert said == {"domain": "example.com", "served": "1", "own": "0", "failing": "0"}


def test_mtail_is_told_what_is_not_shown_or_not_for_the_name(server):
    assert reported(server, "example.com", "gone.example.com") == {
        "domain": "example.com",
        "served": "0",
        "own": "0",
        "failing": "0",
    }
    said = reported(server, "example.org", "other.example.com")
    assert (said["served"], said["own"], said["failing"]) == ("0", "1", "1")


def test_of_a_domain_without_a_route_nothing_is_said(server):
    assert reported(server, "example.net", "-") == {}
