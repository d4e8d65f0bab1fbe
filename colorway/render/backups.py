"""What pgBackRest, restic and their entry scripts are told of a store's backups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from colorway.render import replication
from colorway.render.templates import fill_in
from colorway.spec import names
from colorway.spec.fields import whole_seconds
from colorway.spec.platform_spec import PlatformSpec
from colorway.spec.stores import BackedUpSpec, DatabaseSpec
from colorway.spec.stores.backups import ArchivedBackupSpec, BackupSpec, ProofSpec, RepositorySpec, VerifySpec, beat
from colorway.spec.stores.sources import SourceSpec
from colorway.spec.task.mounts import SECRETS_FOLDER

CONFIG_FILE = "colorway-pgbackrest.conf"
"""Where pgBackRest's repository is and what opens it, below /run/secrets."""
KEYS_FILE = "colorway-restic-keys"
"""What opens the bucket for restic, below /run/secrets."""
PASSPHRASE_FILE = "colorway-restic-passphrase"  # noqa: S105 - a name
"""What opens restic's repository in it, below /run/secrets."""
CA_PATH = "/colorway-repository-ca.pem"
"""Where a task finds the certificate of a private server's authority."""
FROM_CA_PATH = "/colorway-from-ca.pem"
"""Where a task finds that of a repository of somebody else's."""
SCRATCH = "/scratch"
"""Where the proof finds its volume; no image has it."""
PROOF = f"{SCRATCH}/proof.json"
"""Where the proof leaves its last line."""


@dataclass(frozen=True, kw_only=True)
class Opener:
    """A secret of a store's own, by which its tasks open the repository."""

    path: str
    """Its file, below /run/secrets."""
    text: Callable[[Mapping[str, str]], str]
    """Returns what is in it, given the texts of the repository's `key`, `secret` and `passphrase`.

    Raises ValueError where these are none that its program reads.
    """


def openers(spec: PlatformSpec, name: str) -> dict[str, Opener]:
    """Return what opens the repository of a store, each by what it is."""
    wanted = spec.backed_up[name].backup
    if isinstance(wanted, ArchivedBackupSpec):
        return {
            "configuration": Opener(
                path=CONFIG_FILE, text=lambda secrets: configuration(spec, name, wanted=wanted, secrets=secrets)
            )
        }
    return {
        "keys": Opener(path=KEYS_FILE, text=restic_keys),
        "passphrase": Opener(path=PASSPHRASE_FILE, text=lambda secrets: _readable(secrets)["passphrase"]),
    }


def environment(name: str) -> dict[str, str]:
    """Return by which words each program of a store finds pgBackRest's configuration: servers hand them on."""
    return {"PGBACKREST_CONFIG": f"/run/secrets/{CONFIG_FILE}", "PGBACKREST_STANZA": name}


def restic_environment(spec: PlatformSpec, name: str, *, generation: int | None = None) -> dict[str, str]:
    """Return by which words restic finds the repository of a store's generation, and what opens it.

    Args:
        spec: The stack.
        name: The store.
        generation: Which one; none = the one that it is now.
    """
    place = repository(spec, name)
    called = spec.generation(name) if generation is None else names.generation(name, generation)
    found = {
        # Beside pgBackRest's folders, whatever the store is called.
        "RESTIC_REPOSITORY": f"s3:https://{place.endpoint}/{place.bucket}{place.path}/{spec.stack}/restic/{called}",
        "RESTIC_PASSWORD_FILE": f"{SECRETS_FOLDER}{PASSPHRASE_FILE}",
        "RESTIC_CACHE_DIR": "/tmp/restic",  # noqa: S108 - the container's own
        "AWS_SHARED_CREDENTIALS_FILE": f"{SECRETS_FOLDER}{KEYS_FILE}",
        "AWS_DEFAULT_REGION": place.region,
        "COLORWAY_LOOKUP": "path" if place.path_style else "dns",
        "COLORWAY_STORE": name,
    }
    return found | ({"RESTIC_CACERT": CA_PATH} if place.ca else {})


def restic_keys(secrets: Mapping[str, str]) -> str:
    """Return the file by which restic opens the bucket; it is secret.

    Raises:
        ValueError: a secret has several lines, begins or ends with a space, or has a backtick, which that file cannot
            say.
    """
    for what in ("key", "secret"):
        if "`" in _readable(secrets)[what]:
            raise ValueError(f"the {what} must have no backtick")
    return f"[default]\naws_access_key_id = `{secrets['key']}`\naws_secret_access_key = `{secrets['secret']}`\n"


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
    place, store = repository(spec, name), spec.backed_up[name]
    return _opening(
        place,
        secrets,
        stanzas=_generations(spec, name),
        path=f"{place.path}/{spec.stack}",
        ca=CA_PATH,
        days=wanted.days,
        port=spec.store_ports(name).main if store.is_replicated else store.port,
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
    _readable(secrets)
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


def _readable(secrets: Mapping[str, str]) -> Mapping[str, str]:
    """Return the secrets, which each program reads as a line.

    Raises:
        ValueError: one of them is none.
    """
    for what, text in secrets.items():
        if text != text.strip() or not text.isprintable() or not text:
            raise ValueError(f"the {what} must be one line of text without spaces around it")
    return secrets


def backup_arguments(wanted: BackupSpec) -> tuple[str, ...]:
    """Return the arguments of `postgresql-backup.sh`, `mariadb-backup.sh` or `queue-backup.sh` of `templates/entry`."""
    full = beat(wanted.full)
    found = [full.period, full.first]
    if isinstance(wanted, ArchivedBackupSpec):
        incremental = beat(wanted.incremental)
        found += [incremental.period, incremental.first]
    else:
        found.append(wanted.days)
    return tuple(map(str, found))


def verify_arguments(store: BackedUpSpec, wanted: ProofSpec) -> tuple[str, ...]:
    """Return the arguments of `postgresql-verify.sh`, `mariadb-verify.sh` or `queue-verify.sh` of `templates/entry`."""
    asked: tuple[str, ...] = ()
    if isinstance(store, DatabaseSpec) and isinstance(wanted, VerifySpec):
        asked = (store.database, wanted.newest)
    return (str(whole_seconds(wanted.every)), *asked, str(whole_seconds(wanted.age)))
