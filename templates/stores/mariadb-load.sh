# Runs as root in the container of the server that takes writes: says what is in the store's database (look), or loads a
# dump into it (sql). Arguments: which, the database, its owner, the port, the dump's bytes. The dump is the input, with a
# line after it by which its end is told from a connection that was lost. What MariaDB was told stays when the rest fails.
what=$1 database=$2 owner=$3 size=$5
umask 077
options=$(mktemp)
trap 'rm -f "$options"' EXIT
chown mysql "$options"
if [ -e "${MARIADB_PASSWORD_FILE:-}" ]; then
  { printf '[client]\nuser="%s"\npassword="' "$owner"; sed 's/\\/&&/g' "$MARIADB_PASSWORD_FILE" | tr -d '\n'; printf '"\n'; } >"$options"
else
  # A member of two never gets that password; its superuser comes in by the socket.
  printf '[client]\nuser="mysql"\n' >"$options"
fi
tell() { setpriv --reuid=mysql --regid=mysql --init-groups -- mariadb --defaults-file="$options" --socket=/tmp/mariadb/mariadb.sock --batch --skip-column-names "$@" "$database"; }
case $what in
  look) tell --execute="SELECT CONCAT(table_schema, '.', table_name) FROM information_schema.tables WHERE table_schema = '$database' ORDER BY 1; SELECT 'looked'" ;;
  sql)
    said=$({
      head -c "$size"
      read -r end || end=
      [ "$end" != colorway-end ] || printf "\nSELECT 'loaded';\n"
    } | tell)
    [ "${said##*
}" = loaded ] || { echo "the dump did not arrive whole, or is not whole itself" >&2; exit 1; }
    ;;
esac
