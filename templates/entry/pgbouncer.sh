# Entry script of PgBouncer: gives it its own password from a file, by one that only memory holds.
set -eu
refuse() { echo "$*" >&2; exit 1; }
command -v pgbouncer >/dev/null || refuse "pgbouncer is missing in this image; take one that is built on Debian and has PgBouncer"
umask 077
{
  printf '"%s" "' "$POSTGRES_USER"
  sed 's/"/""/g' "$POSTGRES_PASSWORD_FILE" | tr -d '\n'
  printf '"\n'
} >/tmp/users
exec pgbouncer "$1"
