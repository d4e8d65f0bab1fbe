# Says what a stack has left on this host, a line each, and removes it if told so. Arguments: look or remove, the
# stack's directory, its volumes. Only by exact names: those of another stack may begin like its own. A # in a name stands
# for the number of any generation of a data store.
docker() { timeout 60 docker "$@" || { code=$?; [ $code -ne 124 ] || echo "docker $1 did not answer within 60 s" >&2; return $code; }; }
what=$1; directory=$2
shift 2
case $directory in
  /var/lib/colorway/?*) ;;
  *) echo "$directory is no directory of a stack" >&2; exit 1 ;;
esac
there=$(docker volume ls --quiet)
# A volume is in use until the last task that had it has ended, and its container is gone.
end=$(( $(date +%s) + 90 ))
for name; do
  printf '%s\n' "$there" | grep -x "$(printf '%s\n' "$name" | sed 's/[.]/[.]/g; s/#/[1-9][0-9]*/')" || :
done | sort -u | while read -r volume; do
  while [ "$what" = remove ] && ! said=$(docker volume rm "$volume" 2>&1 </dev/null); do
    [ "$(date +%s)" -lt "$end" ] || { printf '%s\n' "$said" >&2; exit 1; }
    sleep 1
  done
  echo "$volume"
done
if [ -d "$directory" ]; then
  [ "$what" != remove ] || rm -rf "$directory"
  echo "$directory"
fi
