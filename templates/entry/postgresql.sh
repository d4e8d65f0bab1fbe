# Entry script of PostgreSQL: makes the cluster on an empty volume, then becomes the server.
# The password is read from a file and reaches the server over its own socket, never argv.
set -eu
bin=$(dirname "$(command -v postgres 2>/dev/null || ls -d /usr/lib/postgresql/*/bin/postgres | sort -V | tail -n 1)")
PATH=$bin:$PATH
run() { setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"; }
mkdir -p "$PGDATA" /tmp/postgresql
chown -R postgres:postgres "$(dirname "$PGDATA")" /tmp/postgresql
chmod 700 "$PGDATA"
start() { run pg_ctl --pgdata="$PGDATA" --silent --wait --options="-c listen_addresses='' -c unix_socket_directories=/tmp/postgresql" start >/dev/null; }
stop() { run pg_ctl --pgdata="$PGDATA" --silent --wait --mode=fast stop >/dev/null; }
query() { run psql --quiet --no-psqlrc --host=/tmp/postgresql --username=postgres --set=ON_ERROR_STOP=1 postgres; }
if [ ! -s "$PGDATA/ready" ]; then
  # A first start that was killed leaves half a cluster and no mark: begin again.
  find "$PGDATA" -mindepth 1 -delete
  run initdb --pgdata="$PGDATA" --username=postgres --auth-local=peer --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >/dev/null
  printf 'host all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
  start
  printf 'CREATE ROLE "%s" LOGIN;\nCREATE DATABASE "%s" OWNER "%s";\n' "$POSTGRES_USER" "$POSTGRES_DB" "$POSTGRES_USER" | query
  stop
  run sh -c "echo ready >'$PGDATA/ready'"
fi
# At every start, so that the password is always what the secret says: a rotation is a new secret.
rm -f "$PGDATA/postmaster.pid"
start
{
  printf '\\set password `cat %s`\n' "$POSTGRES_PASSWORD_FILE"
  printf 'ALTER ROLE "%s" PASSWORD :'"'password'"';\n' "$POSTGRES_USER"
} | query
stop
exec setpriv --reuid=postgres --regid=postgres --init-groups -- postgres -D "$PGDATA" \
  -c listen_addresses='*' -c unix_socket_directories=/tmp/postgresql -c max_connections=200
