# Makes a Docker engine run: installs it from Debian's packages where there is none, and starts it. Says what it did.
export DEBIAN_FRONTEND=noninteractive
if ! command -v dockerd >/dev/null; then
  command -v apt-get >/dev/null || { echo "there is no Docker, and no apt-get to install it" >&2; exit 1; }
  apt-get -qq update >&2
  apt-get -qq -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends docker.io >&2
  # Newer releases of Debian have the command in a package of its own.
  command -v docker >/dev/null || apt-get -qq -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends docker-cli >&2
  echo "installed Docker"
fi
answers() { timeout 20 docker info >/dev/null 2>&1; }
if ! answers; then
  if [ -d /run/systemd/system ]; then systemctl enable --quiet --now docker; else service docker start >/dev/null; fi
  end=$(( $(date +%s) + 60 ))
  while ! answers; do
    [ "$(date +%s)" -lt "$end" ] || { echo "Docker was started and does not answer within a minute" >&2; exit 1; }
    sleep 1
  done
  echo "started Docker"
fi
