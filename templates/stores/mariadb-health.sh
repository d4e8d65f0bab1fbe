# Asks a member of a MariaDB store whether it answers. A replica also notes on its volume what the primary says of its
# commits: whether each waits for the replica. That is the last that is known of one that died.
[ ! -e /tmp/mariadb/waits ] || exit 0
ask() {
  setpriv --reuid=mysql --regid=mysql --init-groups -- timeout 8 mariadb --no-defaults --connect-timeout=5 --batch --skip-column-names "$@"
}
ask --socket=/tmp/mariadb/mariadb.sock --user=mysql --execute='SELECT 1' >/dev/null
volume=$(dirname "$MARIADB_DATA")
[ "$(cat "$volume/colorway.role")" = replica ] || exit 0
said=$(ask --host="$COLORWAY_OTHER" --port="$COLORWAY_PORT" --user=member --ssl-verify-server-cert --ssl-ca="$COLORWAY_CA" \
  --ssl-cert="$COLORWAY_MEMBER" --ssl-key="$COLORWAY_MEMBER" --execute="SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_status'" 2>/dev/null) || exit 0
echo "${said##*[!A-Z]} $(date -u +%FT%TZ)" >"$volume/colorway.semi-sync"
