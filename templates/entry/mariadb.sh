# Entry script of MariaDB: makes its data on an empty volume, then becomes the server, with the arguments of this
# script as the server's. It deletes nothing that it did not make in this same run. The password goes from its file
# into a pipe, never into argv. No file of the image's configuration is read.
set -eu
refuse() { echo "$*" >&2; exit 1; }
for program in mariadbd mariadb-install-db mariadb setpriv flock find mktemp; do
  command -v "$program" >/dev/null || refuse "$program is missing in this image; take one that is built on Debian or Ubuntu and has MariaDB"
done
volume=$(dirname "$MARIADB_DATA")
sockets=/tmp/mariadb
mkdir -p "$volume" "$sockets"
# The server inherits the lock, and the kernel lets go of it with the last process that has it: whoever has it knows
# that no other container of this host runs a MariaDB that was started here.
exec 9>>"$volume/colorway.lock"
flock -w 30 9 || refuse "$(cat "$volume/colorway.lock") still has this volume after 30 s; stop it first, this one begins again by itself"
echo "MariaDB in container $(uname -n), begun $(date -u +%FT%TZ)," >"$volume/colorway.lock"
run() { setpriv --reuid=mysql --regid=mysql --init-groups -- "$@"; }
errors() { printf '%s\n' "$1" | sed -n "s/near '.*/near …/; /ERROR/p" >&2; }
# Without a network and without users: needs none of a certain name, which adopted data may lack. What it is told is
# never logged, and what fails is said without the rest of its statement, for a password is in it.
tell() {
  directory=$1
  shift
  said=$(run mariadbd --no-defaults "$@" --bootstrap --skip-networking --general-log=0 --slow-query-log=0 \
    --datadir="$directory" --pid-file="$sockets/bootstrap.pid" 2>&1) || { errors "$said"; return 1; }
}
own_database() {
  # In a grant _ means any character, unless it is escaped.
  granted=$(printf '%s' "$MARIADB_DATABASE" | sed 's/_/\\_/g')
  printf "FLUSH PRIVILEGES;\nCREATE DATABASE IF NOT EXISTS \`%s\`;\nCREATE USER IF NOT EXISTS '%s'@'%%';\nGRANT ALL PRIVILEGES ON \`%s\`.* TO '%s'@'%%';\n" \
    "$MARIADB_DATABASE" "$MARIADB_USER" "$granted" "$MARIADB_USER"
}
is_whole() { [ -e "$1/ibdata1" ] && [ -d "$1/mysql" ]; }
if ! is_whole "$MARIADB_DATA"; then
  [ -z "$(ls -A "$MARIADB_DATA" 2>/dev/null)" ] || refuse "$MARIADB_DATA holds something that is not all of MariaDB's data (ibdata1 or the folder mysql is missing): restore it whole, or move it away; nothing was changed"
  # Where other images make it: at the volume's root.
  found=$(find "$volume" -maxdepth 3 -name ibdata1 ! -path "$volume/initializing.*")
  case $found in
    '') ;;
    *'
'*) refuse "there is data of several servers on this volume and none in $MARIADB_DATA: move the right one there; nothing was changed: $found" ;;
    *)
      MARIADB_DATA=${found%/ibdata1}
      is_whole "$MARIADB_DATA" || refuse "$MARIADB_DATA holds something that is not all of MariaDB's data (the folder mysql is missing): restore it whole, or move it away; nothing was changed"
      echo "the data in $MARIADB_DATA is adopted as it is" >&2
      ;;
  esac
fi
if is_whole "$MARIADB_DATA"; then
  # Written when the data was made, and by mariadb-upgrade; older servers gave that file another name.
  made=$(cat "$MARIADB_DATA/mariadb_upgrade_info" 2>/dev/null || cat "$MARIADB_DATA/mysql_upgrade_info" 2>/dev/null || true)
  made=$(echo "$made" | sed -n 's/^\([0-9]*\.[0-9]*\).*/\1/p'); has=$(mariadbd --version | sed 's/.*Ver \([0-9]*\.[0-9]*\).*/\1/')
  [ "${made:-$has}" = "$has" ] || refuse "the data in $MARIADB_DATA is of MariaDB $made and this image has $has: run an image of $made, or upgrade the data with mariadb-upgrade; nothing was changed"
elif [ -n "${COLORWAY_ADOPTS:-}" ]; then
  refuse "the volume $COLORWAY_ADOPTS holds no data of MariaDB: look for its name with \`docker volume ls\` on this host; nothing was changed"
fi
find "$volume" "$sockets" ! -user mysql -exec chown -h mysql:mysql {} +
if ! is_whole "$MARIADB_DATA"; then
  for half in "$volume"/initializing.*; do
    [ ! -e "$half" ] || echo "$half is left of a first start that was cut off; it never served anybody and may be deleted" >&2
  done
  # Made beside and renamed when whole, so that what is in $MARIADB_DATA is always all of the data.
  new=$(mktemp -d "$volume/initializing.XXXXXX")
  trap 'rm -rf "$new"' EXIT
  trap 'exit 1' INT TERM
  chown mysql:mysql "$new"
  said=$(run mariadb-install-db --no-defaults "$@" --datadir="$new" --auth-root-authentication-method=socket \
    --auth-root-socket-user=mysql --skip-test-db 2>&1) || { errors "$said"; refuse "the data could not be made; the lines above say why"; }
  own_database | tell "$new" "$@" || refuse "the database \"$MARIADB_DATABASE\" could not be made; the lines above say why"
  [ ! -d "$MARIADB_DATA" ] || rmdir "$MARIADB_DATA"
  mv -T "$new" "$MARIADB_DATA"
  trap - EXIT INT TERM
  sync "$volume"
fi
chmod 700 "$MARIADB_DATA"
if [ -n "${COLORWAY_ADOPTS:-}" ]; then
  # What somebody else's data may lack.
  own_database | tell "$MARIADB_DATA" "$@" || refuse "the database \"$MARIADB_DATABASE\" could not be made; the lines above say why"
fi
# At every start, so that the password is always what the secret says: a rotation is a new secret.
{
  printf "FLUSH PRIVILEGES;\nSET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES';\nALTER USER '%s'@'%%' IDENTIFIED BY '" "$MARIADB_USER"
  sed "s/'/''/g" "$MARIADB_PASSWORD_FILE" | tr -d '\n'
  printf "';\n"
} | tell "$MARIADB_DATA" "$@" || refuse "the password of the user \"$MARIADB_USER\" could not be set; the lines above say why (data that is adopted needs that user, from every host: '%')"
# Names are not looked up, since users are known from every host; a lookup that hangs would hang a login.
exec setpriv --reuid=mysql --regid=mysql --init-groups -- mariadbd --no-defaults --skip-name-resolve "$@" \
  --datadir="$MARIADB_DATA" --socket="$sockets/mariadb.sock" --pid-file="$sockets/mariadb.pid" --bind-address='*' --port=3306
