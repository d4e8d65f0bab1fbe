# Starts the Docker engine of a host anew whom a manager of its swarm answers. Arguments: the managers' addresses.
# A host that no manager answers is cut off: its tasks may serve on, and a new start would end them.
heard=""
for address; do
  if timeout 3 bash -c ': <"/dev/tcp/$0/2377"' "$address" 2>/dev/null; then heard=$address; break; fi
done
[ -n "$heard" ] || { echo "none of its managers answers it" >&2; exit 1; }
if [ -d /run/systemd/system ]; then timeout 120 systemctl restart docker; else timeout 120 service docker restart >/dev/null; fi
end=$(( $(date +%s) + 60 ))
while ! timeout 20 docker info >/dev/null 2>&1; do
  [ "$(date +%s)" -lt "$end" ] || { echo "Docker was started anew and does not answer within a minute" >&2; exit 1; }
  sleep 1
done
