# How the first cluster of a PostgreSQL store with several members begins from data that exists, which is only read.
# Arguments: `give`, by the entry script as root: waits until Patroni asks, and gives it a cluster that another image made.
# Or Patroni's own way to begin: `volume`, or `repository`, the stanza there, and a time that it is to reach, if any.
set -eu
refuse() { echo "$*; nothing was changed" >&2; exit 1; }
fifo=$COLORWAY_SOCKETS/from
give() {
  # Somebody else's files, which the server's user may not read. Whoever opens this is Patroni, and nobody leads yet.
  exec >"$fifo"
  found=$(find "$COLORWAY_FROM" -maxdepth 4 -path '*/global/pg_control')
  case $found in
    '') refuse "the volume that $COLORWAY_STORE begins from holds no whole cluster (no global/pg_control): look for its name with \`docker volume ls\` on this host" ;;
    *'
'*) refuse "the volume that $COLORWAY_STORE begins from holds several clusters: $found" ;;
  esac
  from=${found%/global/pg_control}
  made=$(cat "$from/PG_VERSION") has=$(postgres --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
  [ "$made" = "$has" ] || refuse "the cluster that $COLORWAY_STORE begins from was made by PostgreSQL $made and this image has $has: take an image of $made, or bring a dump"
  state=$(LC_ALL=C pg_controldata "$from" | sed -n 's/^Database cluster state: *//p')
  [ ! -e "$from/postmaster.pid" ] || state="in use, or its server was killed"
  [ "$state" = "shut down" ] || refuse "the cluster that $COLORWAY_STORE begins from is $state, and a copy of it would not be whole: end its server well (docker stop), this one begins again by itself"
  [ -z "$(ls -A "$from/pg_tblspc")" ] && [ ! -L "$from/pg_wal" ] || refuse "the cluster that $COLORWAY_STORE begins from has files outside of its volume (pg_tblspc or pg_wal): bring a dump"
  exec tar -C "$from" -c .
}
[ "$1" != give ] || give
volume=$(dirname "$PGDATA")
for half in "$volume"/initializing.*; do
  [ ! -e "$half" ] || echo "$half is left of a first start that was cut off; it never served anybody and may be deleted" >&2
done
# Made beside and renamed when whole, so that what is in $PGDATA is always a cluster.
new=$(mktemp -d "$volume/initializing.XXXXXX")
trap 'rm -rf "$new"' EXIT
trap 'exit 1' INT TERM
echo "copying what $COLORWAY_STORE begins from" >&2
if [ "$1" = volume ]; then
  # A copy that was cut off is an error of this one, too: who gives it has said why.
  tar -C "$new" -x <"$fifo"
else
  pgbackrest --config="$COLORWAY_FROM_CONFIG" --stanza="$2" --pg1-path="$new" ${3:+"--type=time"} ${3:+"--target=$3"} restore
fi
# Their settings are of another place: what they archive to, which files they name. Nothing of them is lost.
for file in postgresql.conf postgresql.auto.conf pg_hba.conf pg_ident.conf; do
  [ ! -e "$new/$file" ] || mv "$new/$file" "$new/$file.brought"
  (umask 077; : >"$new/$file")
done
rm -f "$new/recovery.signal"
if [ "$1" = volume ]; then
  # Only checksums find corruption; whoever brought none has waited for a copy anyway.
  pg_controldata "$new" | grep -q '^Data page checksum version: *[1-9]' || pg_checksums --enable --pgdata="$new" >&2
  # Another image's superuser may have another name.
  echo "DO \$\$BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'postgres') THEN CREATE ROLE postgres; END IF; ALTER ROLE postgres SUPERUSER LOGIN; END\$\$;" |
    postgres --single -D "$new" -c exit_on_error=on postgres >/dev/null
fi
[ ! -d "$PGDATA" ] || rmdir "$PGDATA"
mv -T "$new" "$PGDATA"
trap - EXIT INT TERM
sync "$volume"
