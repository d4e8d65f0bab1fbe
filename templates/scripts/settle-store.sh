# Settles a data store whose members choose a leader themselves: waits until one leads, and gives it what all have.
# Arguments: how long to wait in seconds, the service of a member on this host, what to run in its container, and that
# script's arguments, of which the first is Patroni's file. What the script reads is the input.
docker() { timeout 60 docker "$@" || { code=$?; [ $code -ne 124 ] || echo "docker $1 did not answer within 60 s" >&2; return $code; }; }
ends=$(($(date +%s) + $1)) service=$2 inside=$3
shift 3
# Asked of Patroni itself: its tool takes 0.7 s of a processor before it asks anybody, and a first start takes a while.
members='
api=$(sed -n "/^restapi:/,/connect_address/s/.*connect_address: *//p" "$1")
printf "GET /cluster HTTP/1.0\r\n\r\n" | timeout 5 openssl s_client -quiet -verify_quiet -connect "$api" | tail -n 1'
leads=
while :; do
  here=$(docker ps --quiet --filter "label=com.docker.swarm.service.name=$service" --filter status=running)
  here=${here%%[!0-9a-f]*}
  if [ -n "$here" ]; then
    listed=$(docker exec --user postgres "$here" sh -c "$members" members "$1" 2>/dev/null </dev/null) || listed=
    leads=$(printf '%s\n' "$listed" | tr '{' '\n' |
      sed -n '/"role": *"leader"/{/"state": *"running"/s/.*"name": *"\([^"]*\)".*/\1/p}')
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
