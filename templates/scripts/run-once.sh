# Runs one task to its end as a one-shot Swarm service. Arguments: service name, seconds, options of
# `docker service create`, --, image, command. What an earlier, killed run left is removed first: the
# command itself knows whether its work was done.
name=$1; limit=$2; shift 2
# A script whose engine was killed goes on and would remove the next one's service.
exec 9>"/run/lock/colorway-$name"
flock 9
docker service rm "$name" >/dev/null 2>&1 || :
until [ -z "$(docker ps -aq --filter "label=com.docker.swarm.service.name=$name" --filter status=running)" ]; do sleep 0.2; done
docker service create --quiet --detach --no-resolve-image --name "$name" --endpoint-mode dnsrr --restart-condition none "$@" >/dev/null
trap 'docker service rm "$name" >/dev/null 2>&1 || :' EXIT
end=$(( $(date +%s) + limit ))
while :; do
  state=$(docker service ps "$name" --no-trunc --format '{{.CurrentState}} {{.Error}}' | head -n 1)
  case $state in
    Complete*) break ;;
    Failed*|Rejected*|Shutdown*|Orphaned*)
      docker service logs --raw "$name" 2>&1 | tail -n 20 >&2
      echo "$name failed: $state" >&2
      exit 1 ;;
  esac
  if [ "$(date +%s)" -ge "$end" ]; then
    docker service logs --raw "$name" 2>&1 | tail -n 20 >&2
    echo "$name did not end within $limit s, last state: $state" >&2
    exit 1
  fi
  sleep 0.2
done
docker service logs --raw "$name" 2>&1 | tail -n 1
