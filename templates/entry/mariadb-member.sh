# Entry script of a member of a MariaDB store that has two: finds out what it is, the primary or its replica, makes the
# data or copies them from the other one, and becomes the server, with the arguments of this script as the server's.
# It deletes nothing that it did not make in this same run.
set -eu
refuse() { echo "$*" >&2; exit 1; }
for program in mariadbd mariadb-install-db mariadb mariadb-dump setpriv flock find mktemp timeout; do
  command -v "$program" >/dev/null || refuse "$program is missing in this image; take one that is built on Debian or Ubuntu and has MariaDB"
done
volume=$(dirname "$MARIADB_DATA") role=$(dirname "$MARIADB_DATA")/colorway.role
sockets=/tmp/mariadb
mkdir -p "$volume" "$sockets"
# The server inherits the lock, and the kernel lets go of it with the last process that has it: whoever has it knows
# that no other container of this host runs a MariaDB that was started here.
exec 9>>"$volume/colorway.lock"
flock -w 30 9 || refuse "$(cat "$volume/colorway.lock") still has this volume after 30 s; stop it first, this one begins again by itself"
echo "MariaDB in container $(uname -n), begun $(date -u +%FT%TZ)," >"$volume/colorway.lock"
run() { setpriv --reuid=mysql --regid=mysql --init-groups -- "$@"; }
is_whole() { [ -e "$1/ibdata1" ] && [ -d "$1/mysql" ]; }
set -- "$@" --ssl-ca="$COLORWAY_CA" --ssl-cert="$COLORWAY_MEMBER" --ssl-key="$COLORWAY_MEMBER" \
  --relay-log=relay
# What a client says of itself to the other member.
as_member() {
  program=$1
  shift
  run "$program" --no-defaults --host="$COLORWAY_OTHER" --port="$COLORWAY_PORT" --user=member --ssl-verify-server-cert \
    --ssl-ca="$COLORWAY_CA" --ssl-cert="$COLORWAY_MEMBER" --ssl-key="$COLORWAY_MEMBER" "$@"
}
other_takes_writes() { [ "$(as_member mariadb --connect-timeout=5 --skip-column-names --batch --execute='SELECT @@read_only' 2>/dev/null)" = 0 ]; }
await() {
  limit=$1
  shift
  while ! "$@"; do
    limit=$((limit - 1))
    [ "$limit" -gt 0 ] || return 1
    sleep 1
  done
}
if is_whole "$MARIADB_DATA"; then
  made=$(sed -n 's/^\([0-9]*\.[0-9]*\).*/\1/p' "$MARIADB_DATA/mariadb_upgrade_info" 2>/dev/null || :)
  has=$(mariadbd --version | sed 's/.*Ver \([0-9]*\.[0-9]*\).*/\1/')
  [ "${made:-$has}" = "$has" ] || refuse "the data in $MARIADB_DATA is of MariaDB $made and this image has $has: run an image of $made, or upgrade the data with mariadb-upgrade; nothing was changed"
  # Whoever was the primary may have been replaced while it was away.
  if other_takes_writes; then
    echo replica >"$role"
  fi
  is=$(cat "$role" 2>/dev/null) || refuse "$volume has data and no colorway.role, so nobody knows whether they are the newest: write replica into it where the other member has newer ones, else primary; nothing was changed"
else
  [ -z "$(ls -A "$MARIADB_DATA" 2>/dev/null)" ] || refuse "$MARIADB_DATA holds something that is not all of MariaDB's data (ibdata1 or the folder mysql is missing): restore it whole, or move it away; nothing was changed"
  # An empty volume may be one that was lost: only who runs `up` for the first time knows that there is nothing yet.
  touch "$sockets/waits"
  echo "this volume is empty: waiting for a primary to copy from, or for the word to begin" >&2
  decided() { [ -e "$sockets/begin" ] || other_takes_writes; }
  await 600 decided || refuse "this volume is empty and $COLORWAY_OTHER takes no writes, so there is nothing to copy; bring the other member back, or make it the primary with \`colorway data promote\`; this one begins again by itself"
  is=primary
  if other_takes_writes; then is=replica; fi
fi
chown mysql:mysql "$volume" "$sockets"
find "$volume" "$sockets" ! -user mysql -exec chown -h mysql:mysql {} +
if ! is_whole "$MARIADB_DATA"; then
  for half in "$volume"/initializing.*; do
    [ ! -e "$half" ] || echo "$half is left of a start that was cut off; it never served anybody and may be deleted" >&2
  done
  # Made beside and renamed when whole, so that what is in $MARIADB_DATA is always all of the data.
  new=$(mktemp -d "$volume/initializing.XXXXXX")
  server=
  trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null; rm -rf "$new"' EXIT
  trap 'exit 1' INT TERM
  chown mysql:mysql "$new"
  run mariadb-install-db --no-defaults "$@" --datadir="$new" --auth-root-authentication-method=socket \
    --auth-root-socket-user=mysql --skip-test-db >"$sockets/made" 2>&1 || { grep ERROR "$sockets/made" >&2; refuse "the data could not be made; the lines above say why"; }
  # Nobody else reaches this one, and what it is told is in no binary log: the copy has its place in the primary's.
  setpriv --reuid=mysql --regid=mysql --init-groups -- mariadbd --no-defaults "$@" --skip-log-bin --skip-networking \
    --datadir="$new" --socket="$sockets/making.sock" --pid-file="$sockets/making.pid" >"$sockets/made" 2>&1 9>&- &
  server=$!
  tell() { run mariadb --no-defaults --socket="$sockets/making.sock" --user=mysql "$@"; }
  answers() { tell --execute='SELECT 1' >/dev/null 2>&1; }
  await 120 answers || { grep ERROR "$sockets/made" >&2; refuse "the new server does not answer; the lines above say why"; }
  if [ "$is" = replica ]; then
    echo "copying all data from $COLORWAY_OTHER" >&2
    mkfifo "$sockets/copy"
    chown mysql "$sockets/copy"
    as_member mariadb-dump --all-databases --single-transaction --gtid --master-data=1 --routines --events --triggers \
      --flush-privileges >"$sockets/copy" &
    dump=$!
    { echo 'SET sql_log_bin = 0;'; cat "$sockets/copy"; } | tell || refuse "the copy could not be written; the lines above say why"
    wait "$dump" || refuse "the other member could not be read to the end; the lines above say why"
  else
    # Who has a certificate of a member is one. Entries only ask whether a server answers.
    tell <<SQL
CREATE USER member@'%' REQUIRE SUBJECT '/CN=member' AND ISSUER '/CN=data stores';
GRANT SELECT, RELOAD, PROCESS, LOCK TABLES, SHOW VIEW, EVENT, TRIGGER, REPLICATION SLAVE, BINLOG MONITOR ON *.* TO member@'%';
CREATE USER entry@'%';
SQL
  fi
  tell --execute='RESET SLAVE ALL; SHUTDOWN' || refuse "the new server did not end"
  wait "$server" || refuse "the new server did not end well"
  server=
  echo "$is" >"$role"
  [ ! -d "$MARIADB_DATA" ] || rmdir "$MARIADB_DATA"
  mv -T "$new" "$MARIADB_DATA"
  trap - EXIT INT TERM
  sync "$volume"
fi
chmod 700 "$MARIADB_DATA"
# What the primary does is known once it was asked.
echo unknown >"$volume/colorway.semi-sync"
rm -f "$sockets/waits" "$sockets/begin" "$sockets/made" "$sockets/copy"
# How it follows the other one: now, or once it is told to.
cat >"$sockets/follow.sql" <<SQL
CHANGE MASTER TO MASTER_HOST = '$COLORWAY_OTHER', MASTER_PORT = $COLORWAY_PORT, MASTER_USER = 'member', MASTER_SSL = 1, MASTER_SSL_CA = '$COLORWAY_CA', MASTER_SSL_CERT = '$COLORWAY_MEMBER', MASTER_SSL_KEY = '$COLORWAY_MEMBER', MASTER_SSL_VERIFY_SERVER_CERT = 1, MASTER_CONNECT_RETRY = 2, MASTER_HEARTBEAT_PERIOD = 2, MASTER_DEMOTE_TO_SLAVE = 1;
START SLAVE;
SQL
case $is in
  primary) set -- "$@" --read-only=0 --init-rpl-role=MASTER --rpl-semi-sync-master-enabled=1 ;;
  # One that was the primary throws away what the other one never had, and so nobody was told is there.
  replica) set -- "$@" --read-only=1 --init-rpl-role=SLAVE --rpl-semi-sync-slave-enabled=1 --init-file="$sockets/follow.sql" ;;
  *) refuse "$role says \"$is\", and must say primary or replica" ;;
esac
exec setpriv --reuid=mysql --regid=mysql --init-groups -- mariadbd --no-defaults --skip-name-resolve "$@" \
  --skip-slave-start --log-bin=binlog --log-slave-updates --server-id="$COLORWAY_ID" --gtid-strict-mode=1 \
  --binlog-format=ROW --sync-binlog=1 --innodb-flush-log-at-trx-commit=1 --binlog-expire-logs-seconds=604800 \
  --loose-slave-connections-needed-for-purge=0 --rpl-semi-sync-master-wait-point=AFTER_SYNC \
  --rpl-semi-sync-master-timeout=5000 --slave-net-timeout=6 --relay-log-recovery \
  --datadir="$MARIADB_DATA" --socket="$sockets/mariadb.sock" --pid-file="$sockets/mariadb.pid" \
  --bind-address="$COLORWAY_ADDRESS" --port="$COLORWAY_PORT"
