"""Mistakes in what a platform file says of its data stores, and what an operator reads about each."""

from __future__ import annotations

from tests.spec.mistakes import Case, Line
from tests.spec.project_files import DEMO, FILES, KEY, LIVE

CACHE = FILES[DEMO][FILES[DEMO].index("  cache:\n") : FILES[DEMO].index("migrations:")]
MARIADB = """\
  orders:
    kind: mariadb
    build: postgres
    database: shop
    user: seller
    password: database-password
    limits: {cpus: 1, memory: 512Mi}
"""
SEARCH = """\
  search:
    kind: custom
    build: redis
    port: 7700
    volume: /data
    env: {KEY_FILE: /run/secrets/redis-password}
    secrets: [redis-password]
    health: {path: /health}
    limits: {cpus: 1, memory: 512Mi}
"""
OF_BACKUPS = """\
    backup: {repository: offsite}
    verify: {newest: select max(created_at) from events}
"""
POSTGRES_LIMITS = "    limits: {cpus: 2, memory: 512Mi}\n"
BEFORE_MEMBERS = "    direct: {build: postgres}\n    pool: {build: postgres}\n"
ETCD = "etcd: {build: postgres}\n"
STORES = FILES[DEMO][FILES[DEMO].index("data-stores:\n") : FILES[DEMO].index("  cache:\n")]
TO_MIGRATIONS = FILES[DEMO][FILES[DEMO].index("data-stores:\n") : FILES[DEMO].index("  command: [demo, migrate]")]
DATABASE_HOSTS = "".join(
    f"    - {{name: {name}, address: {address}, roles: [database], host-key: {KEY}}}\n"
    for name, address in (("db1", "10.0.0.31"), ("db2", "10.0.0.32"))
)
PINNED = f"{{image: 'registry.example.com/any:1@sha256:{'7' * 64}'}}"
OF_MEMBERS = f"""\
  colorway:overrides:
    etcd: {PINNED}
    data-stores:
      postgres:
        members: 2
        direct: {PINNED}
        pool: {PINNED}
"""


def mariadb(name: str, old: str, new: str, *lines: Line) -> Case:
    """A case about a MariaDB, in the place of the project's Redis."""
    assert old in MARIADB, f"{name}: no {old!r} to replace"
    return Case(name, DEMO, CACHE, MARIADB.replace(old, new, 1), *lines)


def custom(name: str, old: str, new: str, *lines: Line) -> Case:
    """A case about a program of which nothing is known, in the place of the project's Redis."""
    assert old in SEARCH, f"{name}: no {old!r} to replace"
    return Case(name, DEMO, CACHE, SEARCH.replace(old, new, 1), *lines)


def parameters(name: str, text: str, *lines: Line) -> Case:
    """A case about the parameters of the project's PostgreSQL, whose task may use 512 MiB."""
    return Case(name, DEMO, POSTGRES_LIMITS, f"{POSTGRES_LIMITS}    parameters: {text}\n", *lines)


def _parameter(name: str, message: str) -> Line:
    return Line(f"data-stores.postgres.parameters{name}: {message}", at="parameters:")


def together(name: str, text: str, *lines: Line, helpers: str = BEFORE_MEMBERS, etcd: str = ETCD) -> Case:
    """A case about the members of the project's PostgreSQL, and what stands beside them."""
    return Case(name, DEMO, STORES, f"{etcd}{STORES}{helpers}{text}", *lines)


def taken(name: str, reason: str) -> Case:
    """A case about a parameter that only several members do not have."""
    return together(
        f"{name} of several members",
        f"    members: 2\n    parameters: {{{name}: something}}\n",
        _parameter(f".{name}", f"is set by colorway itself: {reason}; leave it out"),
    )


def extensions(name: str, text: str, *lines: Line) -> Case:
    """A case about the extensions of the project's PostgreSQL."""
    return Case(name, DEMO, POSTGRES_LIMITS, f"{POSTGRES_LIMITS}    extensions: {text}\n", *lines)


BACKUPS = """\
etcd: {build: etcd}
backups:
  offsite:
    kind: s3
    endpoint: s3.example.com
    bucket: acme-backups
    key: redis-password
    secret: redis-password
    passphrase: redis-password
data-stores:
"""
BACKED_UP = """\
    members: 2
    direct: {build: haproxy}
    pool: {build: pgbouncer}
    backup: {repository: offsite, full: "Sun 02:00", incremental: "02:00", keep: 14d}
    verify: {newest: select max(created_at) from events}
"""


def backup(name: str, old: str, new: str, *lines: Line) -> Case:
    """A case about a PostgreSQL that is backed up."""
    before = FILES[DEMO][FILES[DEMO].index("data-stores:\n") : FILES[DEMO].index(POSTGRES_LIMITS)]
    text = before.replace("data-stores:\n", BACKUPS, 1) + BACKED_UP
    assert old in text, f"{name}: no {old!r} to replace"
    return Case(name, DEMO, before, text.replace(old, new, 1), *lines)


def queue(name: str, text: str, *lines: Line) -> Case:
    """A case about the project's Redis, whose platform has a repository."""
    before = FILES[DEMO][FILES[DEMO].index("data-stores:\n") : FILES[DEMO].index("migrations:")]
    return Case(name, DEMO, before, before.replace("data-stores:\n", BACKUPS, 1) + text, *lines)


FROM_THERE = "    from: {repository: offsite, stanza: main, path: /theirs}\n"


def begins(name: str, text: str, message: str, *, path: str = ".from") -> Case:
    """A case about what the project's PostgreSQL, which has one member, begins from."""
    line = Line(f"data-stores.postgres{path}: {message}", at="from: {")
    return Case(name, DEMO, POSTGRES_LIMITS, f"{POSTGRES_LIMITS}    from: {text}\n", line)


CASES = (
    Case(
        "migrations through a pool",
        DEMO,
        TO_MIGRATIONS,
        ETCD
        + TO_MIGRATIONS.replace("  cache:\n", f"{BEFORE_MEMBERS}    members: 2\n  cache:\n")
        + "  env: {DATABASE_HOST: postgres}\n",
        Line(
            "migrations.env.DATABASE_HOST: asks the pool postgres by DATABASE_HOST, where no lock of a session lasts; "
            "name postgres-direct in its env",
            at="env: {DATABASE_HOST",
        ),
    ),
    begins("from nowhere", "{}", "must name one place: {volume: …}, or {repository: …, stanza: …, path: …}"),
    begins(
        "from two places",
        "{volume: old_pgdata, repository: offsite, stanza: main, path: /theirs}",
        "must name one place: {volume: …}, or {repository: …, stanza: …, path: …}",
    ),
    begins(
        "stanza of a volume",
        "{volume: old_pgdata, stanza: main}",
        "is for a repository, and this is a volume; leave it out",
        path=".from.stanza",
    ),
    begins(
        "from a folder",
        "{volume: /srv/pgdata}",
        "is no name of a volume; write it as `docker volume ls` on its host does, for example shop_pgdata",
        path=".from.volume",
    ),
    begins(
        "from a repository by one member",
        "{repository: offsite, stanza: main, path: /theirs}",
        "is for stores with several members; have members: 2, or restore it into a volume and name that",
        path=".from.repository",
    ),
    backup(
        "from a repository that nobody has",
        BACKED_UP,
        BACKED_UP + FROM_THERE.replace("offsite", "offside"),
        Line(
            "data-stores.postgres.from.repository: is no repository under the platform's `backups`; did you mean "
            "offsite?",
            at="from: {",
        ),
    ),
    backup(
        "from an unknown stanza",
        BACKED_UP,
        BACKED_UP + FROM_THERE.replace(", stanza: main", ""),
        Line("data-stores.postgres.from.stanza: is missing; write what their pgbackrest.conf says", at="from: {"),
    ),
    backup(
        "from no time",
        BACKED_UP,
        BACKED_UP + FROM_THERE.replace("}", ", time: yesterday}"),
        Line(
            'data-stores.postgres.from.time: is no time in UTC; write for example "2026-11-28 14:00:00+00", in quotes',
            at="from: {",
        ),
    ),
    backup(
        "backups that nothing encrypts",
        "    passphrase: redis-password\n",
        "",
        Line(
            "data-stores.postgres.backup.repository: has no passphrase, and what is kept there is encrypted; name its "
            "secret",
            at="backup: {",
        ),
    ),
    mariadb(
        "two members from a volume",
        "    limits:",
        "    members: 2\n    promotion: by-hand\n    entry: {build: redis}\n    from: {volume: old}\n    limits:",
        Line(
            "data-stores.orders.from: is for a MariaDB with one member; leave it out, and bring a dump with "
            "`colorway data load`",
            at="from: {",
        ),
    ),
    backup(
        "backup of one member on a volume that exists",
        "    members: 2\n    direct: {build: haproxy}\n    pool: {build: pgbouncer}\n",
        "    from: {volume: old}\n",
        Line(
            "data-stores.postgres.backup: is set, and where the data is on a volume of another image nobody knows; "
            "bring its data into an empty store with `colorway data load`",
            at="backup: {",
        ),
    ),
    backup(
        "backup of one member that writes too little into its log",
        "    members: 2\n    direct: {build: haproxy}\n    pool: {build: pgbouncer}\n",
        "    parameters: {wal_level: minimal}\n",
        Line(
            "data-stores.postgres.parameters.wal_level: is minimal, and no backup could be restored from that; leave "
            "it out, or write replica or logical",
            at="parameters:",
        ),
    ),
    backup(
        "backup that nothing proves",
        "    verify: {newest: select max(created_at) from events}\n",
        "",
        Line(
            "data-stores.postgres.verify: is missing, and only a restore proves a backup; add it, for example verify: "
            "{newest: select max(created_at) from events}",
            at="postgres:",
        ),
    ),
    backup(
        "proof of no backup",
        '    backup: {repository: offsite, full: "Sun 02:00", incremental: "02:00", keep: 14d}\n',
        "",
        Line(
            "data-stores.postgres.verify: is set, and there is no `backup` to prove; add it, or leave this one out",
            at="verify: {",
        ),
    ),
    backup(
        "backup into no repository",
        "repository: offsite",
        "repository: ofsite",
        Line(
            "data-stores.postgres.backup.repository: is no repository under the platform's `backups`; did you mean "
            "offsite?",
            at="backup: {",
        ),
    ),
    backup(
        "backup at no time",
        "Sun 02:00",
        "Sunday 2:00",
        Line(
            'data-stores.postgres.backup.full: is no time of a day or a week; write for example "02:00" or "Sun '
            '02:00" (UTC)',
            at="backup: {",
        ),
    ),
    backup(
        "backups for hours",
        "keep: 14d",
        "keep: 36h",
        Line("data-stores.postgres.backup.keep: is no number of days; write for example 14d", at="backup: {"),
    ),
    backup(
        "proof by two statements",
        "{newest: select max(created_at) from events}",
        "{newest: select 1; drop table events}",
        Line(
            "data-stores.postgres.verify.newest: is no question for one time; write it without ; at its end, for "
            "example select max(created_at) from events",
            at="verify: {",
        ),
    ),
    backup(
        "another program that archives",
        "    members: 2\n",
        "    members: 2\n    parameters: {archive_command: wal-g wal-push %p}\n",
        Line(
            "data-stores.postgres.parameters.archive_command: is set by colorway itself: pgBackRest archives for "
            "`backup`; leave it out",
            at="parameters:",
        ),
    ),
    backup(
        "repository without TLS",
        "endpoint: s3.example.com",
        "endpoint: http://s3.example.com",
        Line(
            "backups.offsite.endpoint: is no name of a server, which is asked by HTTPS always; write for example "
            "s3.eu-central-1.amazonaws.com",
            at="endpoint:",
        ),
    ),
    backup(
        "repository of a secret that is not listed",
        "passphrase: redis-password",
        "passphrase: redis-pasword",
        Line(
            "backups.offsite.passphrase: names a secret that the platform's `secrets` do not list; did you mean "
            "redis-password?",
            at="redis-pasword",
        ),
    ),
    mariadb(
        "backup of a MariaDB on a volume that exists",
        "    user: seller\n",
        f"    user: seller\n    from: {{volume: old}}\n{OF_BACKUPS}",
        Line(
            "data-stores.orders.backup: is set, and where the data is on a volume of another image nobody knows; bring "
            "its data into an empty store with `colorway data load`",
            at="backup: {",
        ),
    ),
    mariadb(
        "incremental backup of a MariaDB",
        "    user: seller\n",
        f"    user: seller\n{OF_BACKUPS.replace('offsite', 'offsite, incremental: 02:00')}",
        Line(
            "data-stores.orders.backup.incremental: is no known key; known: full, keep, limits, repository",
            at="backup: {",
        ),
    ),
    mariadb(
        "settings of the binary log of a MariaDB that is backed up",
        "    user: seller\n",
        f"    user: seller\n    parameters:\n      sync_binlog: 0\n      encrypt_binlog: on\n{OF_BACKUPS}",
        Line(
            "data-stores.orders.parameters.sync_binlog: is set by colorway itself: what comes after a backup is "
            "archived by it; leave it out",
            at="sync_binlog",
        ),
        Line(
            "data-stores.orders.parameters.encrypt_binlog: is set, and what is archived for the backups must be all, "
            "and readable; leave it out",
            at="encrypt_binlog",
        ),
    ),
    mariadb(
        "backup of a MariaDB into no repository",
        "    user: seller\n",
        f"    user: seller\n    members: 2\n    promotion: by-hand\n    entry: {{build: redis}}\n{OF_BACKUPS}",
        Line(
            "data-stores.orders.backup.repository: is no repository under the platform's `backups`; known: none",
            at="backup: {",
        ),
    ),
    queue(
        "backup of a cache",
        "    use: cache\n    backup: {repository: offsite}\n    verify: {every: 24h}\n",
        Line(
            "data-stores.cache.backup: is set, and what a cache has can be made again; leave it out, or write use: "
            "queue",
            at="backup: {",
        ),
    ),
    queue(
        "backup of a queue that nothing proves",
        "    backup: {repository: offsite}\n",
        Line(
            "data-stores.cache.verify: is missing, and only a restore proves a backup; add it, for example verify: "
            "{every: 24h}",
            at="  cache:",
        ),
    ),
    queue(
        "proof of a queue that is not backed up",
        "    verify: {every: 24h}\n",
        Line(
            "data-stores.cache.verify: is set, and there is no `backup` to prove; add it, or leave this one out",
            at="verify: {",
        ),
    ),
    queue(
        "newest row of a queue",
        "    backup: {repository: offsite}\n    verify: {newest: select max(created_at) from events}\n",
        Line("data-stores.cache.verify.newest: is no known key; known: age, every, limits", at="verify: {"),
    ),
    queue(
        "backups of a queue each week that may be a day old",
        '    backup: {repository: offsite, full: "Sun 02:00"}\n    verify: {every: 24h}\n',
        Line(
            "data-stores.cache.verify.age: is no more than the time between two backups, which are proven by it; write "
            "more than 168h, for the next one takes some time",
            at="verify: {",
        ),
    ),
    queue(
        "proof of a queue that has no room",
        "    backup: {repository: offsite}\n    verify: {limits: {cpus: 1, memory: 64Mi}}\n",
        Line(
            "data-stores.cache.verify.limits.memory: is less than a server needs that loads all of the data; write at "
            "least 75Mi",
            at="verify: {",
        ),
    ),
    queue(
        "backup of a queue into no repository",
        "    backup: {repository: ofsite}\n    verify: {every: 24h}\n",
        Line(
            "data-stores.cache.backup.repository: is no repository under the platform's `backups`; did you mean "
            "offsite?",
            at="backup: {",
        ),
    ),
    custom(
        "custom store without a health check",
        "    health: {path: /health}\n",
        "",
        Line("data-stores.search.health: is missing: how the swarm learns that it is well", at="search:"),
    ),
    custom(
        "custom store without a port",
        "    port: 7700\n",
        "",
        Line("data-stores.search.port: is missing: port that it listens on", at="search:"),
    ),
    custom(
        "custom store without a volume",
        "    volume: /data\n",
        "",
        Line(
            "data-stores.search.volume: is missing: where the program keeps its data in the container; the store's "
            "volume is there",
            at="search:",
        ),
    ),
    custom(
        "volume of a custom store by name",
        "volume: /data",
        "volume: data",
        Line(
            "data-stores.search.volume: must be an absolute path without .. and spaces, for example /etc/app/app.conf",
            at="volume: data",
        ),
    ),
    custom(
        "health of a custom store without a reason",
        "{path: /health}",
        '{none: ""}',
        Line(
            "data-stores.search.health.none: must say why there is no check, for example: the image has no shell and "
            "no port",
            at="none:",
        ),
    ),
    custom(
        "health of a custom store at another port",
        "{path: /health}",
        "{path: /health, port: admin}",
        Line(
            "data-stores.search.health.port: names one of several ports, and a data store has one; leave it out",
            at="health: {path: /health, port",
        ),
    ),
    custom(
        "secret of a custom store that is not listed",
        "secrets: [redis-password]",
        "secrets: [redis-pasword, database-password, database-password]",
        Line(
            "data-stores.search.env.KEY_FILE: names a secret's file, and `secrets` of this data store does not list "
            "that secret; add it",
            at="KEY_FILE",
        ),
        Line("data-stores.search.secrets.2: is listed twice; leave one out", at="redis-pasword"),
    ),
    custom(
        "secret of a custom store that the platform does not know",
        "    secrets: [redis-password]\n",
        "    secrets: [redis-password, redis-pasword]\n",
        Line(
            "data-stores.search.secrets.1: names a secret that the platform's `secrets` do not list; did you mean "
            "redis-password?",
            at="secrets: [redis-password, redis",
        ),
    ),
    custom(
        "capability of a custom store twice",
        "    secrets: [redis-password]\n",
        "    secrets: [redis-password]\n    command: [serve]\n    capabilities: [CHOWN, CHOWN]\n",
        Line("data-stores.search.capabilities.1: is listed twice; leave one out", at="capabilities:"),
    ),
    custom(
        "replicas of a custom store",
        "    port: 7700\n",
        "    port: 7700\n    replicas: 2\n",
        Line(
            "data-stores.search.replicas: is no known key; known: build, capabilities, command, entrypoint, env, "
            "health, image, kind, limits, port, read-only, secrets, shm-size, slot, stop-grace, stop-signal, user, "
            "volume, working-dir",
            at="replicas: 2",
            nth=2,
        ),
    ),
    Case(
        "use that is none",
        DEMO,
        "    kind: redis\n",
        "    kind: valkey\n    use: session\n",
        Line("data-stores.cache.use: must be queue or cache", at="use:"),
    ),
    mariadb(
        "MariaDB with three members",
        "    user: seller\n",
        "    user: seller\n    members: 3\n    promotion: by-hand\n    entry: {build: redis}\n",
        Line("data-stores.orders.members: is 3, and a commit waits for one replica; write 1 or 2", at="members: 3"),
    ),
    mariadb(
        "MariaDB with two members that nobody promotes and nobody finds, and settings of its own",
        "    user: seller\n",
        "    user: seller\n    members: 2\n    parameters: {read_only: true}\n",
        Line(
            "data-stores.orders.promotion: is missing, and no program makes the replica the primary; write promotion: "
            "by-hand",
            at="orders:",
        ),
        Line(
            "data-stores.orders.entry: is missing, and two members stand behind it; name its image, or its folder: "
            "{build: haproxy}",
            at="orders:",
        ),
        Line(
            "data-stores.orders.parameters.read_only: is set by colorway itself: only the primary takes writes; leave "
            "it out",
            at="parameters:",
        ),
    ),
    mariadb(
        "MariaDB that a program promotes",
        "    user: seller\n",
        "    user: seller\n    promotion: automatic\n",
        Line("data-stores.orders.promotion: must be by-hand", at="promotion:"),
    ),
    mariadb(
        "MariaDB with more members than hosts",
        "    user: seller\n",
        "    user: seller\n    members: 2\n    promotion: by-hand\n    entry: {build: redis}\n",
        Line(
            "data-stores.orders.members: wants 2 hosts with the role database, and the stack has 1; give more of them "
            "the role, or have fewer members",
            at="members: 2",
        ),
    ),
    Case(
        "queue of two members",
        DEMO,
        "    kind: redis\n",
        "    kind: valkey\n    members: 2\n",
        Line(
            "data-stores.cache.members: is 2, and with fewer than three the loss of one would end all writes, and more "
            "are of no use; write 1 or 3",
            at="members: 2",
        ),
    ),
    Case(
        "cache of three members",
        DEMO,
        "    kind: redis\n",
        "    kind: redis\n    use: cache\n    members: 3\n",
        Line(
            "data-stores.cache.members: is more than a cache can use, which may be lost at any time; have 1, or write "
            "use: queue",
            at="members: 3",
        ),
    ),
    Case(
        "queue of three members that nobody finds",
        DEMO,
        "    kind: redis\n",
        "    kind: redis\n    members: 3\n",
        Line(
            "data-stores.cache.entry: is missing, and several members stand behind it; name its image, or its folder: "
            "{build: haproxy}",
            at="  cache:",
        ),
    ),
    Case(
        "queue of three members on one host",
        DEMO,
        "    kind: redis\n",
        "    kind: redis\n    members: 3\n    entry: {build: redis}\n",
        Line(
            "data-stores.cache.members: wants 3 hosts with the role database or manager, and the stack has 1; give "
            "more of them the role, or have fewer members",
            at="members: 3",
        ),
    ),
    Case(
        "entry without an image",
        DEMO,
        "    kind: redis\n",
        "    kind: redis\n    entry: {}\n",
        Line(
            "data-stores.cache.entry.build: is missing, and the platform has `images: local`; name a folder under "
            "images/",
            at="entry:",
        ),
    ),
    Case(
        "use of PostgreSQL",
        DEMO,
        POSTGRES_LIMITS,
        f"{POSTGRES_LIMITS}    use: queue\n",
        Line(
            "data-stores.postgres.use: is no known key; did you mean user?",
            at="use:",
        ),
    ),
    extensions(
        "extension in capitals",
        "[PostGIS]",
        Line(
            "data-stores.postgres.extensions.0: is no name of an extension; write it as CREATE EXTENSION takes it, in "
            "small letters, for example vector",
            at="extensions:",
        ),
    ),
    extensions(
        "extension twice",
        "[vector, pg_trgm, vector]",
        Line("data-stores.postgres.extensions.2: is listed twice; leave one out", at="extensions:"),
    ),
    extensions(
        "extension that is no list",
        "vector",
        Line(
            "data-stores.postgres.extensions: must be a list: [one, two], or one entry a line, each after a -",
            at="extensions:",
        ),
    ),
    mariadb(
        "extensions of MariaDB",
        "    user: seller\n",
        "    user: seller\n    extensions: [vector]\n",
        Line(
            "data-stores.orders.extensions: is no known key; known: backup, build, database, entry, from, image, kind, "
            "limits, members, parameters, password, promotion, slot, stop-grace, user, verify",
            at="extensions:",
        ),
    ),
    mariadb(
        "MariaDB with its superuser",
        "user: seller",
        "user: root",
        Line(
            "data-stores.orders.user: is MariaDB's own superuser; name a user of the application, for example app",
            at="user: root",
        ),
    ),
    mariadb(
        "MariaDB with its own database",
        "database: shop",
        "database: mysql",
        Line(
            "data-stores.orders.database: is one of MariaDB's own; name one of the application, for example app",
            at="database: mysql",
        ),
    ),
    mariadb(
        "MariaDB without database",
        "    database: shop\n",
        "",
        Line("data-stores.orders.database: is missing: name of the database", at="orders:"),
    ),
    mariadb(
        "MariaDB with a secret that is not listed",
        "password: database-password",
        "password: mariadb-pasword",
        Line(
            "data-stores.orders.password: names a secret that the platform's `secrets` do not list; known: "
            "database-password, preview-token, redis-password",
            at="mariadb-pasword",
        ),
    ),
    mariadb(
        "MariaDB listens elsewhere",
        "    user: seller\n",
        "    user: seller\n    parameters: {bind_address: 127.0.0.1}\n",
        Line(
            "data-stores.orders.parameters.bind_address: is set by colorway itself: only the store's own network "
            "reaches it, at all of its addresses; leave it out",
            at="parameters:",
        ),
    ),
    mariadb(
        "a pool of MariaDB's as large as its task",
        "    user: seller\n",
        "    user: seller\n    parameters: {innodb_buffer_pool_size: 512m}\n",
        Line(
            "data-stores.orders.parameters.innodb_buffer_pool_size: asks for 512Mi, and limits.memory is 512Mi for "
            "all of the task; ask for less, or raise the limit",
            at="parameters:",
        ),
    ),
    mariadb(
        "memory as PostgreSQL writes it",
        "    user: seller\n",
        "    user: seller\n    parameters: {innodb_buffer_pool_size: 128MB}\n",
        Line(
            "data-stores.orders.parameters.innodb_buffer_pool_size: is no amount of memory as MariaDB reads it; write "
            "for example 256M",
            at="parameters:",
        ),
    ),
    parameters(
        "PostgreSQL listens elsewhere",
        "{listen_addresses: localhost, port: 5433}",
        _parameter(
            ".listen_addresses",
            "is set by colorway itself: only the store's own network reaches it, at all of its addresses; leave it out",
        ),
        _parameter(".port", "is set by colorway itself: services find it at 5432; leave it out"),
    ),
    parameters(
        "PostgreSQL's data elsewhere",
        "{data_directory: /tmp}",
        _parameter(".data_directory", "is set by colorway itself: it is on the store's volume; leave it out"),
    ),
    parameters(
        "parameter in capitals",
        "{Port: 5433}",
        _parameter(
            ".Port",
            "is no name of a parameter; write it as the server's documentation does, in small letters with _, for "
            "example max_connections",
        ),
    ),
    parameters(
        "parameter with a dash",
        "{max-connections: 100}",
        _parameter(
            ".max-connections",
            "is no name of a parameter; write it as the server's documentation does, in small letters with _, for "
            "example max_connections",
        ),
    ),
    parameters(
        "parameter without a value",
        "{max_connections: }",
        _parameter(
            ".max_connections", "is no value that a server can be told; it must be a text, a number, true or false"
        ),
    ),
    parameters(
        "parameter that is infinite",
        "{cpu_tuple_cost: .inf}",
        _parameter(
            ".cpu_tuple_cost", "is no value that a server can be told; it must be a text, a number, true or false"
        ),
    ),
    parameters(
        "parameter that is a list",
        "{shared_preload_libraries: [pg_cron]}",
        _parameter(".shared_preload_libraries", "must be text; put numbers and dates in quotes"),
    ),
    parameters(
        "parameter of two lines",
        '{search_path: "a\\nb"}',
        _parameter(
            ".search_path",
            "has a line break or another character that cannot be seen; write it as one line of text",
        ),
    ),
    parameters(
        "parameter with a password",
        "{archive_command: 'curl -T %p https://wal:hunter2@wal.example.com/%f'}",
        _parameter(".archive_command", "looks like a secret, and every `docker inspect` would show it; leave it out"),
    ),
    parameters(
        "shared buffers larger than the task",
        "{shared_buffers: 3GB}",
        _parameter(
            ".shared_buffers",
            "asks for 3Gi, and limits.memory is 512Mi for all of the task; ask for less, or raise the limit",
        ),
    ),
    parameters(
        "shared buffers in blocks",
        "{shared_buffers: 65536}",
        _parameter(
            ".shared_buffers",
            "asks for 512Mi, and limits.memory is 512Mi for all of the task; ask for less, or raise the limit",
        ),
    ),
    parameters(
        "memory that does not fit together",
        "{shared_buffers: 256MB, maintenance_work_mem: 262144, work_mem: 4MB, max_connections: 300}",
        _parameter(
            "",
            "ask for 516Mi together (maintenance_work_mem, shared_buffers, work_mem), and limits.memory is 512Mi for "
            "all of the task; ask for less, or raise the limit",
        ),
    ),
    parameters(
        "memory as Docker writes it",
        "{shared_buffers: 128Mi}",
        _parameter(".shared_buffers", "is no amount of memory as PostgreSQL reads it; write for example 256MB"),
    ),
    together(
        "more members than hosts with the role",
        "    members: 2\n",
        Line(
            "data-stores.postgres.members: wants 2 hosts with the role database, and the stack has 1; give more of "
            "them the role, or have fewer members",
            at="members: 2",
        ),
    ),
    Case(
        "members without three managers",
        LIVE,
        "  colorway:registries:",
        f"{DATABASE_HOSTS}{OF_MEMBERS}  colorway:registries:",
        Line(
            "colorway:overrides.data-stores.postgres.members: wants 3 managers, of which two know who leads when one "
            "is lost, and the stack has 1; add managers, or have members: 1",
            at="members: 2",
        ),
    ),
    Case(
        "ports of members where something else listens",
        LIVE,
        "  colorway:registries:",
        f"{DATABASE_HOSTS.replace('[database]', '[manager, database]')}{OF_MEMBERS}"
        "  colorway:network: {host-ports: 9089}\n  colorway:registries:",
        Line(
            "colorway:network.host-ports: gives data stores the port 9090 of app1, which is that of monitoring.port; "
            "choose a range where nothing else listens",
            at="host-ports:",
        ),
    ),
    together(
        "members without etcd",
        "    members: 2\n",
        Line(
            "data-stores.postgres.members: has several members, and no `etcd` knows which of them leads; add it beside "
            "the data stores, for example etcd: {build: etcd}",
            at="members: 2",
        ),
        etcd="",
    ),
    together(
        "members without what stands before them",
        "    members: 2\n",
        *(
            Line(
                f"data-stores.postgres.{key}: is missing, and several members stand behind it; name its image, or its "
                f"folder: {{build: {build}}}",
                at="postgres:",
            )
            for key, build in (("direct", "haproxy"), ("pool", "pgbouncer"))
        ),
        helpers="",
    ),
    together(
        "helper with an image where the platform builds its own",
        "    members: 1\n",
        Line("data-stores.postgres.pool.image: is set, and the platform has `images: local`; leave it out", at="pool:"),
        helpers=f"    direct: {{build: postgres}}\n    pool: {{build: postgres, {PINNED[1:]}\n",
    ),
    together(
        "strict with two members",
        "    members: 2\n    durability: strict\n",
        Line(
            "data-stores.postgres.durability: is strict, and with 2 members the loss of one would end all writes; have "
            "three, or write synchronous",
            at="durability:",
        ),
    ),
    together(
        "durability that is none",
        "    durability: quorum\n",
        Line("data-stores.postgres.durability: must be asynchronous, synchronous or strict", at="durability:"),
    ),
    together(
        "too many members", "    members: 6\n", Line("data-stores.postgres.members: must be at most 5", at="members:")
    ),
    together("no member", "    members: 0\n", Line("data-stores.postgres.members: must be at least 1", at="members:")),
    together(
        "a pool that gives connections away within a transaction",
        "",
        Line("data-stores.postgres.pool.mode: must be transaction or session", at="pool:"),
        Line("data-stores.postgres.pool.size: must be at least 1", at="pool:"),
        helpers="    pool: {build: postgres, mode: statement, size: 0}\n",
    ),
    taken("ssl", "members let nobody in without it"),
    taken("ssl_ca_file", "members know each other by certificates of colorway's own"),
    taken("wal_log_hints", "a member that led and was lost joins again by them"),
    taken("hot_standby", "a member that follows answers questions, as Patroni's do"),
    taken("password_encryption", "members let nobody in with a password of another kind"),
    taken("primary_conninfo", "Patroni says whom a member follows"),
    taken("synchronous_commit", "`durability` says what a commit waits for"),
    taken("synchronous_standby_names", "`durability` says what a commit waits for"),
)
