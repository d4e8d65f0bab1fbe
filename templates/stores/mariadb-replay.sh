# Reads a backup and the binary logs that are archived after it. Part of other scripts, after `mariadb-logs.sh`; they have
# `run` and `bucket`, `fail`, which says why, $work, a folder of theirs, and $socket, by which the server answers.
#
# Puts the logs of a snapshot into $work/logs, and their names into $work/order.
fetch() {
  rm -rf "$work/logs"
  bucket restore "$1" --target="$work/logs" >/dev/null || return
  find "$work/logs" -type f -name 'binlog.*' | awk -F . '{ print $NF, $0 }' | sort -n | cut -d ' ' -f 2- >"$work/order"
}
# Makes the data of a backup in a folder.
unpack() {
  mkfifo "$work/stream"
  mbstream --extract --directory="$2" <"$work/stream" &
  writes=$!
  bucket dump "$1" "/$COLORWAY_STORE" >"$work/stream" || return
  wait "$writes" || return
  run mariadb-backup --prepare --target-dir="$2" --use-memory=128M >"$work/log" 2>&1 || { tail -n 5 "$work/log" >&2; return 1; }
}
# The last transactions that data of a backup have; fails where its server had no binary log.
backup_has() {
  for file in "$1/mariadb_backup_binlog_info" "$1/xtrabackup_binlog_info"; do
    if [ -s "$file" ]; then
      position "$(cut -f 3 "$file")"
      return
    fi
  done
  return 1
}
# Tells the server what is in a log, after a position and up to another one; none = from its beginning, to its end.
replay() {
  { mariadb-binlog --no-defaults ${2:+--start-position="$2"} ${3:+--stop-position="$3"} "$1" || touch "$work/spoiled"; } |
    mariadb --no-defaults --socket="$socket" --user=mysql --binary-mode --max-allowed-packet=1G >"$work/said" 2>"$work/wrong"
}
# Reads all that is archived after a backup. Arguments: what its data have, when it began as seconds after 1970, and the
# last transaction that counts; none = all.
read_logs() {
  has=$1 stop=${3:-}
  while read -r _ up_to id series goes_on <&3; do
    [ -z "$stop" ] || ! covers "$has" "$stop" || break
    [ "$goes_on" != anew ] || [ "${series##*.}" -le "$2" ] || fail "the archive has a gap" || return
    ! covers "$has" "$up_to" || continue
    fetch "$id" || fail "the archive is spoiled" || return
    log='' from=''
    for next in $(cat "$work/order") end; do
      to=$up_to
      [ "$next" = end ] || to=$(begins "$next") || fail "the archive is spoiled" || return
      if [ -n "$log" ] && ! covers "$has" "$to"; then
        covers "$has" "$from" || fail "the archive has a gap" || return
        # Most logs begin just there.
        [ "$(position "$from")" != "$has" ] && after=$has || after=''
        last=''
        if [ -n "$stop" ] && covers "$to" "$stop"; then
          last=$stop to=$stop
        fi
        run replay "$log" "$after" "$last" && [ ! -e "$work/spoiled" ] || {
          # What is between quotes may be data.
          sed "s/'.*/…/" "$work/wrong" >&2
          [ ! -e "$work/spoiled" ] || fail "the archive is spoiled" || return
          fail "the archive cannot be replayed" || return
        }
        has=$(position "$has,$to")
        [ -z "$last" ] || break
      fi
      log=$next from=$to
    done
  done 3<"$work/archived"
  [ -z "$stop" ] || covers "$has" "$stop" || fail "the archive has a gap" || return
}
