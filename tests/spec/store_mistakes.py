"""Mistakes in what a platform file says of its data stores, and what an operator reads about each."""

from __future__ import annotations

from tests.spec.mistakes import Case, Line
from tests.spec.project_files import DEMO, FILES

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
POSTGRES_LIMITS = "    limits: {cpus: 2, memory: 512Mi}\n"


def mariadb(name: str, old: str, new: str, *lines: Line) -> Case:
    """A case about a MariaDB, in the place of the project's Redis."""
    assert old in MARIADB, f"{name}: no {old!r} to replace"
    return Case(name, DEMO, CACHE, MARIADB.replace(old, new, 1), *lines)


def parameters(name: str, text: str, *lines: Line) -> Case:
    """A case about the parameters of the project's PostgreSQL, whose task may use 512 MiB."""
    return Case(name, DEMO, POSTGRES_LIMITS, f"{POSTGRES_LIMITS}    parameters: {text}\n", *lines)


def _parameter(name: str, message: str) -> Line:
    return Line(f"data-stores.postgres.parameters{name}: {message}", at="parameters:")


def extensions(name: str, text: str, *lines: Line) -> Case:
    """A case about the extensions of the project's PostgreSQL."""
    return Case(name, DEMO, POSTGRES_LIMITS, f"{POSTGRES_LIMITS}    extensions: {text}\n", *lines)


CASES = (
    Case(
        "use that is none",
        DEMO,
        "    kind: redis\n",
        "    kind: valkey\n    use: session\n",
        Line("data-stores.cache.use: must be queue or cache", at="use:"),
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
            "data-stores.orders.extensions: is no known key; known: build, database, image, kind, limits, parameters, "
            "password, slot, stop-grace, user",
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
)
