# Patroni's own way to begin a generation of a store: from a backup of an earlier one, up to a point. Patroni tells the
# server how far to read. Arguments: the earlier generation's stanza, the backup. Deletes nothing: a directory that is not
# empty is refused by pgBackRest. One that has backups of its own has lived on since then, and has lost all of its volumes.
set -eu
case $(pgbackrest info --output=json) in
  *'"backup":[{'*) echo "$PGBACKREST_STANZA has backups of its own, and would begin at $1 again; restore the newest of them, or move them away" >&2; exit 1 ;;
esac
exec pgbackrest --stanza="$1" restore --pg1-path="$PGDATA" --set="$2" --type=none
