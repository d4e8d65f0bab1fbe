"""Compose files of every kind become platforms that the program takes; what is not carried over is listed."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from colorway.config.compose.imported import Imported, imported
from colorway.config.compose.variables import values_of
from colorway.config.stack_files import from_file
from colorway.spec.platform_spec import PlatformSpec
from tests.program.stacks import run_spec
from tests.support.recorder import SERVICE
from tests.support.specs import ROOT

FILES = ROOT / "tests" / "compose"
GOLDEN = FILES / "golden"
CASES = {
    path.stem: [path] if path.stem != "12-override" else [FILES / "01-app-with-database.yaml", path]
    for path in sorted(FILES.glob("*.yaml"))
}
BY_NAME = pytest.mark.parametrize("case", CASES)
WRITTEN_OUT = ("only-for-this-test", "another-for-this-test", "for-this-test", "changeme", "sk_test_")
"""What the files say that no image, log, plan or repository may have."""
CURE = "if the change is meant, run pytest --update-golden and commit"


def read(path: str) -> str | None:
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.is_file() else None


@cache
def of(case: str, env: str = "") -> Imported:
    names = [path.relative_to(ROOT).as_posix() for path in CASES[case]]
    return imported(names, platform="shop", stack="shop", values=values_of(env), read=read, number=2)


def project(root: Path, found: Imported) -> Path:
    """Write what an import makes beside the folders that every project has."""
    for name in ("nginx", "prometheus", "mtail", "postgres", "mariadb", "redis", "valkey"):
        (root / "images" / name).mkdir(parents=True)
        (root / "images" / name / "Dockerfile").write_text("FROM scratch\n")
    sources = {path: str(ROOT / source) for path, source in found.begun.folders.items()}
    replace(found.begun, folders=sources).write(root)
    return root


def spec_of(root: Path, case: str) -> PlatformSpec:
    return from_file(root=project(root, of(case)), stack="shop")


def test_there_are_enough_of_them():
    assert len(CASES) >= 12


@BY_NAME
def test_the_program_previews_what_becomes_of_it(tmp_path, case):
    recording = run_spec(spec_of(tmp_path, case), preview=True)
    assert recording.of_type(SERVICE), "a platform without services is none"


@BY_NAME
def test_the_platform_is_the_one_that_was_looked_at(case, golden):
    begun = of(case).begun
    more = "".join(f"\n--- {path}\n{text}" for path, text in sorted(begun.texts.items()))
    more += "".join(f"\n--- {path} from {source}\n" for path, source in sorted(begun.folders.items()))
    golden(GOLDEN / f"{case}.platform.txt", begun.platform_text + more, cure=CURE)


@BY_NAME
def test_what_is_not_carried_over_is_listed_with_line_reason_and_cure(case, golden):
    lines = [str(remark) for remark in of(case).remarks]
    place = re.compile(r"tests/compose/[\w./-]+\.yaml:\d+: [^:]+.*: .+; .+")
    assert [line for line in lines if not place.fullmatch(line)] == []
    golden(GOLDEN / f"{case}.remarks.txt", "\n".join(lines) + "\n", cure=CURE)


@BY_NAME
def test_no_value_of_a_secret_is_written_or_said(case):
    found = of(case)
    every = "\n".join([*found.begun.files.values(), *map(str, found.remarks)])
    assert [text for text in WRITTEN_OUT if text in every] == [], "whoever reads the repository would know it"


def test_a_variable_has_the_value_of_the_env_file_or_is_asked_for_once():
    asked = [remark for remark in of("01-app-with-database").remarks if "asks for the variable" in remark.message]
    assert [remark.path for remark in asked] == ["services.web.environment.FEATURES"], (
        "one that has a default is no question, and a secret's value is nobody's business here"
    )
    given = of("01-app-with-database", env="FEATURES='new cart'\nLOG_LEVEL=debug\n")
    assert "FEATURES: new cart" in given.begun.platform_text
    assert "LOG_LEVEL: debug" in given.begun.platform_text
    assert not [remark for remark in given.remarks if "asks for" in remark.message]
