# Entry script of PostgreSQL: makes the cluster on an empty volume, then becomes the server.
# The password is read from a file and reaches the server over its own socket, never argv.
set -eu
bin=$(dirname "$(command -v postgres 2>/dev/null || ls -d /usr/lib/postgresql/*/bin/postgres | sort -V | tail -n 1)")
PATH=$bin:$PATH
run() { setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"; }
mkdir -p "$PGDATA" /tmp/postgresql
chown -R postgres:postgres "$(dirname "$PGDATA")" /tmp/postgresql
chmod 700 "$PGDATA"
if [ ! -s "$PGDATA/ready" ]; then
  # A first start that was killed leaves half a cluster and no mark: begin again.
  find "$PGDATA" -mindepth 1 -delete
  run initdb --pgdata="$PGDATA" --username=postgres --auth-local=peer --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >/dev/null
  run pg_ctl --pgdata="$PGDATA" --silent --wait --options="-c listen_addresses='' -c unix_socket_directories=/tmp/postgresql" start >/dev/null
  {
    printf '\\set password `cat %s`\n' "$POSTGRES_PASSWORD_FILE"
    printf 'CREATE ROLE "%s" LOGIN PASSWORD :'"'password'"';\n' "$POSTGRES_USER"
    printf 'CREATE DATABASE "%s" OWNER "%s";\n' "$POSTGRES_DB" "$POSTGRES_USER"
  } | run psql --quiet --no-psqlrc --host=/tmp/postgresql --username=postgres --set=ON_ERROR_STOP=1 postgres
  printf 'host all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
  run pg_ctl --pgdata="$PGDATA" --silent --wait --mode=fast stop >/dev/null
  echo ready >"$PGDATA/ready"
  chown postgres:postgres "$PGDATA/ready"
fi
exec setpriv --reuid=postgres --regid=postgres --init-groups -- postgres -D "$PGDATA" \
  -c listen_addresses='*' -c unix_socket_directories=/tmp/postgresql -c max_connections=200
