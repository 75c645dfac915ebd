#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install-packages.sh SECTION...: installs what is missing of these sections of
# packages.txt. When nothing is missing it asks nobody, needs no network and no
# root.
set -eu

list=$(dirname "$0")/packages.txt
missing=
# Names of packages that are there, and what they stand in for.
there=$(dpkg-query -W -f '${db:Status-Status} ${Package}, ${Provides}\n' |
	sed -n 's/^installed //p' | tr ',' '\n' | sed 's/^ *//; s/ .*//')
for section in "$@"; do
	wanted=$(awk -v want="[$section]" \
		'/^\[/ { on = $0 == want } on && /^[a-z]/' "$list")
	if [ -z "$wanted" ]; then
		echo "install-packages.sh: no section $section in $list" >&2
		exit 2
	fi
	for package in $wanted; do
		printf '%s\n' "$there" | grep -qxF "$package" ||
			missing="$missing $package"
	done
done
if [ -z "$missing" ]; then
	echo "== packages: all there"
	exit 0
fi

echo "== packages: installing$missing"
if [ "$(id -u)" -ne 0 ]; then
	echo "Only root can install packages. Run this once as root:" >&2
	echo "  apt-get install --no-install-recommends$missing" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# Tools are wanted, no services: Debian asks this file before it starts one.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	trap 'exit 1' HUP INT TERM
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi
apt-get -qq update
# Split into words on purpose: one argument a package.
# shellcheck disable=SC2086
apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install \
	--yes --no-install-recommends $missing >/dev/null
