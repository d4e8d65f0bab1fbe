# Runs one task to its end as a one-shot Swarm service. Arguments: service name, seconds, options of
# `docker service create`, --, image, command. Standard input: the logins of registries as the config.json of
# `docker`, or nothing. What an earlier, killed run left is removed first: the command itself knows whether its work
# was done.
docker() { timeout 60 docker "$@" || { code=$?; [ $code -ne 124 ] || echo "docker $1 did not answer within 60 s" >&2; return $code; }; }
name=$1; limit=$2; shift 2
# A script whose engine was killed goes on and would remove the next one's service.
# The user is part of its name: nobody can open what another one made there.
lock=/tmp/colorway-$(id -u)-$name
exec 9>>"$lock"
flock -w $((limit + 120)) 9 || { echo "$lock is still held after $((limit + 120)) s by $(cat "$lock")" >&2; exit 1; }
echo "process $$, which runs $name since $(date -u +%FT%TZ)" >"$lock"
docker service rm "$name" >/dev/null 2>&1 || :
end=$(( $(date +%s) + 60 ))
while :; do
  still=$(docker ps -q --filter "label=com.docker.swarm.service.name=$name")
  [ -n "$still" ] || break
  [ "$(date +%s)" -lt "$end" ] || { echo "an earlier run of $name still works after 60 s in container" $still >&2; exit 1; }
  sleep 0.2
done
given=$(cat)
trap 'docker service rm "$name" >/dev/null 2>&1 || :' EXIT
create() (
  if [ -n "$given" ]; then
    umask 077
    # On the disk only while the service is made.
    logins=$(mktemp -d)
    trap 'rm -rf "$logins"' EXIT
    printf '%s' "$given" >"$logins/config.json"
    # Which engine is chosen, the user's own configuration says.
    DOCKER_HOST=$(docker context inspect --format '{{.Endpoints.docker.Host}}')
    DOCKER_CONFIG=$logins
    export DOCKER_HOST DOCKER_CONFIG
  fi
  docker service create --quiet --detach --no-resolve-image --with-registry-auth --name "$name" --endpoint-mode dnsrr --restart-condition none "$@" >/dev/null
)
end=$(( $(date +%s) + limit ))
tries=5
# What PostgreSQL and MariaDB say who waited long enough for a lock; whoever asks later waits behind it.
gave_up='lock timeout|Lock wait timeout|innodb_lock_wait_timeout'
create "$@"
while :; do
  state=$(docker service ps "$name" --no-trunc --format '{{.CurrentState}} {{.Error}}' | head -n 1)
  case $state in
    Complete*) break ;;
    Failed*|Rejected*|Shutdown*|Orphaned*)
      said=$(docker service logs --raw "$name" 2>&1 | tail -n 20)
      tries=$(( tries - 1 ))
      if printf '%s\n' "$said" | grep -qE "$gave_up"; then
        if [ "$tries" -gt 0 ] && [ $(( $(date +%s) + 5 )) -lt "$end" ]; then
          echo "$name gave up at a lock; again in 5 s" >&2
          docker service rm "$name" >/dev/null
          sleep 5
          create "$@"
          continue
        fi
        printf '%s\n' "$said" >&2
        echo "$name gave up at a lock each time: somebody's transaction holds a table that it changes; end that, then again" >&2
        exit 1
      fi
      printf '%s\n' "$said" >&2
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
