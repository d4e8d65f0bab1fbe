# Entry script of what proves the backups of a MariaDB store: it restores the newest one, asks a server of its own for the
# newest row, and checks all tables. Arguments: seconds between two proofs (0 = one, whose end is this script's), the
# database, SQL for the newest row's time (UTC), its greatest age in seconds. Says one line of JSON for each. What a killed
# run left is removed: the volume is for this alone, and the lock is held.
set -eu
refuse() { echo "$*" >&2; exit 1; }
for program in mariadbd mariadb mariadb-check mariadb-backup mbstream restic setpriv timeout flock; do
  command -v "$program" >/dev/null || refuse "$program is missing in this image; take one that is built on Debian and has MariaDB, mariadb-backup and restic"
done
if [ "$(id -u)" = 0 ]; then
  chown mysql:mysql "$COLORWAY_SCRATCH"
  exec setpriv --reuid=mysql --regid=mysql --init-groups -- /bin/sh "$0" "$@"
fi
every=$1 database=$2 asked=$3 oldest=$4
umask 077
job='' server='' new=''
clear_up() {
  [ -n "$new" ] || return 0
  if [ -n "$server" ]; then
    kill -9 "$server" 2>/dev/null || :
    wait "$server" 2>/dev/null || :
    server=
  fi
  rm -rf "$new"
  new=
}
trap clear_up EXIT
trap '[ -z "$job" ] || kill "$job" 2>/dev/null || :; exit 1' INT TERM
run() { "$@" & job=$!; code=0; wait "$job" || code=$?; job=; return $code; }
bucket() { run restic --option="s3.bucket-lookup=$COLORWAY_LOOKUP" --quiet --retry-lock=15m "$@"; }
# Restic itself tries a server that does not answer for many minutes.
newest() { run timeout 120 restic --option="s3.bucket-lookup=$COLORWAY_LOOKUP" --no-lock snapshots --tag=colorway --group-by=tags --latest=1 --json; }
client() {
  program=$1
  shift
  run "$program" --no-defaults --socket="$new/socket" --user=mysql "$@"
}
fail() { why=$1; return 1; }
prove() {
  why='' age=null label='' size=0
  new=$(mktemp -d "$COLORWAY_SCRATCH/restored.XXXXXX")
  newest >"$new/said" 2>"$new/wrong" || {
    [ "$code" != 10 ] || fail "there is no backup" || return
    cat "$new/wrong" >&2
    [ "$code" != 12 ] || fail "the passphrase does not open the repository" || return
    fail "the repository cannot be read" || return
  }
  label=$(sed -n 's/.*"short_id":"\([^"]*\)".*/\1/p' "$new/said")
  [ -n "$label" ] || fail "there is no backup" || return
  size=$(sed -n 's/.*"total_bytes_processed":\([0-9]*\).*/\1/p' "$new/said")
  mkdir "$new/data"
  mkfifo "$new/stream"
  mbstream --extract --directory="$new/data" <"$new/stream" &
  writes=$!
  bucket dump "$label" "/$COLORWAY_STORE" >"$new/stream" || fail "the restore failed" || return
  wait "$writes" || fail "the restore failed" || return
  run mariadb-backup --prepare --target-dir="$new/data" --use-memory=128M >"$new/log" 2>&1 || {
    tail -n 5 "$new/log" >&2
    fail "the restore failed" || return
  }
  # None of the store's own settings, but how its files are written: certificates, addresses and memory are its hosts'.
  mariadbd --defaults-file="$new/data/backup-my.cnf" --datadir="$new/data" --socket="$new/socket" --pid-file="$new/pid" \
    --skip-networking --skip-log-bin --skip-slave-start --read-only >"$new/log" 2>&1 9>&- &
  server=$!
  ends=$(($(date +%s) + 3600))
  while ! client mariadb --execute='SELECT 1' >"$new/said" 2>&1; do
    kill -0 "$server" 2>/dev/null && [ "$(date +%s)" -lt "$ends" ] || {
      grep ERROR "$new/log" >&2
      fail "the restored server does not start" || return
    }
    run sleep 1
  done
  client mariadb --batch --skip-column-names --execute="SELECT COALESCE(CAST(UNIX_TIMESTAMP() - UNIX_TIMESTAMP(($asked)) AS SIGNED), 'null')" "$database" >"$new/said" || fail "the newest row cannot be asked for" || return
  age=$(cat "$new/said")
  [ "$age" != null ] || fail "there is no newest row" || return
  [ "$age" -le "$oldest" ] || fail "the newest row is older than $oldest s" || return
  client mariadb-check --all-databases --silent >"$new/said" 2>&1 && [ ! -s "$new/said" ] || {
    cat "$new/said" >&2
    fail "mariadb-check found corruption" || return
  }
}
exec 9>>"$COLORWAY_SCRATCH/colorway.lock"
while :; do
  flock -w 60 9 || refuse "another proof still runs on this volume after 60 s; wait for its line"
  rm -rf "$COLORWAY_SCRATCH"/restored.*
  began=$(date +%s) verified=true
  prove || verified=false
  clear_up
  flock -u 9
  said=$(printf '{"store": "%s", "verified": %s, "at": %s, "seconds": %s, "backup": "%s", "bytes": %s, "newest_age": %s, "why": "%s"}' \
    "$COLORWAY_STORE" "$verified" "$(date +%s)" "$(($(date +%s) - began))" "$label" "${size:-0}" "$age" "$why")
  echo "$said"
  # For the gate of a release, which asks here.
  echo "$said" >"$COLORWAY_SCRATCH/proof.json.new"
  mv "$COLORWAY_SCRATCH/proof.json.new" "$COLORWAY_SCRATCH/proof.json"
  [ "$every" != 0 ] || { [ "$verified" = true ]; exit; }
  pause=$every
  [ "$verified" = true ] || pause=$((every < 3600 ? every : 3600))
  [ "$why" != "there is no backup" ] || pause=60
  run sleep "$pause"
done
