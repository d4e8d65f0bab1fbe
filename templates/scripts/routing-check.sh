# Writes a generation and lets the running nginx check it; changes nothing that is served.
# Arguments: directory, service, name of the certificate, the names that it is for. Standard input: the text.
docker() { timeout 60 docker "$@" || { code=$?; [ $code -ne 124 ] || echo "docker $1 did not answer within 60 s" >&2; return $code; }; }
directory=$1; service=$2; certificate=$3; subjects=$4
text=$(cat)
hash=$(printf '%s\n' "$text" | sed -n 's/^# colorway generation \([0-9a-f]*\).*/\1/p' | head -n 1)
[ -n "$hash" ] || { echo "the text names no generation" >&2; exit 1; }
mkdir -p "$directory/generations/$hash"
printf '%s\n' "$text" >"$directory/generations/$hash/nginx.conf.new"
mv -f "$directory/generations/$hash/nginx.conf.new" "$directory/generations/$hash/nginx.conf"
container=$(docker ps -q --filter "label=com.docker.swarm.service.name=$service" --filter status=running)
set -- $container
[ $# -eq 1 ] || { echo "$service has $# running containers on this host; it needs exactly one" >&2; exit 1; }
# Made here, so that no key travels. The same names have the same certificate for as long as the host keeps it.
made='cd /etc/colorway/tls || exit 1
[ ! -s "$1.crt" ] || exit 0
umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=colorway -addext "subjectAltName=$2" -keyout "$1.key" -out "$1.crt.new" || exit 1
mv -f "$1.crt.new" "$1.crt"'
said=$(docker exec "$1" /bin/sh -c "$made" colorway "$certificate" "$subjects" 2>&1) || { printf '%s\n' "$said" >&2; exit 1; }
said=$(docker exec "$1" nginx -e stderr -t -q -c "/etc/colorway/generations/$hash/nginx.conf" 2>&1) || { printf '%s\n' "$said" >&2; exit 1; }
echo "generation $hash is valid"
