# Runs as the server's user in the member that leads: says how many commits are in its own log between two places.
# Arguments: the timeline, the places; the second one is the end of what is written.
PATH=$PATH:$(dirname "$(ls -d /usr/lib/postgresql/*/bin/pg_waldump | sort -V | tail -n 1)")
[ "$2" != "$3" ] || { echo 0; exit 0; }
records=$(pg_waldump --path="$PGDATA/pg_wal" --timeline="$1" --start="$2" --end="$3" --rmgr=Transaction)
printf '%s\n' "$records" | grep -c 'desc: COMMIT' || :
