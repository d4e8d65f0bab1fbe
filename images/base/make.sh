#!/bin/sh
# Makes the two images that every Dockerfile in this folder starts from, where they are missing:
#
#   debian:forky-slim       pulled; made with mmdebstrap on a Debian host that cannot pull it
#   colorway/builder:forky  the same plus this host's apt configuration, for "packages" stages only
#
# Prints `==> step` as it goes. No mirror is written down here: it is the one this host's own apt uses.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step() {
    echo "==> $*"
}

host_is_debian() {
    command -v apt-get >/dev/null && [ "$(sed -n 's/^ID=//p' /etc/os-release)" = debian ]
}

# The archive that serves this host's own release; a mirror of it serves forky too.
host_mirror() {
    release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    # shellcheck disable=SC2016 # apt expands these, not the shell
    apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Identifier: Packages' |
        awk -v release="$release" '$1 == release && $2 == "main" { print $3; exit }'
}

# Only how to fetch (proxies, time-outs, certificates): a host's hooks name programs that images lack.
# Release files of frozen mirrors are past their date.
host_apt_conf() {
    apt-config dump | grep -E '^Acquire::(https?|ftp|Retries|ForceIPv4|ForceIPv6)\b' |
        grep -vE 'Proxy-Auto-Detect|""' || true
    printf 'Acquire::Check-Valid-Until "false";\nAcquire::Check-Date "false";\nAcquire::Languages "none";\n'
}

make_base() {
    if ! host_is_debian; then
        echo "debian:forky-slim cannot be pulled, and only a Debian host can make it; pull it once by hand" >&2
        exit 1
    fi
    if ! command -v mmdebstrap >/dev/null; then
        step "Installing mmdebstrap"
        apt-get -qq -o Acquire::Check-Valid-Until=false update >&2
        DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install --no-install-recommends -y mmdebstrap >&2
    fi
    host_apt_conf >"$work/apt.conf"
    mirror=$(host_mirror)
    # The hook takes the mirror and the host's settings out again: nothing of this host stays in an image.
    # shellcheck disable=SC2016 # mmdebstrap gives $1
    mmdebstrap --quiet --variant=minbase --aptopt="$work/apt.conf" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/lintian/*' \
        --customize-hook='rm -f "$1/etc/apt/sources.list" "$1/etc/apt/apt.conf.d/99mmdebstrap"' \
        forky "$work/base.tar" "$mirror" >&2
    docker import --change 'CMD ["bash"]' --change 'LABEL colorway.made-by=mmdebstrap' \
        "$work/base.tar" debian:forky-slim >/dev/null
}

if ! docker image inspect debian:forky-slim >/dev/null 2>&1; then
    step "Pulling debian:forky-slim"
    if ! timeout 300 docker pull --quiet debian:forky-slim >/dev/null 2>"$work/pull"; then
        step "Making debian:forky-slim with mmdebstrap, for it cannot be pulled"
        make_base
    fi
fi

cp "$here/Dockerfile" "$here/install-packages.sh" "$work"
mkdir "$work/apt"
if host_is_debian; then
    host_apt_conf >"$work/apt/90host.conf"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(host_mirror) forky main" \
        >"$work/apt/host.list"
fi
# The same settings must give the same layer: the builder's cache looks at times of files too.
find "$work" -exec touch -d @0 {} +
rm -f "$work/base.tar" "$work/apt.conf" "$work/pull"
step "Preparing colorway/builder:forky"
DOCKER_BUILDKIT=0 docker build --quiet --network host --tag colorway/builder:forky "$work" >"$work/id" 2>"$work/log" || {
    cat "$work/log" >&2
    exit 1
}
