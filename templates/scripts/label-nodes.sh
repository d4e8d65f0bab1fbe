# Labels the nodes of the swarm. Standard input: a line a host, its node name and its labels.
# Runs on a manager.
docker() { timeout 60 docker "$@" || { code=$?; [ $code -ne 124 ] || echo "docker $1 did not answer within 60 s" >&2; return $code; }; }
while read -r node labels; do
  [ "$node" != self ] || node=$(docker info --format '{{.Swarm.NodeID}}')
  set --
  for label in $labels; do set -- "$@" --label-add "$label"; done
  docker node update "$@" "$node" >/dev/null
done
echo "nodes labelled"
