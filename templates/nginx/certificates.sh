# Makes the certificates that lineages begin with, and those that take the place of one without its key, for neither a
# rollback nor users may wait for who repairs it; in a load balancer's container.
# Arguments: `issued` where an authority's come after them, else `self-signed`; each lineage as `name=subjects`.
kind=$1; shift
cd /etc/colorway/certs
umask 077
owner=$(stat -c %u:%g .)
fits() {
  [ -s "$1/fullchain.pem" ] && [ -s "$1/privkey.pem" ] || return 1
  [ "$(openssl x509 -noout -pubkey -in "$1/fullchain.pem" 2>/dev/null)" = "$(openssl pkey -pubout -in "$1/privkey.pem" 2>/dev/null)" ]
}
for one; do
  lineage=${one%%=*}; subjects=${one#*=}
  mkdir -p "$lineage"
  if [ -e "$lineage/current" ]; then
    of=$(cat "$lineage/current/self-signed" 2>/dev/null || :)
    if [ "$of" = "$subjects" ] || { [ -z "$of" ] && [ "$kind" = issued ]; }; then
      ! fits "$lineage/current" || continue
      echo "certs/$lineage/current has no certificate with the key that belongs to it; one of the load balancer's own is shown instead" >&2
    fi
  fi
  number=1
  while [ -e "$lineage/$number" ]; do number=$((number + 1)); done
  mkdir "$lineage/$number"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=colorway -addext "subjectAltName=$subjects" -keyout "$lineage/$number/privkey.pem" -out "$lineage/$number/fullchain.pem" 2>/dev/null || {
    echo "no self-signed certificate could be made for $lineage in certs/$lineage/$number; is the disk full?" >&2
    exit 1
  }
  printf %s "$subjects" >"$lineage/$number/self-signed"
  # Workers read the key at handshakes; folders are the host's own, so that whoever it belongs to can remove them.
  chgrp nogroup "$lineage/$number/privkey.pem"
  chmod 640 "$lineage/$number/privkey.pem"
  chmod 644 "$lineage/$number/fullchain.pem" "$lineage/$number/self-signed"
  chmod 711 "$lineage" "$lineage/$number"
  chown "$owner" "$lineage" "$lineage/$number"
  ln -sfn "$number" "$lineage/current.new"
  mv -fT "$lineage/current.new" "$lineage/current"
done
