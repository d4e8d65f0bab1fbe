# Entry script of what has a load balancer's certificates issued. It asks for those that are missing or due, and puts what
# it gets where nginx reads it: in a new folder, then by a link that is renamed. What fails is tried again, and leaves what
# there is; why it failed is in the lineage's file `failure`, when it was tried last in the line before.
# Arguments: the authority's ACME directory, an e-mail address or -, the port of the load balancer on this host, each lineage as
# `name=name under which it is looked at, or -=name,name`.
set -eu
for program in certbot openssl timeout; do
  command -v "$program" >/dev/null || { echo "$program is missing in this image; take one that is built on Debian and has certbot, certbot-dns-cloudflare and openssl" >&2; exit 1; }
done
server=$1 email=$2 port=$3
shift 3
certs=/etc/colorway/certs log=/etc/colorway/run/access.log
# Another authority has another account, and a rehearsal's certificates must not count as the real ones.
kept=/etc/letsencrypt/$(printf %s "${server#https://}" | tr -c 'A-Za-z0-9.-' _)
# Let's Encrypt lets five tries an hour fail; four of these are in the first one.
pause=${COLORWAY_PAUSE:-300} longest=21600 period=${COLORWAY_PERIOD:-21600} tick=${COLORWAY_TICK:-60}
umask 077
# In memory, and in no environment.
ini=/tmp/cloudflare.ini said=/tmp/said job=
trap '[ -z "$job" ] || kill "$job" 2>/dev/null || :; exit 0' TERM
run() { "$@" & job=$!; code=0; wait "$job" || code=$?; job=; return $code; }
# Folders are the host's own, so that whoever it belongs to can remove them.
folder() {
  [ -d "$1" ] || { mkdir "$1"; chmod 711 "$1"; chown "$(stat -c %u:%g "$certs")" "$1"; }
}
failed() {
  folder "$certs/$1"
  printf '%s\n%s\n' "$(date -u +%FT%TZ)" "$2" >"$certs/$1/failure.new"
  chmod 644 "$certs/$1/failure.new"
  mv -f "$certs/$1/failure.new" "$certs/$1/failure"
  echo "$1: $2" >&2
}
reason() {
  text=$(grep -v -e '^Saving debug log' -e '^Requesting a cert' -e '^Renewing an existing' -e '^Account registered' -e '^Ask for help' \
    -e '^Some challenges have failed' -e '^Waiting ' -e '^- - -' -e '^Hint:' -e '^Simulating' -e '^Unsafe permissions' "$said" |
    tr -s '[:space:]' ' ' | cut -c 1-500)
  while [ -n "$token" ]; do
    case $text in *"$token"*) text=${text%%"$token"*}***${text#*"$token"} ;; *) break ;; esac
  done
  [ -n "${text# }" ] || text="certbot ended with code $code and said nothing"
  printf %s "$text"
}
issue() {
  if [ -z "$token" ]; then
    failed "$1" "the token is none of Cloudflare's, whose tokens are of letters, digits, - and _"
    return 1
  fi
  run timeout 900 certbot certonly --non-interactive --agree-tos $account --server "$server" --config-dir "$kept" \
    --work-dir /tmp/work --logs-dir /tmp/logs --max-log-backups 0 --preferred-profile tlsserver --key-type ecdsa --reuse-key \
    --dns-cloudflare --dns-cloudflare-credentials "$ini" --dns-cloudflare-propagation-seconds "${COLORWAY_PROPAGATION:-20}" \
    --keep-until-expiring --renew-with-new-domains --cert-name "$1" --domains "$2" >"$said" 2>&1 && return 0
  [ "$code" != 124 ] || echo "certbot was still waiting after 15 minutes" >"$said"
  failed "$1" "$(reason)"
  return 1
}
# The certificate that certbot has is shown, if it is a whole one.
show() {
  live=$kept/live/$1 place=$certs/$1
  [ -e "$live/fullchain.pem" ] || return 0
  ! cmp -s "$live/fullchain.pem" "$place/current/fullchain.pem" || ! cmp -s "$live/privkey.pem" "$place/current/privkey.pem" || return 0
  if [ "$(openssl x509 -noout -pubkey -in "$live/cert.pem" 2>&1)" != "$(openssl pkey -pubout -in "$live/privkey.pem" 2>&1)" ]; then
    failed "$1" "the new certificate does not belong to the key beside it, so the one before is shown"
    return 1
  fi
  if ! openssl verify -partial_chain -trusted "$live/chain.pem" "$live/cert.pem" >/dev/null 2>&1; then
    failed "$1" "the new certificate is not signed by the authority beside it, or out of date, so the one before is shown"
    return 1
  fi
  folder "$place"
  number=1
  while [ -e "$place/$number" ]; do number=$((number + 1)); done
  folder "$place/$number"
  # The group is that of nginx's workers, which read the key at handshakes: nogroup, by its number in Debian.
  cp "$live/privkey.pem" "$live/fullchain.pem" "$place/$number/"
  chown 0:65534 "$place/$number/privkey.pem"
  chmod 640 "$place/$number/privkey.pem"
  chmod 644 "$place/$number/fullchain.pem"
  sync
  ln -sfn "$number" "$place/current.new"
  mv -fT "$place/current.new" "$place/current"
  [ ! -s "$place/failure" ] || : >"$place/failure"
  echo "$1: a new certificate is shown, which ends at $(openssl x509 -noout -enddate -in "$live/cert.pem" | cut -d = -f 2)"
}
# For mtail, beside what nginx writes for it: lines are appended whole. It is what a new connection to the load balancer is
# shown, whatever lies on the disk.
report() {
  failing=0 own=0 served=0 dates=
  [ "$2" != - ] || return 0
  [ ! -s "$certs/$1/failure" ] || failing=1
  shown=$(timeout 5 openssl s_client -connect "127.0.0.1:$port" -servername "$2" </dev/null 2>/dev/null | openssl x509 2>/dev/null) || shown=
  if [ -n "$shown" ]; then
    told=$(printf '%s\n' "$shown" | openssl x509 -noout -issuer -subject -startdate -enddate -dateopt iso_8601) || told=
    [ "$(printf '%s\n' "$told" | sed -n 's/^issuer=//p')" != "$(printf '%s\n' "$told" | sed -n 's/^subject=//p')" ] || own=1
    begins=$(printf '%s\n' "$told" | sed -n 's/^notBefore=\(.*\)Z$/\1/p') ends=$(printf '%s\n' "$told" | sed -n 's/^notAfter=\(.*\)Z$/\1/p')
    dates=" begins=$(date -u -d "$begins" +%s) expires=$(date -u -d "$ends" +%s)" || dates=
    ! printf '%s\n' "$shown" | openssl x509 -noout -checkhost "$2" | grep -q 'does match' || served=1
  fi
  [ ! -w "$log" ] || printf 'colorway certificate=%s served=%s own=%s failing=%s%s\n' "$1" $served $own $failing "$dates" >>"$log"
}
# Beside the public ones, which Cloudflare's certificate is signed by.
if [ -n "${COLORWAY_CA:-}" ]; then
  cat /etc/ssl/certs/ca-certificates.crt "$COLORWAY_CA" >/tmp/trusted.pem
  export REQUESTS_CA_BUNDLE=/tmp/trusted.pem
fi
token=$(cat /run/secrets/acme-token)
case $token in *[!A-Za-z0-9_-]*) token= ;; esac
printf 'dns_cloudflare_api_token = %s\n' "$token" >"$ini"
account=--register-unsafely-without-email
[ "$email" = - ] || account="--email $email"
due=0 wait_for=$pause
while :; do
  now=$(date +%s) asks= wrong=
  [ "$now" -lt "$due" ] || asks=1
  for one; do
    lineage=${one%%=*}
    { [ -z "$asks" ] || issue "$lineage" "${one##*=}"; } || { wrong=1; show "$lineage" || :; continue; }
    show "$lineage" || { wrong=1; continue; }
    [ -z "$asks" ] || [ ! -s "$certs/$lineage/failure" ] || : >"$certs/$lineage/failure"
  done
  if [ -n "$asks" ] && [ -n "$wrong" ]; then
    due=$((now + wait_for)) wait_for=$((wait_for * 2 < longest ? wait_for * 2 : longest))
  elif [ -n "$asks" ]; then
    due=$((now + period)) wait_for=$pause
  fi
  for one; do
    asked=${one#*=}
    report "${one%%=*}" "${asked%%=*}"
  done
  run sleep "$tick"
done
