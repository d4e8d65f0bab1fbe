# Runs in the container of the member that the stack's file calls the primary: lets it begin, where it has nothing. Not where
# the other one has data: then this volume was lost, and an empty database would serve. Arguments: the store, the stack.
[ ! -e "$MARIADB_DATA/ibdata1" ] || exit 0
# Whoever waits for somebody to copy from answers nobody.
if said=$(setpriv --reuid=mysql --regid=mysql --init-groups -- timeout 10 mariadb --no-defaults --host="$COLORWAY_OTHER" \
  --port="$COLORWAY_PORT" --user="member${COLORWAY_GENERATION:+-$COLORWAY_GENERATION}" --ssl-verify-server-cert \
  --ssl-ca="$COLORWAY_CA" --ssl-cert="$COLORWAY_MEMBER" --ssl-key="$COLORWAY_MEMBER" --connect-timeout=5 --batch \
  --skip-column-names --execute='SELECT @@read_only' </dev/null 2>/dev/null); then
  # One that takes writes is copied.
  [ "$said" != 0 ] || exit 0
  echo "the member of $1 on this host has lost its data, and the one at $COLORWAY_OTHER has them: make that the primary with colorway data promote $2 $1" >&2
  exit 1
fi
touch /tmp/mariadb/begin
