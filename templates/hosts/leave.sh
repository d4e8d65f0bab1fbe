# Takes this host out of its swarm, where it is still the given node of it. Argument: the node's id.
docker() { timeout 60 docker "$@" || { code=$?; [ $code -ne 124 ] || echo "docker $1 did not answer within 60 s" >&2; return $code; }; }
now=$(docker info --format '{{.Swarm.NodeID}}')
[ "$now" = "$1" ] || { echo "is not that node any more"; exit 0; }
# One that was a manager hears only after a while that it is none any more.
end=$(( $(date +%s) + 60 ))
while [ "$(docker info --format '{{.Swarm.ControlAvailable}}')" = true ]; do
  [ "$(date +%s)" -lt "$end" ] || { echo "it is still a manager after 60 s" >&2; exit 1; }
  sleep 1
done
docker swarm leave >/dev/null
echo "has left the swarm"
