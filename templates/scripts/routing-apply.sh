# Makes a checked generation live. Arguments: directory, service, status port, longest drain in seconds.
# Standard input: the generation's text.
docker() { timeout "$within" docker "$@" || { code=$?; [ $code -ne 124 ] || echo "docker $1 did not answer within $within s" >&2; return $code; }; }
within=60; directory=$1; service=$2; port=$3; drain=$4
text=$(cat)
line=$(printf '%s\n' "$text" | sed -n 's/^# colorway generation //p' | head -n 1)
hash=${line%% *}
# A script whose engine was killed goes on for a while; two of them must not rename and reload in turns.
exec 9>>"$directory/lock"
flock -w 300 9 || { echo "$directory/lock is still held after 300 s by $(cat "$directory/lock")" >&2; exit 1; }
echo "process $$, which applies generation $hash since $(date -u +%FT%TZ)" >"$directory/lock"
[ -f "$directory/generations/$hash/nginx.conf" ] || { echo "generation $hash was not checked on this host" >&2; exit 1; }
old=$(readlink "$directory/current" || :)
before=$(sed -n 's/^# colorway generation //p' "$directory/current/nginx.conf" 2>/dev/null | head -n 1)
# One listing for both: between two of them it could turn from the one into the other.
look() {
  tasks=$(docker ps --filter "label=com.docker.swarm.service.name=$service" --format '{{.ID}} {{.Status}}')
  container=$(printf '%s\n' "$tasks" | awk '/[(]healthy[)]/ {print $1}')
}
look
# One that has just been let in serves, and has not been looked at yet; an engine that has just begun has yet to be told
# of its tasks.
begins() {
  case $tasks in
    *"health: starting"*) return 0 ;;
    "") age=$(ps -o etimes= -C dockerd 2>/dev/null | sort -n | head -n 1); [ "${age:-60}" -lt 60 ] ;;
    *) return 1 ;;
  esac
}
end=$(( $(date +%s) + 60 ))
while [ -z "$container" ] && begins && [ "$(date +%s)" -lt "$end" ]; do
  sleep 0.5
  look
done
set -- $container
[ $# -eq 1 ] || { echo "$service has $# healthy containers on this host; it needs exactly one" >&2; exit 1; }
# Whoever asked is gone with the connection, takes this for failed, and has the other load balancers go back.
asked() { [ "$(cut -d ' ' -f 4 /proc/$$/stat)" = "$PPID" ]; }
point() { ln -sfn "$1" "$directory/current.new" && mv -fT "$directory/current.new" "$directory/current"; }
go_back() {
  [ -z "$old" ] || { point "$old" && docker exec "$container" nginx -e stderr -s reload -c /etc/colorway/current/nginx.conf >/dev/null 2>&1; } || :
}
stay_if_asked() {
  ! asked || return 0
  flock -w 300 9
  [ "$(readlink "$directory/current")" != "generations/$hash" ] || go_back
  exit 1
}
# One `docker exec` for all: each costs a tenth of a second. Three answers in a row, each on a new
# connection: while workers change, old and new ones accept side by side.
live='nginx -e stderr -s reload -c /etc/colorway/current/nginx.conf || exit 1
n=0; tries=0
while [ $n -lt 3 ]; do
  tries=$((tries + 1)); [ $tries -le 200 ] || { echo "new connections still answer another generation"; exit 1; }
  if [ "$(curl -s --max-time 2 "http://127.0.0.1:$1/generation")" = "$2" ]; then n=$((n + 1)); else n=0; sleep 0.05; fi
done'
for color in blue green; do
  case " $before " in *" $color "*) case " $line " in *" $color "*) ;; *) dropped=$color ;; esac ;; esac
done
# Whoever may still send something to a color that is named no more: the workers of all generations before.
workers=
[ -z "${dropped:-}" ] || workers=$(docker exec "$1" /bin/sh -c 'grep -la "^nginx: worker" /proc/[0-9]*/cmdline' 2>/dev/null || :)
asked || exit 1
point "generations/$hash"
if ! said=$(docker exec "$1" /bin/sh -c "$live" colorway "$port" "$hash" 2>&1); then
  go_back
  printf '%s\n' "$said" | tail -n 5 >&2
  echo "generation $hash did not become live; $service serves ${before%% *} again" >&2
  exit 1
fi
stay_if_asked
flock -u 9
# They end when their requests and idle connections have. What takes longer than any request may, is cut off.
gone='end=$(( $(date +%s) + $1 )); shift
for worker; do
  while grep -qa "^nginx: worker" "$worker" 2>/dev/null; do
    [ "$(date +%s)" -lt "$end" ] || exit 0
    sleep 0.2
  done
done'
within=$((drain + 60))
[ -z "${dropped:-}" ] || docker exec "$1" /bin/sh -c "$gone" colorway "$drain" $workers || sleep "$drain"
stay_if_asked
cd "$directory/generations"
ls -1t | sed -e 1,20d -e "/^$hash\$/d" | while read -r stale; do rm -rf "./$stale"; done
echo "generation $hash is live"
