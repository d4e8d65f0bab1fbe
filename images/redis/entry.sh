#!/bin/sh
# Runs Redis with a password and an append-only file, on Debian's packages as on the official image.
#
#   REDIS_PASSWORD_FILE   default: /run/secrets/redis-password
#
# Arguments go to the server: `entry.sh --maxmemory 100mb`.
# Healthy is: redis-cli --no-auth-warning --user health --pass health ping | grep -q PONG
set -eu

password_file=${REDIS_PASSWORD_FILE:-/run/secrets/redis-password}
# /dev/shm is memory in every container: the password reaches no disk and no argument list.
configuration=/dev/shm/redis.conf

umask 077
rm -f "$configuration"
escaped=$(sed -e 's/[\\"]/\\&/g' "$password_file")
cat >"$configuration" <<CONF
bind * -::*
port 6379
dir /data
appendonly yes
appendfsync everysec
save ""
requirepass "$escaped"
# May do nothing but ask whether the server answers.
user health on >health nocommands +ping
CONF
umask 022

if [ "$(id -u)" = 0 ]; then
    install -d -o redis -g redis -m 0750 /data
    find /data ! -user redis -exec chown redis:redis {} +
    chown redis:redis "$configuration"
    exec setpriv --reuid=redis --regid=redis --init-groups redis-server "$configuration" "$@"
fi
exec redis-server "$configuration" "$@"
