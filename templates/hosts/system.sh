# Sets Docker, the kernel, the clock and the upgrades of a host, and says what it changed. Arguments: stack, Docker's
# daemon.json, the kernel's settings, `clock` to keep it, apt's settings for upgrades, firewall. Empty = not wanted.
stack=$1; daemon=$2; kernel=$3; clock=$4; upgrades=$5; firewall=$6
export DEBIAN_FRONTEND=noninteractive
umask 022
# Whoever comes second finds all done.
exec 9>>/run/lock/colorway-hosts
flock -w 300 9 || { echo "another run has been changing this host for five minutes" >&2; exit 1; }

# Writes a file, or takes it away where the text is empty; fails where there is nothing to do.
put() {
  if [ -z "$2" ]; then [ -e "$1" ] && rm "$1"; return; fi
  mkdir -p "$(dirname "$1")" && printf '%s' "$2" >"$1.new" || exit 1
  if cmp -s "$1.new" "$1"; then rm "$1.new"; return 1; fi
  if [ -e "$1" ]; then chmod --reference="$1" "$1.new"; fi
  mv -f "$1.new" "$1" || exit 1
}
has_systemd() { [ -d /run/systemd/system ]; }
keeps_time() {
  for unit in systemd-timesyncd chrony chronyd ntp ntpd ntpsec openntpd; do
    if systemctl --quiet is-active $unit; then return; fi
  done
  return 1
}

missing=
[ -z "$firewall" ] || command -v nft >/dev/null || missing="$missing nftables"
[ -z "$upgrades" ] || command -v unattended-upgrade >/dev/null || missing="$missing unattended-upgrades"
if [ -z "$clock" ] || ! has_systemd || systemd-detect-virt --quiet --container || keeps_time; then clock=; else missing="$missing systemd-timesyncd"; fi
if [ -n "$missing" ]; then
  command -v apt-get >/dev/null || { echo "there is no$missing, and no apt-get to install it" >&2; exit 1; }
  # A new machine is often busy upgrading itself.
  apt-get -qq update >&2
  apt-get -qq -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends $missing >&2
  echo "installed$missing"
fi
[ -z "$clock" ] || timedatectl set-ntp true
if put "/etc/apt/apt.conf.d/52colorway-$stack" "$upgrades"; then echo "upgrades: set"; fi
if put /etc/sysctl.d/60-colorway.conf "$kernel"; then
  [ -z "$kernel" ] || sysctl --quiet --ignore --load /etc/sysctl.d/60-colorway.conf >&2
  echo "kernel: set"
fi

file=/etc/docker/daemon.json
before=$(cat $file 2>/dev/null || :)
restart_docker() { if has_systemd; then systemctl restart docker; else service docker restart >/dev/null 9>&-; fi; }
if put $file "$daemon"; then
  # Older ones have no such option.
  if dockerd --help 2>/dev/null | grep -q -- --validate && ! said=$(dockerd --validate --config-file $file 2>&1); then
    put $file "$before"
    echo "$said" >&2
    exit 1
  fi
  case $(timeout 20 docker info --format '{{.ContainersRunning}} {{.Swarm.LocalNodeState}}' 2>/dev/null || :) in
    "0 inactive")
      if ! restart_docker || ! timeout 60 docker info >/dev/null 2>&1; then
        put $file "$before"
        restart_docker
        echo "Docker does not start with what $file was to say; it is as it was" >&2
        exit 1
      fi
      echo "Docker: set" ;;
    *active*) echo "Docker: set, and valid from its next start on; \`colorway hosts reboot\` does it without a loss" ;;
    *) echo "Docker: set" ;;
  esac
fi
