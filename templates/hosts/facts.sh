# Says what a host is, a line for each fact; changes nothing.
say() { printf '%s=%s\n' "$1" "$2"; }
say hostname "$(hostname)"
say architecture "$(uname -m)"
say clock "$(date +%s.%N)"
say user "$(id -un)"
if [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then say is-root yes; else say is-root no; fi
say memory "$(awk '/^MemTotal:/ {print int($2 / 1024)}' /proc/meminfo)"
directory=/var/lib/docker
[ -d $directory ] || directory=/var/lib
say disk-free "$(df -Pm $directory | awk 'NR == 2 {print $4}')"
if command -v dockerd >/dev/null; then say docker-installed yes; else say docker-installed no; fi
info() { timeout 20 docker info --format "$1" 2>/dev/null || :; }
say docker-version "$(info '{{.ServerVersion}}')"
say swarm-state "$(info '{{.Swarm.LocalNodeState}}')"
say swarm-manager "$(info '{{.Swarm.ControlAvailable}}')"
say swarm-cluster "$(info '{{with .Swarm.Cluster}}{{.ID}}{{end}}')"
say swarm-node "$(info '{{.Swarm.NodeID}}')"
