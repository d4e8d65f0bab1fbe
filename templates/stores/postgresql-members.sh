# Begins what runs as the server's user in the container of any member of a PostgreSQL, once one of them leads: how the
# one that takes writes is told something by its superuser, and where a user comes in. Arguments: Patroni's file, addresses
# and ports of the members, the database, its user, and which login of that is the present one.
patroni=$1 addresses=$2 ports=$3 database=$4 user=$5 login=$6
shift 6
umask 077
way="host=$addresses port=$ports target_session_attrs=read-write connect_timeout=5 sslmode=verify-ca sslrootcert=$COLORWAY_TLS/ca.crt"
ask() { psql -qXAt -v ON_ERROR_STOP=1 "$way dbname=$1 user=postgres sslcert=$COLORWAY_TLS/member.crt sslkey=$COLORWAY_TLS/member.key"; }
