# Entry script of what proves the backups of a PostgreSQL store: it restores the newest one with all that was archived
# after it, asks a server of its own for the newest row, and checks tables and indexes. Arguments: seconds between two
# proofs (0 = one, whose end is this script's), the database, SQL for the newest row's time, its greatest age in seconds.
# Says one line of JSON for each. What a killed run left is removed: the volume is for this alone, and the lock is held.
set -eu
refuse() { echo "$*" >&2; exit 1; }
bin=$(dirname "$(command -v postgres 2>/dev/null || ls -d /usr/lib/postgresql/*/bin/postgres 2>/dev/null | sort -V | tail -n 1)")
PATH=$bin:$PATH
for program in pgbackrest postgres pg_ctl pg_isready psql pg_amcheck python3 setpriv flock; do
  command -v "$program" >/dev/null || refuse "$program is missing in this image; take one that is built on Debian and has PostgreSQL, Patroni and pgBackRest"
done
if [ "$(id -u)" = 0 ]; then
  chown postgres:postgres "$COLORWAY_SCRATCH"
  exec setpriv --reuid=postgres --regid=postgres --init-groups -- /bin/sh "$0" "$@"
fi
every=$1 database=$2 newest=$3 oldest=$4
umask 077
job='' new=''
clear_up() {
  [ -n "$new" ] || return 0
  pg_ctl -D "$new/data" -m immediate -t 60 stop >/dev/null 2>&1 || :
  rm -rf "$new"
  new=
}
trap clear_up EXIT
trap '[ -z "$job" ] || kill "$job" 2>/dev/null || :; exit 1' INT TERM
run() { "$@" & job=$!; code=0; wait "$job" || code=$?; job=; return $code; }
ask() { psql -XAtq -v ON_ERROR_STOP=1 -h "$new" -p 5432 -d "$1"; }
# The newest backup, and the last segment that is archived now.
known() {
  pgbackrest info --output=json | python3 -c '
import json, sys
for stanza in json.loads(sys.stdin.read(), strict=False):
    if stanza["status"]["code"] == 99:
        sys.exit(ascii(stanza["repo"][0]["status"]["message"][:200]))
    made = [one for one in stanza.get("backup", ()) if not one["error"]]
    if made:
        last = max((one.get("max") or "" for one in stanza["archive"]), key=lambda name: name[8:])
        print(made[-1]["label"], made[-1]["info"]["size"], last[8:])
'
}
fail() { why=$1; return 1; }
prove() {
  why='' age=null label='' size=0
  found=$(known) || fail "the repository cannot be read" || return
  [ -n "$found" ] || fail "there is no backup" || return
  label=${found%% *} last=${found##* } size=${found#* }
  size=${size% *}
  new=$(mktemp -d "$COLORWAY_SCRATCH/restored.XXXXXX")
  run pgbackrest restore --pg1-path="$new/data" --set="$label" --archive-mode=off || fail "the restore failed" || return
  # None of the store's own settings: certificates, addresses and memory are its hosts'.
  printf 'local all all peer\n' >"$new/hba"
  {
    printf "data_directory = '%s'\nhba_file = '%s'\nunix_socket_directories = '%s'\n" "$new/data" "$new/hba" "$new"
    printf "listen_addresses = ''\nhot_standby = off\nfsync = off\nmax_prepared_transactions = 100\n"
  } >"$new/postgresql.conf"
  pg_ctl -D "$new/data" -s -t 60 -l "$new/log" -o "-c config_file=$new/postgresql.conf -c ssl=off" start || :
  # It serves once it has read all that is archived; a day is enough for any of it.
  ends=$(($(date +%s) + 86400))
  while ! pg_isready -q -h "$new" -p 5432; do
    pg_ctl -D "$new/data" status >/dev/null && [ "$(date +%s)" -lt "$ends" ] || {
      sed -n '/FATAL\|PANIC/p' "$new/log" >&2
      fail "the restored server does not start" || return
    }
    run sleep 1
  done
  # A spoiled or missing segment ends a recovery as the last one does: without an error.
  spoiled=$(sed -n '/LOG: .*\(incorrect\|invalid\|unexpected\|contrecord\|out-of-sequence\)/{p;q}' "$new/log")
  [ -z "$spoiled" ] || { echo "$spoiled" >&2; fail "the archive is spoiled" || return; }
  reached=$(echo "SELECT substr(pg_walfile_name(split_part(line, E'\\t', 2)::pg_lsn - 1), 9) FROM pg_ls_waldir() AS f, LATERAL regexp_split_to_table(pg_read_file('pg_wal/' || f.name), E'\\n') AS line WHERE f.name ~ '\\.history\$' AND line ~ '^[0-9]' ORDER BY f.name DESC, split_part(line, E'\\t', 1)::int DESC LIMIT 1" | ask postgres) || fail "the restored server does not answer" || return
  [ "$(printf '%s\n' "$last" "$reached" | sort | head -n 1)" = "$last" ] || fail "the archive has a gap: recovery ended in segment $reached, and the last one is $last" || return
  age=$(echo "SELECT coalesce(round(extract(epoch FROM now() - ($newest)::timestamptz))::text, 'null')" | ask "$database") || { age=null; fail "the newest row cannot be asked for" || return; }
  [ "$age" != null ] || fail "there is no newest row" || return
  [ "$age" -le "$oldest" ] || fail "the newest row is older than $oldest s" || return
  run pg_amcheck -h "$new" -p 5432 --all --install-missing >&2 || fail "pg_amcheck found corruption" || return
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
    "$PGBACKREST_STANZA" "$verified" "$(date +%s)" "$(($(date +%s) - began))" "$label" "$size" "$age" "$why")
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
