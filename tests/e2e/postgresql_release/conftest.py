"""One lab whose PostgreSQL has two members and is backed up, shared by the tests of this folder."""

from __future__ import annotations

from tests.support.backed_up_lab import cluster, store

__all__ = ["cluster", "store"]
