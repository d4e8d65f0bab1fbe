"""What the tests of the engine share."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from colorway.cli import invocation


@pytest.fixture(autouse=True)
def on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command line be on PATH, so that what is printed does not depend on who runs the tests."""
    monkeypatch.setattr(invocation, "_program", lambda: "colorway")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed, so there is no certificate for the TLS cases")
    folder = tmp_path_factory.mktemp("certificate")
    key, cert = folder / "key.pem", folder / "cert.pem"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", str(key), "-out", str(cert), "-subj", "/CN=localhost", "-days", "2"]
    subprocess.run([openssl, "req", "-x509", *curve, *files], check=True, capture_output=True)
    return cert, key


@pytest.fixture(params=["plain", "tls"])
def transport(request):
    return request.getfixturevalue("certificate") if request.param == "tls" else None
