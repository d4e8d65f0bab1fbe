"""What a repository of backups names that is elsewhere: a file of the project, and what the swarm is told of it."""

from __future__ import annotations

import pytest

from colorway.config.documents import Document
from colorway.config.service_checks import config_files, repository_mistakes
from tests.support.stores import backed_up_spec

CA = "platforms/s3.pem"
PATH = ("backups", "offsite", "ca")


def with_authority():
    spec = backed_up_spec()
    place = spec.platform.backups["offsite"].model_copy(update={"ca": CA})
    return spec.model_copy(update={"platform": spec.platform.model_copy(update={"backups": {"offsite": place}})})


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "names a file that the project does not have; write its path below the project's folder"),
        ({CA: b""}, "names an empty file, which Swarm does not take; write something into it, or leave it out"),
        ({CA: b"\xff"}, "names a file that is not UTF-8 text; save it as UTF-8, or put it into the image"),
        ({CA: b"-----BEGIN CERTIFICATE-----"}, None),
    ],
    ids=["none", "empty", "binary", "text"],
)
def test_the_file_of_an_authority_is_looked_at(files, message):
    assert repository_mistakes(with_authority(), files=files) == ([(PATH, message)] if message else [])


def test_the_file_of_an_authority_is_read_wherever_a_stack_names_it(tmp_path):
    (tmp_path / "platforms").mkdir()
    (tmp_path / CA).write_bytes(b"PEM")
    overrides = Document(name="stack", data={"backups": {"offsite": {"ca": CA}}})
    assert config_files(tmp_path, [overrides]) == {CA: b"PEM"}


def test_only_pgbackrests_own_configuration_has_what_opens_a_repository():
    spec = backed_up_spec()
    mounted = {one.name: one.is_mounted for one in spec.inventory().secrets}
    assert {name: mounted[name] for name in ("backup-key", "backup-secret", "backup-passphrase")} == dict.fromkeys(
        ("backup-key", "backup-secret", "backup-passphrase"), False
    )
    assert mounted["database-password"]
