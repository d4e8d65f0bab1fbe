# Entry script of Redis: the password goes from its file into a configuration on a RAM disk, never argv.
set -eu
umask 077
{
  printf 'requirepass "%s"\n' "$(sed 's/[\\"]/\\&/g' "$REDIS_PASSWORD_FILE")"
  printf 'dir %s\nappendonly yes\nappendfsync everysec\nsave ""\nprotected-mode no\nbind * -::*\n' "$REDIS_DATA"
} >/tmp/redis.conf
if [ "$(id -u)" = 0 ]; then
  chown -R redis:redis "$REDIS_DATA" /tmp/redis.conf
  exec setpriv --reuid=redis --regid=redis --init-groups -- redis-server /tmp/redis.conf
fi
exec redis-server /tmp/redis.conf
