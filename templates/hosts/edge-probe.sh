# Says whether this host's load balancer could be told what to serve. Argument: its directory.
directory=$1
if [ -d "$directory" ]; then
  : >"$directory/probe" || { echo "nothing can be written to $directory" >&2; exit 1; }
  rm -f "$directory/probe"
fi
timeout 8 docker version >/dev/null 2>&1 || { echo "Docker does not answer" >&2; exit 1; }
echo "can be told"
