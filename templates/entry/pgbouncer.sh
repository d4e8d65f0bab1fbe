# Entry script of PgBouncer: gives it its own password from a file, by one that only memory holds, and names that are true.
set -eu
refuse() { echo "$*" >&2; exit 1; }
command -v pgbouncer >/dev/null || refuse "pgbouncer is missing in this image; take one that is built on Debian and has PgBouncer"
umask 077
{
  printf '"%s" "' "$POSTGRES_USER"
  sed 's/"/""/g' "$POSTGRES_PASSWORD_FILE" | tr -d '\n'
  printf '"\n'
} >/tmp/users
cat "$1" >/tmp/pgbouncer.ini
# Since its version 1.31 c-ares, PgBouncer's resolver on Debian, remembers an address for as long as Docker's DNS says, 600 s,
# whatever dns_max_ttl is: a way to the leader that began anew would be lost for as long. dnsmasq says 1 s.
resolver=$(pgbouncer --version | sed -n 's/^adns: c-ares //p')
if [ "$resolver" ] && [ "$(printf '1.31\n%s\n' "$resolver" | sort -V | head -n 1)" = 1.31 ]; then
  command -v dnsmasq >/dev/null || refuse "dnsmasq is missing in this image; add Debian's package dnsmasq-base"
  printf 'nameserver 127.0.0.1\noptions ndots:0\n' >/tmp/resolv.conf
  echo 'resolv_conf = /tmp/resolv.conf' >>/tmp/pgbouncer.ini
  (
    while :; do
      dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= --log-facility=- --no-hosts --no-poll \
        --listen-address=127.0.0.1 --bind-interfaces --cache-size=0 --max-ttl=1 || :
      sleep 1
    done
  ) &
fi
exec pgbouncer /tmp/pgbouncer.ini
