# Says which certificates a load balancer shows, and what keeps it from newer ones; in its container. Arguments: lineages.
cd /etc/colorway/certs
for lineage; do
  echo "# lineage $lineage"
  [ ! -e "$lineage/current/self-signed" ] || echo "own=yes"
  openssl x509 -noout -issuer -startdate -enddate -nameopt RFC2253 -dateopt iso_8601 -in "$lineage/current/fullchain.pem" 2>/dev/null || :
  [ ! -s "$lineage/failure" ] || sed 's/^/failure=/' "$lineage/failure"
done
