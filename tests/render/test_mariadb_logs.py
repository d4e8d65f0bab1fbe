"""What is known of a MariaDB's binary logs, by what its programs say of them; containers read real ones."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from colorway.render.templates import store_script


def said(command: str, *words: str, bin_: Path | None = None) -> str:
    """Return what a function of the script says."""
    run = subprocess.run(
        ["/bin/sh", "-euc", f'run() {{ "$@"; }}\n{store_script("mariadb-logs")}{command} "$@"', "logs", *words],
        env={"PATH": f"{bin_}:{os.environ['PATH']}", "COLORWAY_LOOKUP": "path"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return run.stdout if run.returncode == 0 else f"failed: {run.stdout}"


def has_program(folder: Path, name: str, prints: str) -> None:
    (folder / "printed").write_text(prints)
    (folder / name).write_text(f"#!/bin/sh\ncat {folder / 'printed'}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("has", "asked", "is_"),
    [
        ("0-10-9", "0-10-5", "ahead"),
        ("0-10-9", "0-10-9", "ahead"),
        ("0-10-9", "0-10-10", "behind"),
        ("0-10-500,0-11-620", "0-10-500,0-11-501", "ahead"),
        ("0-11-620", "0-10-500", "ahead"),
        ("0-10-500,0-11-620", "0-10-520", "apart"),
        ("0-10-9,1-10-3", "0-10-9,1-10-4", "behind"),
        ("0-10-9", "0-10-9,1-10-1", "behind"),
        ("0-10-9", "", "ahead"),
        ("", "", "ahead"),
        ("", "0-10-1", "behind"),
    ],
    ids=[
        "more",
        "the same",
        "less",
        "promoted since",
        "promoted, from a copy",
        "promoted without all",
        "less of another domain",
        "a domain is missing",
        "all of nothing",
        "nothing of nothing",
        "nothing",
    ],
)
def test_states_are_compared_by_domain_and_server(has, asked, is_):
    assert said("compared", has, asked).strip() == is_


@pytest.mark.parametrize(
    ("states", "position"),
    [
        ("0-10-500,0-11-620", "0-11-620"),
        ("1-5-3,0-11-9,0-10-10,0-10-2", "0-10-10,1-5-3"),
        ("", ""),
        (",0-1-5", "0-1-5"),
    ],
)
def test_a_position_is_the_last_transaction_of_each_domain(states, position):
    assert said("position", states).strip() == position


@pytest.mark.parametrize(
    ("prints", "begins"),
    [
        ("#261129 10:00:00 server id 1  end_log_pos 285 CRC32 0x1 \tGtid list [0-1-5]\n", "0-1-5"),
        ("#261129 \tGtid list [0-10-5,\n# 0-11-9]\n# at 9\n#261129 \tGTID 0-11-10 trans\n", "0-10-5,0-11-9"),
        ("#261129 \tGtid list []\n# at 9\n#261129 \tGTID 0-10-481 ddl\n", "0-10-480"),
        ("#261129 \tGtid list []\n# at 9\n#261129 \tGTID 0-10-1 trans\n", ""),
        ("#261129 \tGtid list []\n# at 9\n", ""),
        ("ERROR: File is not a binary log file.\n", "failed: "),
    ],
    ids=["one", "two lines", "after a copy", "the first one of all", "nothing in it", "no log"],
)
def test_a_log_says_after_which_transactions_it_begins(tmp_path, prints, begins):
    has_program(tmp_path, "mariadb-binlog", prints)
    assert said("begins", "binlog.000001", bin_=tmp_path).strip() == begins.strip()


def test_of_each_series_the_last_snapshot_counts_and_the_oldest_series_comes_first(tmp_path):
    def snapshot(moment: str, series: str, number: int, *tags: str) -> dict[str, object]:
        of = {"tree": "0", "paths": ["/var/lib/mysql/data/binlog.000001"], "hostname": series, "username": "mysql"}
        return {"time": f"2026-11-29T10:{moment}Z", **of, "tags": ["log", *tags], "short_id": f"id{number}"}

    listed = [
        snapshot("01:00.5", "db1.100", 1, "at:0-10-5"),
        snapshot("03:00", "db2.150", 3, "at:0-10-9+1-10-2"),
        snapshot("02:00.25", "db1.100", 2, "at:0-10-7"),
        snapshot("04:00", "db1.200", 4, "at:0-11-12", "anew"),
    ]
    has_program(tmp_path, "restic", json.dumps(listed, separators=(",", ":")))
    lines = [line.split()[1:] for line in said("archived", str(tmp_path / "listed"), bin_=tmp_path).splitlines()]
    assert lines == [
        ["0-10-7", "id2", "db1.100", "goes-on"],
        ["0-10-9,1-10-2", "id3", "db2.150", "goes-on"],
        ["0-11-12", "id4", "db1.200", "anew"],
    ]
