# Entry script of etcd: one member of the cluster that knows which member of a data store leads. One that has lost its
# volume, as on a host that was installed anew, takes the place that the others keep for it. Deletes nothing.
set -eu
refuse() { echo "$*" >&2; exit 1; }
for program in etcd etcdctl awk; do
  command -v "$program" >/dev/null || refuse "$program is missing in this image; take one that is built on Debian and has etcd"
done
ask() {
  etcdctl --endpoints="$COLORWAY_OTHERS" --cacert="$COLORWAY_CA" --cert="$COLORWAY_MEMBER" --key="$COLORWAY_MEMBER" --command-timeout=5s "$@"
}
state=new cluster=$COLORWAY_CLUSTER
if [ ! -e "$COLORWAY_DATA/member" ] && listed=$(ask member list --write-out=simple 2>/dev/null); then
  # The others serve already. Who has never said where its clients find it is one of the first; any other was here.
  mine=$(printf '%s\n' "$listed" | awk -F ', ' -v peer="$COLORWAY_PEER" '$4 == peer { print $1, $5 == "" ? "awaited" : "known"; exit }')
  case $mine in
    *' awaited') ;;
    *' known')
      echo "the member ${mine% *} had this host's place and its volume is gone: it gives way to this one" >&2
      ask member remove "${mine% *}" >/dev/null
      ask member add "$COLORWAY_NAME" --peer-urls="$COLORWAY_PEER" >/dev/null
      state=existing
      ;;
    *)
      ask member add "$COLORWAY_NAME" --peer-urls="$COLORWAY_PEER" >/dev/null
      state=existing
      ;;
  esac
fi
if [ "$state" = existing ]; then
  # Just those that are members now: etcd compares.
  cluster=$(ask member list --write-out=simple |
    awk -F ', ' -v me="$COLORWAY_NAME" -v peer="$COLORWAY_PEER" '{ printf "%s%s=%s", sep, $4 == peer ? me : $3, $4; sep = "," }')
fi
exec etcd --name="$COLORWAY_NAME" --data-dir="$COLORWAY_DATA" --initial-cluster="$cluster" --initial-cluster-state="$state" "$@"
