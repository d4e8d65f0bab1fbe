# Waits until no task of some services is alive that the swarm has replaced, by what the tasks really do: what only those
# had may end then. Arguments: seconds, what else is to be waited for anew, services.
docker() { timeout 60 docker "$@" || { code=$?; [ $code -ne 124 ] || echo "docker $1 did not answer within 60 s" >&2; return $code; }; }
limit=$1; shift 2
# Names of hosts that the swarm has lost, and none that is there again as another node.
lost() { docker node ls --format '{{.Status}} {{.Hostname}}' | awk '{if ($1 == "Down") down[$2]; else there[$2]} END {for (host in down) if (!(host in there)) print host}'; }
end=$(( $(date +%s) + limit ))
while :; do
  alive=
  known=$(docker service ls --format '{{.Name}}')
  # Of a task on a host that the swarm has lost nobody will ever hear an end.
  lost=$(lost)
  for service; do
    printf '%s\n' "$known" | grep -qxF -e "$service" || continue
    states=$(docker service ps "$service" --no-trunc --format '{{.Name}}|{{.Node}}|{{.DesiredState}}|{{.CurrentState}}') || { echo "the tasks of $service cannot be listed" >&2; exit 1; }
    still=$(printf '%s\n' "$states" | awk -F '|' -v lost="$lost" '
      BEGIN { split(lost, hosts, "\n"); for (one in hosts) gone[hosts[one]] }
      NF && $3 !~ /^(Running|Ready|Accepted)$/ && !($2 != "" && $2 in gone) {
        split($4, state, " "); if (state[1] !~ /^(Rejected|Failed|Shutdown|Complete|Remove|Orphaned)$/) print $1 "(" state[1] ")"
      }')
    alive="$alive $still"
  done
  alive=$(echo $alive)
  [ -n "$alive" ] || break
  [ "$(date +%s)" -lt "$end" ] || { echo "tasks that are replaced are still alive after $limit s: $alive" >&2; exit 1; }
  sleep 0.5
done
echo "no task that is replaced is alive of: $*"
