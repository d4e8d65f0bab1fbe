"""Prometheus over HTTP: what it says comes back as it is; silence is one sentence."""

from __future__ import annotations

import socket
from urllib.parse import parse_qs, urlsplit

import pytest

from colorway.release.ports.prometheus import Prometheus, PrometheusError
from tests.release.sinks import http_sink
from tests.release.situations import NOW


@pytest.mark.parametrize(("status", "body"), [(200, '{"status":"success"}'), (400, '{"status":"error"}'), (503, "<p>")])
def test_what_prometheus_says_comes_back_as_it_is(monkeypatch: pytest.MonkeyPatch, status: int, body: str) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with http_sink(lambda _path, _headers: (status, body)) as sink:
        answer = Prometheus(lambda: f"http://127.0.0.1:{sink.port}/").query('sum(x{a="b"})', at=NOW)
    assert answer == body.encode(), "refusals included: they say why"
    asked = urlsplit(sink.paths[0])
    assert asked.path == "/api/v1/query", "no proxy was asked"
    assert parse_qs(asked.query) == {"query": ['sum(x{a="b"})'], "time": ["1777896000.000"]}, "at that time"


def test_silence_is_an_error_in_time() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(PrometheusError, match="does not answer"):
            Prometheus(lambda: url, timeout=0.2).query("up", at=NOW)
    with pytest.raises(PrometheusError, match="does not answer"):
        Prometheus(lambda: url, timeout=0.2).query("up", at=NOW)


def test_only_http_is_asked() -> None:
    with pytest.raises(PrometheusError, match="no HTTP address"):
        Prometheus(lambda: "file:///etc").query("up", at=NOW)
