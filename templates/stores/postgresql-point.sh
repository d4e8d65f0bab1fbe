# Patroni's own way to begin a generation of a store: from a backup of an earlier one, up to a point. Patroni tells the
# server how far to read. Arguments: the earlier generation's stanza, the backup. Deletes nothing: a directory that is not
# empty is refused by pgBackRest.
set -eu
exec pgbackrest --stanza="$1" restore --pg1-path="$PGDATA" --set="$2" --type=none
