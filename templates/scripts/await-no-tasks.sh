# Waits until no task of some services is alive, by what the tasks really do. Arguments: seconds, services.
# A state that nobody knows counts as alive: two schedulers at once are worse than a release that stops.
docker() { timeout 60 docker "$@" || { code=$?; [ $code -ne 124 ] || echo "docker $1 did not answer within 60 s" >&2; return $code; }; }
limit=$1; shift
services="$*"
# A Docker that does not answer says nothing about its tasks.
known=$(docker service ls --format '{{.Name}}')
# Services that leave the stack in this same run are deleted last; they must not work until then.
for service in $services; do
  printf '%s\n' "$known" | grep -qxF -e "$service" || continue
  wanted=$(docker service inspect --format '{{.Spec.Mode.Replicated.Replicas}}' "$service")
  [ "$wanted" = 0 ] || docker service scale --detach "$service=0" >/dev/null
done
# Names of hosts that the swarm has lost, and none that is there again as another node.
lost() { docker node ls --format '{{.Status}} {{.Hostname}}' | awk '{if ($1 == "Down") down[$2]; else there[$2]} END {for (host in down) if (!(host in there)) print host}'; }
end=$(( $(date +%s) + limit ))
while :; do
  alive=
  spared=
  known=$(docker service ls --format '{{.Name}}')
  for service in $services; do
    printf '%s\n' "$known" | grep -qxF -e "$service" || continue
    # These five are ends; all others, `orphaned` and `unknown` among them, may still work.
    states=$(docker service ps "$service" --no-trunc --format '{{.Name}}|{{.Node}}|{{.CurrentState}}') || { echo "the tasks of $service cannot be listed" >&2; exit 1; }
    still=$(printf '%s\n' "$states" | awk -F '|' 'NF {split($3, state, " "); if (state[1] !~ /^(Rejected|Failed|Shutdown|Complete|Remove)$/) print $1 "|" $2 "|" state[1]}')
    [ -n "$still" ] || continue
    gone=$(lost)
    for task in $still; do
      host=${task#*|}; host=${host%|*}
      # Of it nobody will ever hear an end, and the swarm has begun the same elsewhere already.
      if [ -n "$host" ] && printf '%s\n' "$gone" | grep -qxF -e "$host"; then spared="$spared ${task%%|*} on $host"
      else alive="$alive ${task%%|*} (${task##*|})"; fi
    done
  done
  [ -n "$alive" ] || break
  if [ "$(date +%s)" -ge "$end" ]; then
    echo "tasks of the falling color are still alive after $limit s:$alive" >&2
    exit 1
  fi
  sleep 0.2
done
[ -z "$spared" ] || echo "not waited for, because the swarm has lost the host:$spared"
echo "no task is alive of: $services"
