#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bare_root.sh FOLDER: the two commands on a bare Debian 12, as a newcomer has
# it. Makes a minimal root with debootstrap in FOLDER (kept there for the next
# time), clones what is committed here into a fresh copy of it, and runs
# container/run.sh and tests/run.sh inside; then both again with no network but
# loopback. Needs root, debootstrap, git and curl. The first gateway shares this
# machine's ports, so it gets two that are seldom used.
set -euo pipefail

repo=$(cd "$(dirname "$0")/.." && pwd)
self=$repo/tests/bare_root.sh

say()
{
	echo "== bare root: $*"
}

make_root()
{
	if [ ! -e "$1/base.done" ]; then
		say "debootstrap (minbase)"
		rm -rf "$1/base"
		debootstrap --variant=minbase bookworm "$1/base" >"$1/base.log"
		touch "$1/base.done"
	fi
	rm -rf "$1/root"
	cp -a "$1/base" "$1/root"
	cp -L /etc/resolv.conf "$1/root/etc/resolv.conf"
	git clone -q --no-hardlinks "$repo" "$1/root/srv/sekisho"
	say "$(git -C "$1/root/srv/sekisho" log -1 --format='commit %h %s')"
}

# In a mount and PID namespace of its own: nothing is left mounted or running.
mount_root()
{
	mount --make-rprivate /
	mount --bind "$1" "$1"
	mount -t proc proc "$1/proc"
	mount --rbind /sys "$1/sys"
	mount --rbind /dev "$1/dev"
	mount -t tmpfs -o mode=755 tmpfs "$1/run"
	mount -t tmpfs tmpfs "$1/tmp"
}

# Ends in exec: call it in a subshell, whose pid is then timeout's.
in_root()
{
	exec timeout 2400 chroot "$1" /usr/bin/env -i CI=true HOME=/ \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		"${@:2}"
}

# Runs container/run.sh until its ready line, and is refused through it.
# Arguments: root, port, arguments of container/run.sh.
try_gateway()
{
	local root=$1 port=$2
	shift 2
	local start=$SECONDS line ready='' answer

	coproc in_root "$root" /srv/sekisho/container/run.sh "$@" 2>&1
	local pid=$COPROC_PID out=${COPROC[0]}
	while IFS= read -r line <&"$out"; do
		echo "$line"
		case $line in *event=ready*) ready=yes && break ;; esac
	done
	if [ -z "$ready" ]; then
		say "container/run.sh ended without a ready line"
		return 1
	fi
	say "container/run.sh: ready after $((SECONDS - start)) s"
	# curl itself fails: the tunnel is refused.
	answer=$(curl -sv -x "http://127.0.0.1:$port" --max-time 10 \
		https://example.com/ 2>&1 | grep '^< HTTP') || true
	say "curl through it: $answer"
	kill -TERM "$pid"
	wait "$pid" || say "container/run.sh: exit status $?"
	[[ $answer == *"403 host not on allowlist: example.com"* ]]
}

inside()
{
	local start status=0

	mount_root "$1"
	ip link set lo up
	if [ "$2" = alone ]; then
		try_gateway "$1" 3128 || status=1
	else
		try_gateway "$1" 23988 --listen 127.0.0.1:23988 \
			--admin 127.0.0.1:23989 || status=1
	fi
	start=$SECONDS
	(in_root "$1" /srv/sekisho/.ci/run <&-) || status=$?
	say "exit status $status, tests/run.sh took $((SECONDS - start)) s"
	return "$status"
}

if [ "${1-}" = --inside ]; then
	inside "$2" "$3"
	exit
fi

folder=$(mkdir -p "${1:?usage: bare_root.sh FOLDER}" && cd "$1" && pwd)
make_root "$folder"
say "first run, with network"
setsid --wait unshare --mount --pid --fork "$self" --inside \
	"$folder/root" shared
say "second run, without network"
setsid --wait unshare --mount --pid --net --fork "$self" --inside \
	"$folder/root" alone
