#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sample.sh ROOT PROXY: the sample configuration is accepted as it is, and with
# every key in it switched on.
set -eu

all=$(mktemp)
trap 'rm -f "$all"' EXIT
sed 's/^#\([[a-z]\)/\1/' "$1/container/sekisho.conf" >"$all"
if cmp -s "$all" "$1/container/sekisho.conf"; then
	echo "sample.sh: the sample has no key to switch on" >&2
	exit 1
fi
for file in "$1/container/sekisho.conf" "$all"; do
	said=$("$2" --check -c "$file")
	echo "$said"
	case $said in
	ok:*) ;;
	*) exit 1 ;;
	esac
done
