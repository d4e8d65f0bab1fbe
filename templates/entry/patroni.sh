# Entry script of a member of a PostgreSQL store: takes the volume, and becomes Patroni, which makes the cluster or
# joins it. Deletes nothing.
set -eu
refuse() { echo "$*" >&2; exit 1; }
bin=$(dirname "$(command -v postgres 2>/dev/null || ls -d /usr/lib/postgresql/*/bin/postgres 2>/dev/null | sort -V | tail -n 1)")
PATH=$bin:$PATH
for program in patroni patronictl postgres initdb pg_rewind psql openssl setpriv flock; do
  command -v "$program" >/dev/null || refuse "$program is missing in this image; take one that is built on Debian and has PostgreSQL and Patroni"
done
volume=$(dirname "$PGDATA")
mkdir -p "$volume" "$COLORWAY_SOCKETS" "$COLORWAY_TLS"
# Patroni inherits the lock, and its end is that of all its container's processes: whoever has it knows that no other
# container of this host runs a PostgreSQL on this volume.
exec 9>>"$volume/colorway.lock"
flock -w 30 9 || refuse "$(cat "$volume/colorway.lock") still has this volume after 30 s; stop it first, this one begins again by itself"
echo "PostgreSQL in container $(uname -n), begun $(date -u +%FT%TZ)," >"$volume/colorway.lock"
if [ ! -e "$PGDATA/global/pg_control" ]; then
  [ -z "$(ls -A "$PGDATA" 2>/dev/null)" ] || refuse "$PGDATA holds something that is no whole cluster (it has no global/pg_control): restore it whole, or move it away; nothing was changed"
else
  made=$(cat "$PGDATA/PG_VERSION"); has=$(postgres --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
  [ "$made" = "$has" ] || refuse "the cluster in $PGDATA was made by PostgreSQL $made and this image has $has: run an image of $made, or upgrade the cluster; nothing was changed"
fi
find "$volume" "$COLORWAY_SOCKETS" ! -user postgres -exec chown -h postgres:postgres {} +
# A private key must be its user's own, in memory only; the certificate is in the same file.
umask 077
cp "$COLORWAY_CA" "$COLORWAY_TLS/ca.crt"
openssl pkey -in "$COLORWAY_MEMBER" -out "$COLORWAY_TLS/member.key"
sed -n '/BEGIN CERTIFICATE/,/END CERTIFICATE/p' "$COLORWAY_MEMBER" >"$COLORWAY_TLS/member.crt"
chown -R postgres:postgres "$COLORWAY_TLS"
# Whose lock it was is dead: the number in this file may be anybody's here.
rm -f "$PGDATA/postmaster.pid"
if [ -n "${COLORWAY_FROM:-}" ]; then
  [ -p "$COLORWAY_SOCKETS/from" ] || mkfifo -m 600 "$COLORWAY_SOCKETS/from"
  chown postgres:postgres "$COLORWAY_SOCKETS/from"
  /bin/sh "$COLORWAY_FROM_SCRIPT" give 9>&- &
fi
export HOME="$COLORWAY_SOCKETS"
exec setpriv --reuid=postgres --regid=postgres --init-groups -- patroni "$COLORWAY_PATRONI"
