# Runs as the server's user where pgBackRest can read a store's repository: says which backup a restore to a point begins
# with, and how many commits came after that point and would be lost. Arguments: name or time; the point, a time as
# 2026-11-28 14:00:00+00; where in the log the count ends, which must be archived. Prints the backup's label, the time of
# its end, the number of commits, and the highest generation of the store that the repository knows.
kind=$1 point=$2 end=$3
PATH=$PATH:$(dirname "$(ls -d /usr/lib/postgresql/*/bin/pg_waldump | sort -V | tail -n 1)")
export TZ=UTC
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ "$kind" = time ]; then
  limit=$(date -u -d "$point" '+%F %T.%6N') || { echo "$point is no time; write for example 2026-11-28 14:00:00+00" >&2; exit 1; }
  second=$(date -u -d "$point" +%s)
else
  limit='' second=9999999999
fi
# Newest first: of those that ended before the point (in the same second is not before), each with its first segment.
pgbackrest info --output=json | python3 -c '
import json, sys
for stanza in json.loads(sys.stdin.read(), strict=False):
    for one in reversed(stanza.get("backup", ())):
        if not one["error"] and one["timestamp"]["stop"] < int(sys.argv[1]):
            print(one["label"], one["archive"]["start"], one["lsn"]["start"], one["timestamp"]["stop"])
' "$second" >"$work/backups"
store=${PGBACKREST_STANZA%%.*}
highest=$(env -u PGBACKREST_STANZA pgbackrest info --output=json | python3 -c '
import json, sys
store = sys.argv[1]
names = [one["name"] for one in json.loads(sys.stdin.read(), strict=False)]
print(max([1, *(int(name.rpartition(".")[2]) for name in names if name.startswith(store + "."))]))
' "$store")
# Of each segment the one of the latest timeline, which holds the earlier ones up to where they were left.
pgbackrest repo-ls "archive/$PGBACKREST_STANZA" --recurse --filter='[0-9A-F]{24}-[0-9a-f]+' |
  sed 's#.*/##; s/-.*//' | grep -E '^[0-9A-F]{24}$' | sort -k 1.9,1.24 -k 1.1,1.8 | awk '{ last[substr($0, 9)] = $0 } END { for (one in last) print last[one] }' |
  sort -k 1.9 >"$work/segments"
timeline=$(cut -c 1-8 "$work/segments" | sort | tail -n 1)
mkdir "$work/wal"
while read -r label first lsn stop; do
  while read -r segment; do
    place=$work/wal/$timeline${segment#????????}
    expr "${segment#????????}" '<' "${first#????????}" >/dev/null || [ -e "$place" ] || timeout 600 pgbackrest archive-get "$segment" "$place" </dev/null
  done <"$work/segments"
  pg_waldump --path="$work/wal" --timeline="$((0x$timeline))" --start="$lsn" --end="$end" --rmgr=Transaction --rmgr=XLOG >"$work/records" || { echo "the archive after the backup $label cannot be read up to $end" >&2; exit 1; }
  commits=$(sed -n 's/.*desc: //p' "$work/records" | awk -v name="$point" -v limit="$limit" '
    limit == "" && $1 == "RESTORE_POINT" && substr($0, 15) == name { found = 1; count = 0; next }
    $1 != "COMMIT" { next }
    limit == "" { count++ }
    limit != "" && $2 " " $3 > limit { count++ }
    END { if (limit != "" || found) print count + 0 }')
  [ -z "$commits" ] || { echo "$label $stop $commits $highest"; exit 0; }
done <"$work/backups"
echo "no backup leads to $point: there is none before it, or no restore point of that name is archived" >&2
exit 1
