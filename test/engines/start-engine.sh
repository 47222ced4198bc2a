#!/bin/sh
# The first process of its own mount, network and process namespaces (unshare): everything here is gone when it ends.
# Arguments: the root file system with the engine, a directory for its state and socket, true or false for the
# containerd store, a name for its control groups.
set -eu
root=$1
state=$2
containerd_store=$3
cgroup=$4

# containerd asks for the mount that its root lies on; a plain directory is none.
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root/mnt/state"
mount --bind "$state" "$root/mnt/state"
cp /etc/resolv.conf "$root/run/resolv.conf"
ln -sf /run/resolv.conf "$root/etc/resolv.conf"
ip link set lo up

# Its own network namespace is a must: a second engine in the host's would take the first one's bridge away.
exec chroot "$root" dockerd \
  --host unix:///mnt/state/docker.sock \
  --data-root /mnt/state/data \
  --exec-root /run/docker \
  --pidfile /run/docker.pid \
  --cgroup-parent "/$cgroup" \
  --feature "containerd-snapshotter=$containerd_store"
