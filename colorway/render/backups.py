"""What pgBackRest and its entry scripts are told of a store's backups."""

from __future__ import annotations

from collections.abc import Mapping

from colorway.render import replication
from colorway.render.templates import fill_in
from colorway.spec import names
from colorway.spec.fields import whole_seconds
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores import PostgresqlSpec
from colorway.spec.stores.backups import BackupSpec, RepositorySpec, VerifySpec, beat
from colorway.spec.stores.sources import SourceSpec

CONFIG_FILE = "colorway-pgbackrest.conf"
"""Where the repository is and what opens it, below /run/secrets."""
CA_PATH = "/colorway-repository-ca.pem"
"""Where a task finds the certificate of a private server's authority."""
FROM_CA_PATH = "/colorway-from-ca.pem"
"""Where a task finds that of a repository of somebody else's."""
SCRATCH = "/scratch"
"""Where the proof finds its volume; no image has it."""
PROOF = f"{SCRATCH}/proof.json"
"""Where the proof leaves its last line."""


def environment(name: str) -> dict[str, str]:
    """Return by which words each program of a store finds pgBackRest's configuration: servers hand them on."""
    return {"PGBACKREST_CONFIG": f"/run/secrets/{CONFIG_FILE}", "PGBACKREST_STANZA": name}


def repository(spec: PlatformSpec, name: str) -> RepositorySpec:
    """Return where a store's backups are.

    Raises:
        ValueError: the spec is not one that the checks let through.
    """
    store = spec.backed_up.get(name)
    if store is None or store.backup is None:
        raise ValueError(f"{name} is not backed up")
    return spec.platform.backups[store.backup.repository]


def configuration(spec: PlatformSpec, name: str, *, wanted: BackupSpec, secrets: Mapping[str, str]) -> str:
    """Return pgBackRest's file for a store; it is secret.

    Args:
        spec: The stack.
        name: The store.
        wanted: What it says of its backups.
        secrets: Texts of the repository's `key`, `secret` and `passphrase`.

    Raises:
        ValueError: a secret has several lines, or begins or ends with a space, which that file cannot say.
    """
    place = repository(spec, name)
    return _opening(
        place,
        secrets,
        stanzas=_generations(spec, name),
        path=f"{place.path}/{spec.stack}",
        ca=CA_PATH,
        days=wanted.days,
        port=spec.store_ports(name).main,
    )


def source_configuration(place: RepositorySpec, source: SourceSpec, *, secrets: Mapping[str, str]) -> str:
    """Return pgBackRest's file for a repository of somebody else's, which a store begins from; it is secret.

    Args:
        place: What opens it.
        source: Where in it they are.
        secrets: Texts of the repository's `key`, `secret`, and `passphrase` where it has one.

    Raises:
        ValueError: as for `configuration`.
    """
    return _opening(place, secrets, stanzas=[source.stanza], path=source.path, ca=FROM_CA_PATH, days=None, port=None)


def _opening(place: RepositorySpec, secrets: Mapping[str, str], *, ca: str, **more: object) -> str:
    for what, text in secrets.items():
        if text != text.strip() or not text.isprintable() or not text:
            raise ValueError(f"the {what} must be one line of text without spaces around it")
    return fill_in(
        "stores/pgbackrest.conf.j2",
        endpoint=place.endpoint,
        bucket=place.bucket,
        region=place.region,
        path_style=place.path_style,
        ca=ca if place.ca else None,
        key=secrets["key"],
        secret=secrets["secret"],
        passphrase=secrets.get("passphrase"),
        data=replication.PGDATA,
        **more,
    )


def _generations(spec: PlatformSpec, name: str) -> list[str]:
    """Return by which names a store is in its repository: the generation that it is, and the one that it began from."""
    begins = spec.kept(name).begins_from
    return [spec.generation(name), *([names.generation(name, begins.generation)] if begins else [])]


def backup_arguments(wanted: BackupSpec) -> tuple[str, ...]:
    """Return the arguments of `templates/entry/postgresql-backup.sh`."""
    times = (beat(wanted.full), beat(wanted.incremental))
    return tuple(str(number) for one in times for number in (one.period, one.first))


def verify_arguments(store: PostgresqlSpec, wanted: VerifySpec) -> tuple[str, ...]:
    """Return the arguments of `templates/entry/postgresql-verify.sh`."""
    return (str(whole_seconds(wanted.every)), store.database, wanted.newest, str(whole_seconds(wanted.age)))
