# Gives a fenced load balancer what the others serve, checked without a task of it; then it may be let in again.
# Arguments: directory, service, image, the script that makes certificates, what that is told. Standard input: the text.
docker() { timeout 60 docker "$@" || { code=$?; [ $code -ne 124 ] || echo "docker $1 did not answer within 60 s" >&2; return $code; }; }
directory=$1; service=$2; image=$3; certify=$4; shift 4
text=$(cat)
hash=$(printf '%s\n' "$text" | sed -n 's/^# colorway generation \([0-9a-f]*\).*/\1/p' | head -n 1)
[ -n "$hash" ] || { echo "the text names no generation" >&2; exit 1; }
end=$(( $(date +%s) + 60 ))
while [ -n "$(docker ps -q --filter "label=com.docker.swarm.service.name=$service")" ]; do
  [ "$(date +%s)" -lt "$end" ] || { echo "$service still runs on this host after 60 s, although it is fenced" >&2; exit 1; }
  sleep 0.5
done
# A script whose engine was killed goes on; see routing-apply.
exec 9>>"$directory/lock"
flock -w 60 9 || { echo "$directory/lock is still held after 60 s by $(cat "$directory/lock")" >&2; exit 1; }
mkdir -p "$directory/generations/$hash"
printf '%s\n' "$text" >"$directory/generations/$hash/nginx.conf.new"
mv -f "$directory/generations/$hash/nginx.conf.new" "$directory/generations/$hash/nginx.conf"
# A host that was lost before an older program made this directory does not have it.
mkdir -p "$directory/certs"
chmod 711 "$directory/certs"
checked='hash=$1; certify=$2; shift 2
/bin/sh -euc "$certify" colorway "$@"
nginx -e stderr -t -q -c "/etc/colorway/generations/$hash/nginx.conf"'
said=$(docker run --rm --network none --volume "$directory:/etc/colorway" --entrypoint /bin/sh "$image" -euc "$checked" colorway "$hash" "$certify" "$@" 2>&1) || { printf '%s\n' "$said" | tail -n 5 >&2; exit 1; }
ln -sfn "generations/$hash" "$directory/current.new"
mv -fT "$directory/current.new" "$directory/current"
echo "generation $hash is what $service begins with"
