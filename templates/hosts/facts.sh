# Says what a host is, a line for each fact; changes nothing. Arguments: its address, the stack, the firewall's chain.
address=$1; stack=$2; chain=$3
say() { printf '%s=%s\n' "$1" "$2"; }
say hostname "$(hostname)"
say architecture "$(uname -m)"
say clock "$(date +%s.%N)"
say user "$(id -un)"
if [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then say is-root yes; else say is-root no; fi
say memory "$(awk '/^MemTotal:/ {print int($2 / 1024)}' /proc/meminfo)"
say processors "$(nproc --all 2>/dev/null)"
directory=/var/lib/docker
[ -d $directory ] || directory=/var/lib
say disk-free "$(df -Pm $directory | awk 'NR == 2 {print $4}')"
say system "$(. /etc/os-release 2>/dev/null && echo "${ID:-} ${VERSION_ID:-}")"

# A feature is there, or could be loaded; where nobody can tell, it is not said to be missing.
lacks() {
  [ ! -d "/sys/module/$1" ] || return 1
  release=$(uname -r)
  if [ -r "/lib/modules/$release/modules.dep" ]; then ! modprobe -n -q "$1"
  elif [ -r /proc/config.gz ]; then ! zcat /proc/config.gz | grep -q "^CONFIG_$2=[ym]"
  elif [ -r "/boot/config-$release" ]; then ! grep -q "^CONFIG_$2=[ym]" "/boot/config-$release"
  else return 1
  fi
}
missing=
for feature in overlay:OVERLAY_FS vxlan:VXLAN esp4:INET_ESP nf_tables:NF_TABLES; do
  if lacks "${feature%:*}" "${feature#*:}"; then missing="$missing ${feature%:*}"; fi
done
say kernel-lacks "${missing# }"

device=$(ip -o -4 address show to "$address" 2>/dev/null | awk 'NR == 1 {print $2}')
say device "$device"
if [ -n "$device" ]; then say mtu "$(cat "/sys/class/net/$device/mtu")"; fi
say networks "$(ip -4 route show 2>/dev/null | awk '$1 ~ /^[0-9]/ && $0 !~ / dev (docker|br-|veth)/ {printf "%s ", $1}')"
say listeners "$(ss -Hltunp 2>/dev/null | awk '{
  who = match($0, /\(\("[^"]+"/) ? substr($0, RSTART + 3, RLENGTH - 4) : ""
  printf "%s %s %s;", $1, $5, who
}')"

say applied "$(cat "/var/lib/colorway/.applied/$stack" 2>/dev/null)"
nft list chain inet colorway "$chain" >/dev/null 2>&1 && there=firewall || there=
if [ -e "/etc/ssh/sshd_config.d/00-colorway-$stack.conf" ]; then there="$there ssh"; fi
say in-place "$there"
if ls /etc/colorway/firewall/stack-*.nft >/dev/null 2>&1; then say has-firewall yes; fi
say daemon-json "$(base64 -w 0 /etc/docker/daemon.json 2>/dev/null)"

if command -v dockerd >/dev/null; then say docker-installed yes; else say docker-installed no; fi
timeout 20 docker info --format 'docker-version={{.ServerVersion}}
swarm-state={{.Swarm.LocalNodeState}}
swarm-manager={{.Swarm.ControlAvailable}}
swarm-cluster={{with .Swarm.Cluster}}{{.ID}}{{end}}
swarm-node={{.Swarm.NodeID}}' 2>/dev/null || :
