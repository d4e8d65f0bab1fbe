# Begins what runs as root in the container of a PostgreSQL with one member: how it is told something by its superuser, and
# where a user comes in. Arguments: the database, its user, and which login of that is the present one.
database=$1 user=$2 login=$3
shift 3
umask 077
# As services do: at 127.0.0.1 the cluster of another image lets everybody in.
way="host=$(uname -n) port=5432 connect_timeout=5"
ask() { setpriv --reuid=postgres --regid=postgres --init-groups -- psql -qXAt -v ON_ERROR_STOP=1 "host=/tmp/postgresql port=5432 dbname=$1 user=postgres"; }
ask postgres </dev/null || { echo "the superuser postgres cannot come in over the server's socket: have \`local all postgres peer\` as the first line of pg_hba.conf; nothing was changed" >&2; exit 1; }
