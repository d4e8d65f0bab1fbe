"""The digest of a folder that an image is built from."""

from __future__ import annotations

import hashlib
from pathlib import Path

DIGEST_LENGTH = 12


def digest_of(folder: Path) -> str:
    """Return 12 hex digits over the names, executable bits and contents of all files below a folder.

    Python's caches do not count: running the tests must not change an image's name.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            executable = bool(path.stat().st_mode & 0o100)
            total.update(f"{path.relative_to(folder).as_posix()}\0{executable}\0".encode())
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:DIGEST_LENGTH]
