# Settles a data store whose members choose a leader themselves: waits until one leads, and gives it what all have.
# Arguments: how long to wait in seconds, the service of a member on this host, what to run in its container, and that
# script's arguments, of which the first is Patroni's file. What the script reads is the input.
docker() { timeout 60 docker "$@" || { code=$?; [ $code -ne 124 ] || echo "docker $1 did not answer within 60 s" >&2; return $code; }; }
ends=$(($(date +%s) + $1)) service=$2 inside=$3
shift 3
leads=
while :; do
  here=$(docker ps --quiet --filter "label=com.docker.swarm.service.name=$service" --filter status=running)
  here=${here%%[!0-9a-f]*}
  if [ -n "$here" ]; then
    listed=$(docker exec --user postgres "$here" patronictl -c "$1" list --format tsv 2>/dev/null </dev/null) || listed=
    leads=$(printf '%s\n' "$listed" | awk -F '\t' '$4 ~ /Leader/ && $5 == "running" { print $2; exit }')
  fi
  [ -z "$leads" ] || break
  [ "$(date +%s)" -lt "$ends" ] || {
    echo "none of the members of $service's data store leads; what they say: docker service logs $service" >&2
    exit 1
  }
  sleep 1
done
docker exec --interactive --user postgres "$here" sh -euc "$inside" settle "$@"
echo "$leads leads"
