#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# packages.sh ROOT BINARY: the libraries that a program needs are of packages in
# section [run] of packages.txt: the image installs no others.
set -eu

listed=$(awk '/^\[/ { on = $0 == "[run]" } on && /^[a-z]/' \
	"$1/container/packages.txt")
needed=$(readelf -d "$2" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
[ -n "$needed" ] || exit 1

status=0
for library in $needed; do
	# Of several (libc6-i386 has a libc.so.6 too) one must be listed; libc6
	# is in every root, and the other two are of sanitizer builds alone.
	packages=$(dpkg-query -S "*/$library" | sed 's/[:,].*//' | sort -u)
	if ! printf '%s\n' "$listed" libc6 libasan8 libubsan1 |
		grep -qxF "$packages"; then
		echo "packages.sh: $library is not of section [run]:"
		echo "$packages"
		status=1
	fi
done
exit "$status"
