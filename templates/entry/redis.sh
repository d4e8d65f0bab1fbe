# Entry script of Redis: the password goes from its file into a configuration on a RAM disk, never argv.
# Above its memory Redis refuses writes and says so; it throws nothing away, for queues are in it.
set -eu
for program in redis-server setpriv; do
  command -v "$program" >/dev/null || { echo "$program is missing in this image; take one that is built on Debian and has Redis" >&2; exit 1; }
done
umask 077
{
  printf 'requirepass "%s"\n' "$(sed 's/[\\"]/\\&/g' "$REDIS_PASSWORD_FILE")"
  printf 'dir %s\nappendonly yes\nappendfsync everysec\nsave ""\nprotected-mode no\nbind * -::*\n' "$REDIS_DATA"
  printf 'maxmemory %s\nmaxmemory-policy noeviction\n' "$REDIS_MAXMEMORY"
} >/tmp/redis.conf
if [ "$(id -u)" = 0 ]; then
  chown -R redis:redis "$REDIS_DATA" /tmp/redis.conf
  exec setpriv --reuid=redis --regid=redis --init-groups -- redis-server /tmp/redis.conf
fi
exec redis-server /tmp/redis.conf
