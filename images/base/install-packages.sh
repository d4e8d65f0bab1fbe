#!/bin/sh
# install-packages FILE: installs the Debian packages listed in FILE and leaves in /delta exactly
# what they added or changed, ready for `COPY --from=packages /delta/ /` on a plain base.
#
# So images share the base layer and carry neither package lists nor the host's apt configuration.
set -eu

: >/build/before
export DEBIAN_FRONTEND=noninteractive
# No daemon may start, and no service manager is there to be told.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d

install() {
    # shellcheck disable=SC2046 # one word per package
    apt-get -qq -o Dpkg::Use-Pty=0 install --yes --no-install-recommends $(grep -v '^#' "$1")
}

# The builder's lists may be days old: then a package it names is gone, and fresh lists name the new one.
install "$1" || { apt-get -qq update && install "$1"; }
rm /usr/sbin/policy-rc.d
find /var/log -type f -delete
# What is the same in every container of an image must not look like an identity.
rm -f /etc/machine-id /etc/ssl/private/*.key

# A file's change time, unlike its modification time, is never older than its installation.
find / -xdev \( -path /build -o -path /tmp -o -path /run -o -path /var/lib/apt -o -path /var/cache \
    -o -path /etc/hosts -o -path /etc/hostname -o -path /etc/resolv.conf -o -path '/var/lib/dpkg/*-old' \) -prune \
    -o ! -path / -cnewer /build/before -print0 >/build/changed
mkdir /delta
tar --create --null --no-recursion --files-from=/build/changed --directory=/ 2>/dev/null |
    tar --extract --preserve-permissions --directory=/delta
