# Settles a data store whose members choose a leader themselves: waits until one leads, and gives it what all have.
# Arguments: how long to wait in seconds, the service of a member on this host, what to run in its container, and that
# script's arguments, of which the first is Patroni's file. What the script reads is the input.
docker() { timeout 120 docker "$@" || { code=$?; [ $code -ne 124 ] || echo "docker $1 did not answer within 120 s" >&2; return $code; }; }
until=$(($(date +%s) + $1)) service=$2 inside=$3
shift 3
while :; do
  container=$(docker ps --quiet --filter "label=com.docker.swarm.service.name=$service" --filter status=running | head -n 1)
  if [ -n "$container" ]; then
    leads=$(docker exec --user postgres "$container" patronictl -c "$1" list --format tsv 2>/dev/null </dev/null |
      awk -F '\t' '$4 ~ /Leader/ && $5 == "running" { print $2; exit }') || leads=
    [ -z "$leads" ] || break
  fi
  [ "$(date +%s)" -lt "$until" ] || {
    echo "no member of $service's store leads; see what they say: docker service logs $service" >&2
    exit 1
  }
  sleep 1
done
docker exec --interactive --user postgres "$container" sh -euc "$inside" settle "$@"
