# Entry script of the backups of a MariaDB store on one of its hosts: makes those that are due beside the replica, which
# spares the primary, and beside the primary while no replica is well, or beside the only member. Arguments: how often and when, as the seconds of a
# period and the seconds that one begins after 1970, and how many days are kept. What was made is what the repository says.
set -eu
refuse() { echo "$*" >&2; exit 1; }
for program in mariadb-backup mariadb restic setpriv timeout; do
  command -v "$program" >/dev/null || refuse "$program is missing in this image; take one that is built on Debian and has MariaDB, mariadb-backup and restic"
done
if [ "$(id -u)" = 0 ]; then
  exec setpriv --reuid=mysql --regid=mysql --init-groups -- /bin/sh "$0" "$@"
fi
period=$1 first=$2 days=$3
# How a client comes to the member on this host, and what it says of itself: the only one has a socket on the volume.
if [ -n "${COLORWAY_SOCKET:-}" ]; then
  set -- --socket="$COLORWAY_SOCKET" --user=backup
else
  set -- --port="$COLORWAY_PORT" --user=member --ssl-verify-server-cert --ssl-ca="$COLORWAY_CA" \
    --ssl-cert="$COLORWAY_MEMBER" --ssl-key="$COLORWAY_MEMBER"
fi
job='' said=$(mktemp) half=$(mktemp -d)
trap '[ -z "$job" ] || kill "$job" 2>/dev/null || :; exit 0' TERM
# In the background, so that a signal need not wait for its end.
run() { "$@" & job=$!; code=0; wait "$job" || code=$?; job=; return $code; }
bucket() { run restic --option="s3.bucket-lookup=$COLORWAY_LOOKUP" --quiet --retry-lock=15m "$@"; }
# Restic itself tries a server that does not answer for many minutes.
newest() { run timeout 120 restic --option="s3.bucket-lookup=$COLORWAY_LOOKUP" --no-lock snapshots --tag=colorway --group-by=tags --latest=1 --json; }
# What a member is, and ON where it receives and writes what the other one does.
state() {
  host=$1
  shift
  mariadb --no-defaults "$@" --host="$host" --connect-timeout=5 --skip-column-names --batch --execute="SELECT CONCAT(IF(@@read_only, 'replica ', 'primary '), VARIABLE_VALUE) FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'SLAVE_RUNNING'"
}
is_ours() {
  if [ -n "${COLORWAY_SOCKET:-}" ]; then
    mariadb --no-defaults "$@" --connect-timeout=5 --execute='SELECT 1' >/dev/null
    return
  fi
  case $(state "$COLORWAY_ADDRESS" "$@") in
    'replica ON') ;;
    primary*) [ "$(state "$COLORWAY_OTHER" "$@" 2>/dev/null)" != 'replica ON' ] ;;
    *) return 1 ;;
  esac
}
made=0
look() {
  now=$(date +%s)
  due=$((now - (now - first) % period))
  [ "$made" -lt "$due" ] && is_ours "$@" || return 0
  newest >"$said" 2>"$said.wrong" || {
    [ "$code" = 10 ] || { cat "$said.wrong" >&2; echo "the repository cannot be read" >&2; return 1; }
    bucket init || return
  }
  found=$(sed -n 's/.*"time":"\([^"]*\)".*/\1/p' "$said")
  made=$(date -d "${found:-@0}" +%s)
  [ "$made" -lt "$due" ] || return 0
  # What the program says is the log of the backup, hundreds of lines; of one that fails the last ones count.
  bucket backup --tag=colorway --host="$COLORWAY_HOST" --stdin-filename="$COLORWAY_STORE" --stdin-from-command -- \
    /bin/sh -c 'exec "$@" 2>"$0"' "$said" mariadb-backup --no-defaults --backup --stream=mbstream --target-dir="$half" \
    --datadir="$MARIADB_DATA" ${COLORWAY_ADDRESS:+--host="$COLORWAY_ADDRESS"} --ftwrl-wait-timeout=300 "$@" || {
    tail -n 5 "$said" >&2
    echo "the backup failed with code $code; it is tried again" >&2
    return 1
  }
  made=$now
  echo "backup made: full, in $(($(date +%s) - now)) s"
  bucket forget --tag=colorway --group-by=tags --keep-within="${days}d" --prune ||
    echo "what is older than $days days could not be removed; that is tried again after the next backup" >&2
}
while :; do
  pause=20
  look "$@" || pause=120
  run sleep "$pause"
done
