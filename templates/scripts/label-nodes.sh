# Gives the nodes of the swarm their labels. Standard input: a line a host, its hostname and its labels; those behind
# a - it must not have. Runs on a manager.
docker() { timeout 60 docker "$@" || { code=$?; [ $code -ne 124 ] || echo "docker $1 did not answer within 60 s" >&2; return $code; }; }
# Of a host that was installed anew the swarm knows two nodes; the one that is there counts.
node_of() {
  known=$(docker node ls --format '{{.Status}} {{.ID}} {{.Hostname}}')
  found=$(printf '%s\n' "$known" | awk -v name="$1" '$3 == name {if ($1 == "Ready") ready = $2; else other = $2} END {print ready ? ready : other}')
  [ -n "$found" ] || { echo "no node of the swarm has the hostname $1" >&2; exit 1; }
  echo "$found"
}
while read -r name labels; do
  if [ "$name" = self ]; then node=$(docker info --format '{{.Swarm.NodeID}}'); else node=$(node_of "$name"); fi
  has=$(docker node inspect --format '{{range $label, $value := .Spec.Labels}}{{$label}}={{$value}} {{end}}' "$node")
  set --
  for label in $labels; do
    case $label in
      -*) case " $has" in *" ${label#-}="*) set -- "$@" --label-rm "${label#-}" ;; esac ;;
      *) case " $has" in *" $label "*) ;; *) set -- "$@" --label-add "$label" ;; esac ;;
    esac
  done
  [ $# -eq 0 ] || docker node update "$@" "$node" >/dev/null
done
echo "nodes labelled"
