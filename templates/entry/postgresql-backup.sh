# Entry script of the backups of a PostgreSQL store on one of its hosts: where the leader is, or the only member, it makes
# those that are due. Both are asked by the words of PostgreSQL's clients; the only one has a socket on the volume.
# Arguments: of full ones and of incremental ones how often and when, as the seconds of a period and the seconds that one
# begins after 1970. What was made is what the repository says, so that a new leader's host makes up what is missing.
set -eu
refuse() { echo "$*" >&2; exit 1; }
for program in pgbackrest psql python3 setpriv ${COLORWAY_MEMBER:+openssl}; do
  command -v "$program" >/dev/null || refuse "$program is missing in this image; take one that is built on Debian and has PostgreSQL, Patroni and pgBackRest"
done
if [ "$(id -u)" = 0 ]; then
  umask 077
  if [ -n "${COLORWAY_MEMBER:-}" ]; then
    mkdir -p "$COLORWAY_TLS"
    cp "$COLORWAY_CA" "$PGSSLROOTCERT"
    openssl pkey -in "$COLORWAY_MEMBER" -out "$PGSSLKEY"
    openssl x509 -in "$COLORWAY_MEMBER" -out "$PGSSLCERT"
    chown -R postgres:postgres "$COLORWAY_TLS"
  fi
  exec setpriv --reuid=postgres --regid=postgres --init-groups -- /bin/sh "$0" "$@"
fi
job=''
trap '[ -z "$job" ] || kill "$job" 2>/dev/null || :; exit 0' TERM
# In the background, so that a signal need not wait for its end.
run() { "$@" & job=$!; code=0; wait "$job" || code=$?; job=; return $code; }
# Which kind is due: the newest of its kind, or of a fuller one, began before the last time that one should have.
due() {
  pgbackrest info --output=json | python3 -c '
import json, sys, time
now, made = time.time(), {"full": 0, "incr": 0}
stanzas = json.loads(sys.stdin.read(), strict=False)
if any(stanza["status"]["code"] == 99 for stanza in stanzas):
    sys.exit("the repository cannot be read")
for backup in (one for stanza in stanzas for one in stanza.get("backup", ())):
    if not backup["error"]:
        for kind in ("full", "incr") if backup["type"] == "full" else ("incr",):
            made[kind] = max(made[kind], backup["timestamp"]["start"])
times = [int(word) for word in sys.argv[1:]]
for kind, period, first in (("full", *times[:2]), ("incr", *times[2:])):
    if made[kind] < (now - (now - first) % period if made["full"] else now):
        print(kind)
        break
' "$@"
}
look() {
  leads=$(psql -XAtc 'SELECT NOT pg_is_in_recovery()') || return
  [ "$leads" = t ] || return 0
  # Changes nothing where it is there.
  [ -n "$created" ] || { run pgbackrest stanza-create || return; created=1; }
  kind=$(due "$@") || return
  [ -n "$kind" ] || return 0
  began=$(date +%s)
  run pgbackrest backup --type="$kind" || { echo "the $kind backup failed with code $code; it is tried again" >&2; return 1; }
  echo "backup made: $kind, in $(($(date +%s) - began)) s"
}
created=
while :; do
  pause=20
  look "$@" || pause=120
  run sleep "$pause"
done
