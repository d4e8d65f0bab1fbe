# Runs as the server's user in the container of any member, once one of them leads: gives them the settings that all of
# them have, and the application its database. Arguments: Patroni's file, the settings, addresses and ports of the
# members, the database, its user, the extensions. The user's password is the input.
patroni=$1 settings=$2 addresses=$3 ports=$4 database=$5 user=$6 extensions=$7
umask 077
file=$(mktemp)
trap 'rm -f "$file"' EXIT
printf '%s' "$settings" >"$file"
patronictl -c "$patroni" edit-config --quiet --force --replace "$file" >/dev/null
ask() {
  psql -qXAt -v ON_ERROR_STOP=1 "host=$addresses port=$ports target_session_attrs=read-write connect_timeout=5 dbname=$1 user=postgres sslmode=verify-ca sslrootcert=$COLORWAY_TLS/ca.crt sslcert=$COLORWAY_TLS/member.crt sslkey=$COLORWAY_TLS/member.key"
}
{
  # What this says is never logged, for a password is in it.
  echo "SET log_statement = none; SET log_min_duration_statement = -1; SET log_min_error_statement = panic;"
  echo "SELECT format('CREATE ROLE %I LOGIN', '$user') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '$user') \\gexec"
  printf 'ALTER ROLE "%s" PASSWORD '"'" "$user"
  sed "s/'/''/g" | tr -d '\n'
  echo "';"
  echo "SELECT format('CREATE DATABASE %I OWNER %I', '$database', '$user') WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '$database') \\gexec"
} | ask postgres
for extension in $extensions; do
  echo "SET client_min_messages = warning; CREATE EXTENSION IF NOT EXISTS \"$extension\" CASCADE;" | ask "$database"
done
