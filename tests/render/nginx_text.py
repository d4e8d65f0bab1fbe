"""nginx's text as a tree that tests can ask."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import crossplane
from crossplane import analyzer, parser

NEWER = {
    # Directives younger than crossplane's table, from nginx's documentation.
    "http2": [analyzer.NGX_HTTP_MAIN_CONF | analyzer.NGX_HTTP_SRV_CONF | analyzer.NGX_CONF_FLAG],
    "keepalive_min_timeout": [
        analyzer.NGX_HTTP_MAIN_CONF | analyzer.NGX_HTTP_SRV_CONF | analyzer.NGX_HTTP_LOC_CONF | analyzer.NGX_CONF_TAKE1
    ],
    "ssl_certificate_cache": [analyzer.NGX_HTTP_MAIN_CONF | analyzer.NGX_HTTP_SRV_CONF | analyzer.NGX_CONF_TAKE123],
    "ssl_reject_handshake": [analyzer.NGX_HTTP_MAIN_CONF | analyzer.NGX_HTTP_SRV_CONF | analyzer.NGX_CONF_FLAG],
    # Also in `if`, where nginx -t takes it.
    "add_header_inherit": [
        analyzer.NGX_HTTP_MAIN_CONF
        | analyzer.NGX_HTTP_SRV_CONF
        | analyzer.NGX_HTTP_LOC_CONF
        | analyzer.NGX_HTTP_LIF_CONF
        | analyzer.NGX_CONF_TAKE1
    ],
}
TABLES = {"map", "split_clients", "geo"}
"""Blocks of values; crossplane takes each line for a directive that it does not know."""


@dataclass(frozen=True, kw_only=True)
class Directive:
    """One directive with its block."""

    name: str
    args: tuple[str, ...]
    block: tuple[Directive, ...]

    def all(self, *path: str) -> Iterator[Directive]:
        """Return the directives at a path of names below this one."""
        for directive in self.block:
            if directive.name == path[0]:
                if path[1:]:
                    yield from directive.all(*path[1:])
                else:
                    yield directive

    def values(self, *path: str) -> list[str]:
        """Return the arguments of the directives at a path, joined."""
        return [" ".join(directive.args) for directive in self.all(*path)]

    def deep(self, name: str) -> Iterator[Directive]:
        """Return the directives with a name at any depth."""
        for directive in self.block:
            if directive.name == name:
                yield directive
            yield from directive.deep(name)


def read(text: str) -> Directive:
    """Parse a text strictly: an unknown directive, a wrong place or count of arguments is an error."""
    for name, masks in NEWER.items():
        analyzer.DIRECTIVES.setdefault(name, masks)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "nginx.conf"
        path.write_text(text, encoding="utf-8")
        with mock.patch.object(parser, "analyze", _analyze):
            payload = crossplane.parse(str(path), strict=True, single=True, catch_errors=True)
    errors = [f"line {error['line']}: {error['error']}" for config in payload["config"] for error in config["errors"]]
    assert not errors, f"nginx would refuse the text: {errors}"
    [config] = payload["config"]
    return Directive(name="", args=(), block=tuple(_directive(raw) for raw in config["parsed"]))


def _analyze(*, ctx: tuple[str, ...] = (), **rest: Any) -> None:
    if not TABLES & set(ctx):
        analyzer.analyze(ctx=ctx, **rest)


def _directive(raw: dict[str, Any]) -> Directive:
    return Directive(
        name=raw["directive"],
        args=tuple(raw["args"]),
        block=tuple(_directive(below) for below in raw.get("block") or []),
    )
