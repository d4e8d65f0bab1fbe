"""What is said of backups: of a repository's file, what the swarm is told of it, and what a store went back to."""

from __future__ import annotations

import pytest

from colorway.config.checks import kept_mistakes
from colorway.config.documents import Document
from colorway.config.service_checks import config_files, file_mistakes
from colorway.spec.stores.generations import StoreSettings
from tests.support.pairs import backed_up_pair
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
    assert file_mistakes(with_authority(), files=files) == ([(PATH, message)] if message else [])


def test_the_file_of_an_authority_is_read_wherever_a_stack_names_it(tmp_path):
    (tmp_path / "platforms").mkdir()
    (tmp_path / CA).write_bytes(b"PEM")
    overrides = Document(name="stack", data={"backups": {"offsite": {"ca": CA}}})
    assert config_files(tmp_path, [overrides]) == {CA: b"PEM"}


@pytest.mark.parametrize(("path", "is_ours"), [("/colorway/lab", True), ("/colorway/older", False), ("/theirs", False)])
def test_a_store_never_archives_to_where_it_begins_from(path, is_ours):
    spec = backed_up_spec(**{"from": {"repository": "offsite", "stanza": "main", "path": "/other"}})
    store = spec.platform.data_stores["postgres"]
    moved = store.model_copy(update={"source": store.source.model_copy(update={"path": path})})
    platform = spec.platform.model_copy(update={"data_stores": {**spec.platform.data_stores, "postgres": moved}})
    cure = "and theirs is only read; give `backups.offsite` another path"
    wanted = [(("data-stores", "postgres", "from", "path"), f"is where this stack's own backups go, {cure}")]
    found = file_mistakes(spec.model_copy(update={"platform": platform}), files={})
    assert found == (wanted if is_ours else [])


def test_only_pgbackrests_own_configuration_has_what_opens_a_repository():
    spec = backed_up_spec()
    mounted = {one.name: one.is_mounted for one in spec.inventory().secrets}
    assert {name: mounted[name] for name in ("backup-key", "backup-secret", "backup-passphrase")} == dict.fromkeys(
        ("backup-key", "backup-secret", "backup-passphrase"), False
    )
    assert mounted["database-password"]


@pytest.mark.parametrize(("to", "is_right"), [("0-10-500", True), ("release-9", False)])
def test_a_mariadb_goes_back_to_a_transaction_only(to, is_right):
    spec = backed_up_pair()
    begins = {"generation": 1, "backup": "0a1b2c3d", "to": to}
    kept = StoreSettings.model_validate({"generation": 2, "begins-from": begins})
    found = kept_mistakes({"orders": kept}, spec.platform, spec.settings.hosts)
    message = "is no point of such a store; `colorway data restore` writes it, so put it back"
    assert found == ([] if is_right else [(("stores", "orders", "begins-from", "to"), message)])
