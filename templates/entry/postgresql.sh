# Entry script of PostgreSQL: makes the cluster on an empty volume, then becomes the server. It deletes nothing
# that it did not make in this same run. The password goes from its file into a pipe, never into argv.
set -eu
refuse() { echo "$*" >&2; exit 1; }
bin=$(dirname "$(command -v postgres 2>/dev/null || ls -d /usr/lib/postgresql/*/bin/postgres | sort -V | tail -n 1)")
PATH=$bin:$PATH
for program in postgres initdb setpriv flock find mktemp; do
  command -v "$program" >/dev/null || refuse "$program is missing in this image; take one that is built on Debian and has PostgreSQL"
done
volume=$(dirname "$PGDATA")
sockets=/tmp/postgresql
mkdir -p "$volume" "$sockets"
# The server and all its processes inherit the lock, and the kernel lets go of it with the last of them: whoever
# has it knows that no other container of this host runs a PostgreSQL that was started here.
exec 9>>"$volume/colorway.lock"
flock -w 30 9 || refuse "$(cat "$volume/colorway.lock") still has this volume after 30 s; stop it first, this one begins again by itself"
echo "PostgreSQL in container $(uname -n), begun $(date -u +%FT%TZ)," >"$volume/colorway.lock"
run() { setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"; }
# Without a server: needs no role of a certain name and no line in pg_hba.conf, which an adopted cluster may lack.
# What it is told is never logged, for a password is in it.
tell() {
  run postgres --single -j -D "$1" -c exit_on_error=on -c standard_conforming_strings=on -c log_statement=none \
    -c log_min_duration_statement=-1 -c log_min_error_statement=panic postgres >/dev/null
}
if [ ! -e "$PGDATA/global/pg_control" ]; then
  [ -z "$(ls -A "$PGDATA" 2>/dev/null)" ] || refuse "$PGDATA holds something that is no whole cluster (it has no global/pg_control): restore it whole, or move it away; nothing was changed"
  # Where other images make it: at the volume's root, or below the version's number.
  found=$(find "$volume" -maxdepth 4 -path '*/global/pg_control' ! -path "$volume/initializing.*")
  case $found in
    '') ;;
    *'
'*) refuse "there are several clusters on this volume and none in $PGDATA: move the right one there; nothing was changed: $found" ;;
    *) PGDATA=${found%/global/pg_control}; echo "the cluster in $PGDATA is adopted as it is" >&2 ;;
  esac
fi
find "$volume" "$sockets" ! -user postgres -exec chown -h postgres:postgres {} +
if [ -e "$PGDATA/global/pg_control" ]; then
  made=$(cat "$PGDATA/PG_VERSION"); has=$(postgres --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
  [ "$made" = "$has" ] || refuse "the cluster in $PGDATA was made by PostgreSQL $made and this image has $has: run an image of $made, or upgrade the cluster with pg_upgrade; nothing was changed"
else
  for half in "$volume"/initializing.*; do
    [ ! -e "$half" ] || echo "$half is left of a first start that was cut off; it never served anybody and may be deleted" >&2
  done
  # Made beside and renamed when whole, so that what is in $PGDATA is always a cluster.
  new=$(mktemp -d "$volume/initializing.XXXXXX")
  trap 'rm -rf "$new"' EXIT
  trap 'exit 1' INT TERM
  chown postgres:postgres "$new"
  run initdb --pgdata="$new" --username=postgres --auth-local=peer --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >/dev/null
  printf 'host all all all scram-sha-256\n' >>"$new/pg_hba.conf"
  printf 'CREATE ROLE "%s" LOGIN;\n\nCREATE DATABASE "%s" OWNER "%s";\n\n' "$POSTGRES_USER" "$POSTGRES_DB" "$POSTGRES_USER" | tell "$new"
  [ ! -d "$PGDATA" ] || rmdir "$PGDATA"
  mv -T "$new" "$PGDATA"
  trap - EXIT INT TERM
  sync "$volume"
fi
chmod 700 "$PGDATA"
# A killed server leaves its file, and the number in it may be anybody's here. Whose sockets were ours held the
# lock, so it is gone. Somebody else's may run in another container, which PostgreSQL itself cannot see from here.
pid=$PGDATA/postmaster.pid
case $(sed -n 5p "$pid" 2>/dev/null) in
  "$sockets") rm -f "$pid" ;;
  '') ;;
  *) refuse "$pid was written by a PostgreSQL that this script did not start: if no other container has this volume, remove that file; nothing was changed" ;;
esac
# At every start, so that the password is always what the secret says: a rotation is a new secret.
{
  printf 'ALTER ROLE "%s" PASSWORD '"'" "$POSTGRES_USER"
  sed "s/'/''/g" "$POSTGRES_PASSWORD_FILE" | tr -d '\n'
  printf "';\n\n"
} | tell "$PGDATA" || refuse "the password of the role \"$POSTGRES_USER\" could not be set; the lines above say why (a cluster that is adopted needs that role)"
exec setpriv --reuid=postgres --regid=postgres --init-groups -- postgres -D "$PGDATA" \
  -c listen_addresses='*' -c unix_socket_directories="$sockets" -c max_connections=200
