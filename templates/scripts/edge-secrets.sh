# Puts what nginx knows of secrets on a load balancer's host, and has the running nginx read it: a reload, no new task.
# Arguments: directory, service, status port. Standard input: the files, each after a line `# file <name>`.
# What goes wrong is said without nginx's own words, which could quote a secret.
docker() { timeout 60 docker "$@" || { code=$?; [ $code -ne 124 ] || echo "docker $1 did not answer within 60 s" >&2; return $code; }; }
directory=$1; service=$2; port=$3
umask 077
exec 9>>"$directory/lock"
flock -w 300 9 || { echo "$directory/lock is still held after 300 s by $(cat "$directory/lock")" >&2; exit 1; }
echo "process $$, which writes secrets since $(date -u +%FT%TZ)" >"$directory/lock"
cd "$directory/secrets"
rm -rf ./new
mkdir new
awk '/^# file /{name = $3; next} {print >("new/" name)}'
# An authority that the live text names stays until the next text does not: no reload without it would succeed.
for kept in current/*.pem; do
  name=${kept##*/}
  [ ! -e "$kept" ] || [ -e "new/$name" ] || ! grep -q "/secrets/current/$name;" "$directory/current/nginx.conf" 2>/dev/null || cp "$kept" new/
done
hash=$(cat new/* | sha256sum | cut -c 1-12)
# What says which ones are live.
printf 'return 200 %s;\n' "$hash" >new/answer.conf
if [ -d "$hash" ]; then rm -rf ./new; else mv -T new "$hash"; fi
old=$(readlink current || :)
point() { ln -sfn "$1" current.new && mv -fT current.new current; }
point "$hash"
container=$(docker ps -q --filter "label=com.docker.swarm.service.name=$service" --filter status=running)
if [ -n "$container" ] && grep -q /secrets/current/ "$directory/current/nginx.conf" 2>/dev/null; then
  live='n=0; tries=0
while [ $n -lt 3 ]; do
  tries=$((tries + 1)); [ $tries -le 200 ] || exit 1
  [ $n -gt 0 ] || [ $((tries % 20)) -ne 1 ] || nginx -e stderr -s reload -c /etc/colorway/current/nginx.conf || sleep 1
  if [ "$(curl -s --max-time 2 "http://127.0.0.1:$1/secrets")" = "$2" ]; then n=$((n + 1)); else n=0; sleep 0.05; fi
done'
  for one in $container; do
    if ! docker exec "$one" /bin/sh -c "$live" colorway "$port" "$hash" >/dev/null 2>&1; then
      if [ -n "$old" ]; then
        point "$old"
        docker exec "$one" nginx -e stderr -s reload -c /etc/colorway/current/nginx.conf >/dev/null 2>&1 || :
      fi
      echo "nginx in $service does not take the secrets; it knows the earlier ones again" >&2
      exit 1
    fi
  done
fi
for stale in *; do
  case $stale in "$hash"|current) ;; *) rm -rf "./$stale" ;; esac
done
echo "secrets of nginx are in place"
