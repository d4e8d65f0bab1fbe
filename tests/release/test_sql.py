"""What is said of a migration's SQL before anything changes; squawk itself is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from colorway.release.ports import sql
from colorway.spec.release import MigrationSpec


def said(root: Path, text: str, *, compatible: bool = True) -> str | None:
    (root / "one.sql").write_text(text)
    wanted = {"id": "0002-more", "backward-compatible": compatible, "sql": ["one.sql"]}
    return sql.problem_of([MigrationSpec.model_validate(wanted)], root=root)


INDEX = "SELECT 1;\nCREATE INDEX of_nick ON users (nick);\n"
DROP = "ALTER TABLE users DROP COLUMN nick;\n"


def test_a_statement_that_lets_others_wait_is_named_with_its_line_and_cure(tmp_path):
    problem = said(tmp_path, INDEX)
    assert problem == (
        "one.sql:2: During normal index creation, table updates are blocked, but reads are still allowed "
        "(require-concurrent-index-creation); Use `concurrently` to avoid blocking writes, or write `-- squawk-ignore "
        "require-concurrent-index-creation` above it where it does no harm"
    )
    assert said(tmp_path, INDEX, compatible=False) == problem, "who waits does not care which version it breaks"


def test_what_breaks_the_version_before_passes_where_the_migration_says_so(tmp_path):
    problem = said(tmp_path, DROP)
    assert problem is not None
    assert problem.startswith(
        "one.sql:1: Dropping a column may break existing clients (ban-drop-column); say backward-"
    )
    assert said(tmp_path, DROP, compatible=False) is None


@pytest.mark.parametrize(
    "text",
    [
        "BEGIN;\nCREATE TABLE users (id bigint PRIMARY KEY);\nCREATE INDEX of_id ON users (id);\nCOMMIT;\n",
        "CREATE INDEX CONCURRENTLY of_nick ON users (nick);\n",
        "ALTER TABLE users ADD COLUMN nick text;\n",
        "ALTER TABLE users ADD COLUMN age int NOT NULL DEFAULT 0;\n",
        f"-- squawk-ignore ban-drop-column\n{DROP}",
    ],
)
def test_what_nobody_notices_passes(tmp_path, text):
    assert said(tmp_path, text) is None, "style and time-outs are not asked"


def test_a_file_that_is_not_there_and_one_that_is_no_sql_are_said(tmp_path):
    migration = MigrationSpec.model_validate({"id": "0002-more", "backward-compatible": True, "sql": ["no.sql"]})
    assert sql.problem_of([migration], root=tmp_path) == (
        "no.sql: is no file of the project, and the migration 0002-more names it under sql"
    )
    problem = said(tmp_path, "SELECT FROM WHERE;\n")
    assert problem is not None
    assert "(syntax-error)" in problem


def test_a_program_that_is_missing_is_said_and_nothing_passes(tmp_path, monkeypatch):
    monkeypatch.setattr(sql, "PROGRAM", "no-such-program")
    problem = said(tmp_path, INDEX)
    assert problem is not None
    assert problem.endswith("No such file or directory; `make set-up` brings it")


@pytest.mark.parametrize("rule", sorted((sql.LOCKS | sql.COMPATIBILITY) - {"syntax-error"}))
def test_squawk_knows_each_rule(tmp_path, rule):
    assert said(tmp_path, f"-- squawk-ignore {rule}\nSELECT 1;\n") is None
    (tmp_path / ".squawk.toml").write_text(f'excluded_rules = ["{rule}"]\n')
    assert said(tmp_path, "SELECT 1;\n") is None, "it would not read a file with a rule that it does not know"
