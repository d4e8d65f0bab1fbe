# Runs a script in the container that one of some services has on this host, once it is there. Arguments: how long to
# wait in seconds, the services, the script, and its arguments. What the script reads is the input.
docker() { timeout "$within" docker "$@" || { code=$?; [ $code -ne 124 ] || echo "docker $1 did not answer within $within s" >&2; return $code; }; }
within=60
limit=$1 ends=$(($(date +%s) + $1)) services=$2 inside=$3
shift 3
while :; do
  for service in $services; do
    here=$(docker ps --quiet --filter "label=com.docker.swarm.service.name=$service" --filter status=running)
    here=${here%%[!0-9a-f]*}
    [ -z "$here" ] || break
  done
  [ -z "$here" ] || break
  [ "$(date +%s)" -lt "$ends" ] || { echo "none of $services runs here; what they say: docker service logs $service" >&2; exit 1; }
  sleep 1
done
# The script's own waits end before.
within=$((limit + 60))
docker exec --interactive "$here" sh -euc "$inside" colorway "$@"
echo "$service is told"
