# Runs in the container of a member of a Redis or Valkey store that has several: says how it is, and the addresses of
# the Sentinels that answer. Argument: redis or valkey.
program=$1
ask() { timeout 5 "$program-cli" --tls --cacert "$COLORWAY_CA" --cert "$COLORWAY_MEMBER" --key "$COLORWAY_MEMBER" "$@" 2>/dev/null; }
printf 'AUTH member %s\nINFO replication\n' "$(cat "$COLORWAY_INTERNAL")" | ask -h "$COLORWAY_ADDRESS" -p "$COLORWAY_PORT"
for one in $COLORWAY_MEMBERS; do
  [ "$(ask -h "$one" -p "$COLORWAY_SENTINEL_PORT" ping </dev/null)" != PONG ] || echo "sentinel:$one"
done
