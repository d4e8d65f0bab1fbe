# Says which certificates a load balancer shows, and what keeps it from newer ones; in its container. What is shown is what a
# new connection gets, not what lies on the disk.
# Arguments: the port, each lineage as `name=name under which it is asked`.
port=$1; shift
cd /etc/colorway
for one; do
  lineage=${one%%=*} name=${one#*=} place=certs/${one%%=*}
  # A name that no `up` has brought yet is none whose certificate is missing.
  sed -n 's/^ *server_name \(.*\);$/ \1 /p' current/nginx.conf | grep -qF " $name " || continue
  echo "# lineage $lineage"
  echo "name=$name"
  why=
  said=$(timeout 5 openssl s_client -connect "127.0.0.1:$port" -servername "$name" </dev/null 2>&1) || [ $? -ne 124 ] || why="no answer within 5 s"
  shown=$(printf '%s\n' "$said" | openssl x509 2>/dev/null) || shown=
  if [ -n "$shown" ]; then
    printf '%s\n' "$shown" | openssl x509 -noout -issuer -subject -startdate -enddate -nameopt RFC2253 -dateopt iso_8601
    ! printf '%s\n' "$shown" | openssl x509 -noout -checkhost "$name" | grep -q 'does match' || echo "fits=yes"
  else
    # Which part of OpenSSL says it, where, and what.
    [ -n "$why" ] || why=$(printf '%s\n' "$said" | sed -n 's/.*:\(SSL routines\|system library\):[^:]*:\([^:]*\):.*/\2/p' | head -n 1)
    echo "refusal=${why:-the connection ends without one}"
  fi
  openssl x509 -noout -enddate -dateopt iso_8601 -in "$place/current/fullchain.pem" 2>/dev/null | sed 's/^notAfter/kept/' || :
  [ ! -s "$place/failure" ] || sed 's/^/failure=/' "$place/failure"
done
