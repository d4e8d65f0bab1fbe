# Runs in the container of a member of a MariaDB store: says how it is, or gives it another part. Arguments: which, and
# of who leads a position that it must have reached before, none = all that it was given; of who rejoins the folder of
# its volume that its data go to.
limit=60
tell() { setpriv --reuid=mysql --regid=mysql --init-groups -- mariadb --no-defaults --socket=/tmp/mariadb/mariadb.sock --user=mysql --batch --skip-column-names "$@"; }
volume=$(dirname "$MARIADB_DATA")
case $1 in
  state)
    echo "generation: ${COLORWAY_GENERATION:-1}"
    [ ! -e /tmp/mariadb/waits ] || { echo 'waits: yes'; exit; }
    echo "heard: $(cat "$volume/colorway.semi-sync" 2>/dev/null || echo unknown)"
    echo "apart:$(find "$volume" -maxdepth 1 -name 'diverged.*' -printf ' %f')"
    tell --vertical --column-names --execute="SELECT @@read_only AS read_only, @@gtid_current_pos AS position; SELECT VARIABLE_VALUE AS waits_for_replica FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'RPL_SEMI_SYNC_MASTER_STATUS'; SHOW SLAVE STATUS"
    ;;
  fence)
    # Waits for commits that are under way; what is open then fails.
    tell --execute="SET lock_wait_timeout = $limit; SET GLOBAL read_only = 1"
    tell --execute="SELECT CONCAT('KILL ', ID, ';') FROM information_schema.PROCESSLIST WHERE USER NOT IN ('mysql', 'member${COLORWAY_GENERATION:+-$COLORWAY_GENERATION}', 'system user', 'event_scheduler')" | tell --force 2>/dev/null || :
    tell --execute='SELECT @@gtid_current_pos'
    ;;
  unfence)
    tell --execute='SET GLOBAL read_only = 0'
    ;;
  lead)
    position=${2:-}
    if [ -z "$position" ]; then
      tell --execute='STOP SLAVE IO_THREAD'
      position=$(tell --vertical --column-names --execute='SHOW SLAVE STATUS' | sed -n 's/^ *Gtid_IO_Pos: //p')
    fi
    [ "$(tell --execute="SELECT MASTER_GTID_WAIT('$position', $limit)")" = 0 ] || { echo "has not written all up to $position within $limit s" >&2; exit 1; }
    echo primary >"$volume/colorway.role"
    tell --execute='STOP SLAVE; RESET SLAVE ALL; SET GLOBAL rpl_semi_sync_slave_enabled = 0; SET GLOBAL rpl_semi_sync_master_enabled = 1; SET GLOBAL read_only = 0'
    ;;
  follow)
    echo replica >"$volume/colorway.role"
    tell --execute='SET GLOBAL read_only = 1; SET GLOBAL rpl_semi_sync_master_enabled = 0; SET GLOBAL rpl_semi_sync_slave_enabled = 1; STOP SLAVE'
    tell </tmp/mariadb/follow.sql
    ;;
  transactions)
    tell --execute='SELECT @@gtid_binlog_state'
    ;;
  rejoin)
    has=$(du -sk "$MARIADB_DATA" | cut -f 1) free=$(df -Pk "$volume" | awk 'END { print $4 }')
    [ "$free" -gt "$has" ] || { echo "its volume has $((free / 1024)) MiB free, and a copy beside its data needs $((has / 1024)) MiB; nothing was changed" >&2; exit 1; }
    # The entry script moves them, before its next server.
    echo "$2" >"$volume/colorway.rejoin"
    tell --execute=SHUTDOWN
    ;;
esac
