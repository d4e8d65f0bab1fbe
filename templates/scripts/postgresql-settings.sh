# Gives a PostgreSQL store with several members what all of them have, once one of them leads. Arguments: the service
# of a member on this host, its Patroni's file, the settings, the members' addresses and ports, the database, its user,
# the extensions. The user's password is the input.
docker() { timeout 120 docker "$@" || { code=$?; [ $code -ne 124 ] || echo "docker $1 did not answer within 120 s" >&2; return $code; }; }
within=180
began=$(date +%s)
here() { docker ps -q --filter "label=com.docker.swarm.service.name=$1" --filter status=running | head -n 1; }
inside='
patroni=$1 settings=$2 addresses=$3 ports=$4 database=$5 user=$6 extensions=$7
leads() { patronictl -c "$patroni" list -f tsv 2>/dev/null | awk -F "\t" "NR > 1 && \$4 ~ /Leader/ && \$5 == \"running\"" | grep -q .; }
leads || { echo "no member leads yet" >&2; exit 75; }
umask 077
file=$(mktemp)
trap "rm -f \"$file\"" EXIT
printf %s "$settings" >"$file"
patronictl -c "$patroni" edit-config --quiet --force --replace "$file" >/dev/null
tls=$COLORWAY_TLS
ask() { psql -qXAt -v ON_ERROR_STOP=1 "host=$addresses port=$ports target_session_attrs=read-write connect_timeout=5 user=postgres sslmode=verify-ca sslcert=$tls/member.crt sslkey=$tls/member.key sslrootcert=$tls/ca.crt dbname=$1"; }
{
  echo "SET log_statement = none; SET log_min_duration_statement = -1; SET log_min_error_statement = panic;"
  echo "SELECT format('"'CREATE ROLE %I LOGIN', '$user') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '$user'"') \gexec"
  printf "ALTER ROLE \"%s\" PASSWORD '"'"'" "$user"
  sed "s/'"'/''"'/g" | tr -d "\n"
  echo "'"';"'"
  echo "SELECT format('"'CREATE DATABASE %I OWNER %I', '$database', '$user') WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '$database'"') \gexec"
} | ask postgres
for extension in $extensions; do
  echo "SET client_min_messages = warning; CREATE EXTENSION IF NOT EXISTS \"$extension\" CASCADE;" | ask "$database"
done
'
echo unused >/dev/null
