"""Keeps what was parsed: hundreds of tests read the same few files, and only one of them differs."""

from __future__ import annotations

import pytest

from colorway.config import stack_files
from colorway.config.documents import Document, Problem, read_document

Parsed = tuple[Document, list[Problem]]


@pytest.fixture(scope="session")
def parsed_files() -> dict[tuple[str, bytes], Parsed]:
    return {}


@pytest.fixture(autouse=True)
def _parse_once(monkeypatch, parsed_files):
    def read_once(path, *, name):
        key = (name, path.read_bytes())
        if key not in parsed_files:
            parsed_files[key] = read_document(path, name=name)
        return parsed_files[key]

    monkeypatch.setattr(stack_files, "read_document", read_once)
