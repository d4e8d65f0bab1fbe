# Entry script of the load balancer: makes what a first start needs, then becomes nginx.
for program in nginx openssl curl stat fallocate; do
  command -v "$program" >/dev/null || { echo "$program is missing in this image; take one that is built on Debian and has nginx" >&2; exit 1; }
done
directory=/etc/colorway
# The generations include these: a kernel without IPv6 would refuse the address, and nginx then the whole text.
for listen in "80" "443 ssl"; do
  set -- $listen
  plain= default=
  if [ -e /proc/net/if_inet6 ]; then plain="listen [::]:$1 ${2:-};"; default="listen [::]:$1 ${2:-} default_server;"; fi
  echo "$plain" >"$directory/run/listen-$1-ipv6.conf"
  echo "$default" >"$directory/run/listen-default-$1-ipv6.conf"
done
if [ ! -e "$directory/current/nginx.conf" ]; then
  # Nothing to serve yet: say so, and be healthy, so that the first generation finds a running nginx.
  mkdir -p "$directory/generations/none"
  # A line that begins with # would stay at home with the comments.
  printf '# %s\n' 'colorway generation none' >"$directory/generations/none/nginx.conf"
  cat >>"$directory/generations/none/nginx.conf" <<CONF
user nobody nogroup;
pid /tmp/nginx.pid;
error_log stderr warn;
events {}
http {
  access_log off;
  client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
  default_type text/plain;
  server { listen 80; return 503 "no generation yet\n"; }
  server { listen 127.0.0.1:$COLORWAY_STATUS_PORT; location = /generation { return 200 none; } location = /health { return 200 ok; } }
}
CONF
  ln -sfn generations/none "$directory/current.new"
  mv -fT "$directory/current.new" "$directory/current"
fi
# What mtail reads. Its beginning is given back to the disk while its end grows: a renamed or truncated file
# loses lines that mtail has not read yet.
log=$directory/run/access.log
: >"$log"
chmod 644 "$log"
while sleep 30; do
  size=$(stat -c %s "$log")
  [ "$size" -le 33554432 ] || fallocate --punch-hole --offset 0 --length $((size - 16777216)) "$log"
done &
exec nginx -e stderr -g 'daemon off;' -c "$directory/current/nginx.conf"
