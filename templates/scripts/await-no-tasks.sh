# Waits until no task of some services is alive, by what the tasks really do. Arguments: seconds, services.
# A state that nobody knows counts as alive: two schedulers at once are worse than a release that stops.
docker() { timeout 60 docker "$@" || { code=$?; [ $code -ne 124 ] || echo "docker $1 did not answer within 60 s" >&2; return $code; }; }
limit=$1; shift
services="$*"
# A Docker that does not answer says nothing about its tasks.
docker node ls >/dev/null
# Services that leave the stack in this same run are deleted last; they must not work until then.
for service in $services; do
  wanted=$(docker service inspect --format '{{.Spec.Mode.Replicated.Replicas}}' "$service" 2>/dev/null) || wanted=0
  [ "$wanted" = 0 ] || docker service scale --detach "$service=0" >/dev/null
done
end=$(( $(date +%s) + limit ))
while :; do
  alive=
  known=$(docker service ls --format '{{.Name}}')
  for service in $services; do
    printf '%s\n' "$known" | grep -qxF -e "$service" || continue
    # These five are ends; all others, `orphaned` and `unknown` among them, may still work.
    states=$(docker service ps "$service" --no-trunc --format '{{.Name}} {{.CurrentState}}') || { echo "the tasks of $service cannot be listed" >&2; exit 1; }
    still=$(printf '%s\n' "$states" | awk 'NF && $2 !~ /^(Rejected|Failed|Shutdown|Complete|Remove)$/ {print $1 " (" $2 ")"}')
    [ -z "$still" ] || alive="$alive $still"
  done
  [ -n "$alive" ] || break
  if [ "$(date +%s)" -ge "$end" ]; then
    echo "tasks of the falling color are still alive after $limit s:$alive" >&2
    exit 1
  fi
  sleep 0.2
done
echo "no task is alive of: $services"
