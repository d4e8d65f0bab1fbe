#!/bin/sh
# Runs PostgreSQL with one database and its owner, on Debian's packages as on the official image.
#
#   DATABASE_NAME, DATABASE_USER   what the applications use (default: demo)
#   DATABASE_PASSWORD_FILE         default: /run/secrets/database-password; read at each start, so a new secret counts
#   PGDATA                         default: /var/lib/postgresql/data; mount the volume one level above
#
# Arguments go to the server: `entry.sh -c shared_buffers=256MB`.
# Healthy is: test -e /tmp/postgres-ready && pg_isready -q -h 127.0.0.1 -U postgres
set -eu

name=${DATABASE_NAME:-demo}
user=${DATABASE_USER:-demo}
password_file=${DATABASE_PASSWORD_FILE:-/run/secrets/database-password}
data=${PGDATA:-/var/lib/postgresql/data}
sockets=/var/run/postgresql
rm -f /tmp/postgres-ready

for bin in /usr/lib/postgresql/*/bin; do
    if [ -d "$bin" ]; then PATH=$bin:$PATH; fi
done
export PATH

as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --init-groups "$@"
    else
        "$@"
    fi
}

if [ "$(id -u)" = 0 ]; then
    # Not into the data itself: its owner was right from the start, and it may be large.
    install -d -o postgres -g postgres -m 0755 "$(dirname "$data")"
    install -d -o postgres -g postgres -m 2775 "$sockets"
fi

if [ ! -e "$data/PG_VERSION" ]; then
    # Under another name until it is whole: a start that was cut short is begun anew.
    rm -rf "$data.new"
    as_postgres initdb --pgdata="$data.new" --username=postgres --encoding=UTF8 \
        --locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C.UTF-8 --data-checksums \
        --auth-local=peer --auth-host=scram-sha-256 >/dev/null
    echo 'host all all all scram-sha-256' >>"$data.new/pg_hba.conf"
    # An empty folder may be there already.
    if [ -d "$data" ]; then rmdir "$data"; fi
    mv "$data.new" "$data"
    echo "entry: made a new cluster in $data"
fi

# Not `exec`: postgres takes SIGTERM for "when all clients have gone", which may be never.
server=
stop() {
    trap '' TERM INT
    if [ -n "$server" ]; then kill -INT "$server"; fi
}
trap stop TERM INT

as_postgres postgres -D "$data" -c listen_addresses='*' -c "unix_socket_directories=$sockets" \
    -c password_encryption=scram-sha-256 -c logging_collector=off "$@" &
server=$!

# Every start makes sure of the account and the database. The password goes over standard input, and
# no failing statement is logged.
account() {
    as_postgres psql --quiet --no-psqlrc --host="$sockets" --username=postgres --dbname=postgres \
        --set=ON_ERROR_STOP=1 --set=name="$name" --set=user="$user" <<SQL
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET log_min_duration_statement = -1;
\set password \`cat <&3\`
SELECT format('CREATE ROLE %I LOGIN', :'user') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'user') \gexec
ALTER ROLE :"user" PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'user')
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
SQL
}

while kill -0 "$server" 2>/dev/null; do
    if as_postgres pg_isready --quiet --host="$sockets"; then
        # Opened here, by root if need be: the secret may be unreadable for postgres.
        if account 3<"$password_file"; then
            touch /tmp/postgres-ready
        else
            echo "entry: the account $user could not be set up" >&2
            stop
        fi
        break
    fi
    sleep 0.2
done

# A signal ends a wait early; the server's own end is what counts.
while kill -0 "$server" 2>/dev/null; do
    code=0
    wait "$server" || code=$?
done
exit "${code:-1}"
