# The first process of a lab's host, until tini is. Arguments: phase, name, tree, disk, an empty folder, control group.
# All is mounted in the host's own namespace: nothing of it is seen outside, and it ends with this process.
phase=$1; name=$2; tree=$3; disk=$4; place=$5; group=$6

if [ "$phase" = groups ]; then
  # Before the namespace of control groups: its root is where the process is then.
  for controller in /sys/fs/cgroup/*/; do
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
  exec unshare --cgroup /bin/sh -eu "$0" root "$name" "$tree" "$disk" "$place" "$group"
fi

mount -t tmpfs -o mode=755 tmpfs "$place"
root=$place/root
mkdir "$root" "$place/disk"
mount -o loop "$disk" "$place/disk"
mkdir -p "$place/disk/upper" "$place/disk/work" "$place/disk/docker"
mount -t overlay -o "lowerdir=$tree,upperdir=$place/disk/upper,workdir=$place/disk/work" overlay "$root"
mkdir -p "$root/var/lib/docker" "$root/.machine"
# Docker keeps its layers in overlays, too, and those lie in none.
mount --bind "$place/disk/docker" "$root/var/lib/docker"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
for controller in /sys/fs/cgroup/*/; do
  [ -w "$controller/cgroup.procs" ] || continue
  kind=$(basename "$controller")
  mkdir "$root/sys/fs/cgroup/$kind"
  case $kind in
    systemd) mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/$kind" ;;
    unified) mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup/$kind" ;;
    *) mount -t cgroup -o "$kind" cgroup "$root/sys/fs/cgroup/$kind" ;;
  esac
done
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
