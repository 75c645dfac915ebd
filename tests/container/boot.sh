#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# boot.sh ROOT CGROUP: boots systemd in ROOT, as process 1 of namespaces of its
# own (mounts, processes, network, host name, cgroups), in the control group
# CGROUP (new). The caller ends it by killing this process's child, and removes
# CGROUP then.
set -eu

if [ "${1-}" != --inside ]; then
	mkdir "$2"
	echo $$ >"$2/cgroup.procs"
	exec unshare --mount --pid --net --uts --ipc --cgroup --fork \
		--kill-child --propagation private "$0" --inside "$1"
fi

mount --bind "$2" "$2"
cd "$2"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
	mount -t cgroup2 cgroup2 sys/fs/cgroup
else
	mount -t tmpfs tmpfs sys/fs/cgroup
	mkdir sys/fs/cgroup/systemd
	mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
fi
mount -t tmpfs -o mode=755 tmpfs dev
for name in console null zero full random urandom tty; do
	touch "dev/$name"
	mount --bind "/dev/$name" "dev/$name"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
ip link set lo up
pivot_root . mnt
# Services make namespaces out of this one: the old root must be gone.
# shellcheck disable=SC2016
exec chroot . /bin/sh -c 'umount -l /mnt && exec "$@"' sh \
	/usr/bin/env -i container=sekisho-test \
	PATH=/usr/sbin:/usr/bin:/sbin:/bin \
	/lib/systemd/systemd --log-target=journal --show-status=no \
	--unit=multi-user.target </dev/null >/dev/null 2>&1
