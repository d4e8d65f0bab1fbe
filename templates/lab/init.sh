# The first process of a lab's host, until tini is. Arguments: phase, name, tree, layers of images, disk, an empty folder,
# control group, and the group in that one for the processes of the host itself, where control groups are of version 2.
# All is mounted in the host's own namespace: nothing of it is seen outside, and it ends with this process.
phase=$1; name=$2; tree=$3; layers=$4; disk=$5; place=$6; group=$7; inner=$8
groups=/sys/fs/cgroup
[ -e "$groups/cgroup.controllers" ] && is_unified=yes || is_unified=

# Lets the groups in a group limit what it can limit itself.
delegate() {
  for controller in $(cat "$1/cgroup.controllers"); do
    echo "+$controller" >"$1/cgroup.subtree_control" || :
  done
  grep -qw memory "$1/cgroup.subtree_control" || { echo "nothing in the control group $1 can have limits"; exit 1; }
}

if [ "$phase" = groups ]; then
  # Before the namespace of control groups: its root is where the process is then.
  if [ "$is_unified" ]; then
    path=$groups
    for part in $(echo "$group" | tr / ' '); do
      delegate "$path"
      path=$path/$part
      mkdir -p "$path"
    done
    echo 0 >"$path/cgroup.procs"
  else
    for controller in "$groups"/*/; do
      [ -w "$controller/cgroup.procs" ] || continue
      path=${controller%/}
      for part in $(echo "$group" | tr / ' '); do
        mkdir -p "$path/$part"
        # A group without processors and memory takes no process.
        for limit in cpuset.cpus cpuset.mems; do
          if [ -e "$path/$part/$limit" ]; then cat "$path/$limit" >"$path/$part/$limit"; fi
        done
        path=$path/$part
      done
      echo 0 >"$path/cgroup.procs"
    done
  fi
  exec unshare --cgroup /bin/sh -eu "$0" root "$name" "$tree" "$layers" "$disk" "$place" "$group" "$inner"
fi

if [ "$is_unified" ]; then
  # A group whose groups have limits takes no process.
  mkdir "$groups/$group/$inner"
  echo 0 >"$groups/$group/$inner/cgroup.procs"
  delegate "$groups/$group"
fi

mount -t tmpfs -o mode=755 tmpfs "$place"
root=$place/root
mkdir "$root" "$place/disk"
# What a host has written is this machine's, which goes on when the host loses its power: nothing waits for a real disk.
mount -o loop,noatime,barrier=0 "$disk" "$place/disk"
mkdir -p "$place/disk/upper" "$place/disk/work" "$place/disk/docker"
mount -t overlay -o "lowerdir=$tree,upperdir=$place/disk/upper,workdir=$place/disk/work" overlay "$root"
mkdir -p "$root/var/lib/docker" "$root/.machine" "$root/.layers"
# Docker keeps its layers in overlays, too, and those lie in none.
mount --bind "$place/disk/docker" "$root/var/lib/docker"
mount --bind "$layers" "$root/.layers"
mount -o remount,bind,ro "$root/.layers"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
if [ "$is_unified" ]; then
  mount -t cgroup2 cgroup2 "$root$groups"
else
  mount -t tmpfs -o mode=755 tmpfs "$root$groups"
  for controller in "$groups"/*/; do
    [ -w "$controller/cgroup.procs" ] || continue
    kind=$(basename "$controller")
    mkdir "$root$groups/$kind"
    case $kind in
      systemd) mount -t cgroup -o none,name=systemd cgroup "$root$groups/$kind" ;;
      unified) mount -t cgroup2 cgroup2 "$root$groups/$kind" ;;
      *) mount -t cgroup -o "$kind" cgroup "$root$groups/$kind" ;;
    esac
  done
fi
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir "$root/run/sshd" "$root/run/lock"
hostname "$name"
echo "$name" >"$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$name" >"$root/etc/hosts"
cd "$root"
pivot_root . .machine
umount -l /.machine
echo ready
exec /usr/bin/tini -- sleep infinity >/dev/null 2>&1
