"""Compose files of every kind become platforms that the program takes; what is not carried over is listed."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from colorway.config.compose.imported import Imported, imported
from colorway.config.compose.variables import values_of
from colorway.config.stack_files import from_file
from colorway.spec.platform_spec import PlatformSpec
from tests.program.stacks import run_spec
from tests.support.recorder import SERVICE
from tests.support.specs import ROOT

FILES = ROOT / "tests" / "compose"
GOLDEN = FILES / "golden"
LAID_OVER = {"12-override", "15-tags"}
"""Those that say only what differs from the first one."""
CASES = {
    path.stem: [path] if path.stem not in LAID_OVER else [FILES / "01-app-with-database.yaml", path]
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


def data_of(case: str) -> dict[str, Any]:
    return YAML(typ="safe").load(of(case).begun.platform_text)


def test_an_included_file_sees_its_own_folder_and_its_own_variables():
    found, begun = data_of("14-include"), of("14-include").begun
    assert found["data-stores"]["db"]["user"] == "shop", "env_file lies beside the file that names it"
    assert begun.folders["images/shop-mailer"] == "tests/compose/app", "project_directory is said"
    mailer = found["services"]["mailer"]
    assert (mailer["env"], mailer["replicas"]) == ({"LEVEL": "warning", "FROM": "shop"}, 2)
    assert found["services"]["web"]["env"]["MAIL_LEVEL"] == "nobody-says", "an included file's variables are its own"
    given = of("14-include", env="MAIL_LEVEL=debug\nPOSTGRES_VERSION=16\n")
    assert "LEVEL: debug" in given.begun.platform_text, "--env-file wins"
    assert not [one for one in given.remarks if one.path.endswith("include")]


def test_what_is_reset_is_gone_and_what_is_overridden_is_not_merged():
    found = data_of("15-tags")["services"]
    assert "beat" not in found
    web, worker = found["web"], found["worker"]
    assert (web["port"], web.get("ports"), web.get("volumes")) == (9000, None, None)
    assert "FEATURES" not in web["env"]
    assert web["env"]["LOG_LEVEL"] == "debug"
    assert web["env"]["MAX_TOKENS"] is not None, "what is not named stays"
    assert worker["env"] == {"REDIS_HOST": "cache"}
    assert not [one for one in of("15-tags").remarks if "asks for" in one.message], "nobody needs their values any more"


def test_a_third_file_adds_to_what_the_second_one_reset():
    files = {
        "a.yaml": "services:\n  web: {image: 'web:1', ports: ['80:80', '81:81'], environment: {A: '1'}}\n",
        "b.yaml": "services:\n  web: {ports: !reset [], environment: !reset {}}\n",
        "c.yaml": "services:\n  web: {ports: ['82:82'], environment: {B: '2'}}\n",
    }
    found = imported(list(files), platform="shop", stack="shop", values={}, read=files.get, number=2)
    web = YAML(typ="safe").load(found.begun.platform_text)["services"]["web"]
    assert (web["port"], web["env"]) == (82, {"B": "2"})
