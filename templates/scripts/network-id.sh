# Prints the id of an overlay network that another stack made. Argument: its name.
docker() { timeout 60 docker "$@" || { code=$?; [ $code -ne 124 ] || echo "docker $1 did not answer within 60 s" >&2; return $code; }; }
listed=$(docker network ls --no-trunc --format '{{.Driver}} {{.Scope}} {{.Name}} {{.ID}}')
found=$(printf '%s\n' "$listed" | awk -v name="$1" '$3 == name { print $1, $2, $4; exit }')
[ -n "$found" ] || {
  echo "there is no network $1 in the swarm; bring up the stack that makes it first, or leave it out under networks" >&2
  exit 1
}
case $found in
  overlay\ swarm\ *) ;;
  *) echo "the network $1 is no overlay of the swarm, so no service can join it; make it with --driver overlay" >&2; exit 1 ;;
esac
echo "${found##* }"
