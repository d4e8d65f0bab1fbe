# Writes a generation and lets the running nginx check it; changes nothing that is served.
# Arguments: directory, service, the script that makes certificates, what that is told. Standard input: the text.
docker() { timeout 60 docker "$@" || { code=$?; [ $code -ne 124 ] || echo "docker $1 did not answer within 60 s" >&2; return $code; }; }
directory=$1; service=$2; certify=$3; shift 3
text=$(cat)
hash=$(printf '%s\n' "$text" | sed -n 's/^# colorway generation \([0-9a-f]*\).*/\1/p' | head -n 1)
[ -n "$hash" ] || { echo "the text names no generation" >&2; exit 1; }
mkdir -p "$directory/generations/$hash"
printf '%s\n' "$text" >"$directory/generations/$hash/nginx.conf.new"
mv -f "$directory/generations/$hash/nginx.conf.new" "$directory/generations/$hash/nginx.conf"
container=$(docker ps -q --filter "label=com.docker.swarm.service.name=$service" --filter status=running)
running=$(printf '%s' "$container" | grep -c .) || :
[ "$running" -eq 1 ] || { echo "$service has $running running containers on this host; it needs exactly one" >&2; exit 1; }
# Made here, so that no key travels; and mended here, since `nginx -t` does not read what a variable names.
said=$(docker exec "$container" /bin/sh -euc "$certify" colorway "$@" 2>&1) || { printf '%s\n' "$said" >&2; exit 1; }
said=$(docker exec "$container" nginx -e stderr -t -q -c "/etc/colorway/generations/$hash/nginx.conf" 2>&1) || { printf '%s\n' "$said" >&2; exit 1; }
echo "generation $hash is valid"
