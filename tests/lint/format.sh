#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# format.sh check|fix ROOT: clang-format 14 over every C file of the tree. The
# version is pinned, because each one breaks lines a little differently.
set -eu

cd "$2"
case $1 in
check) set -- --dry-run -Werror ;;
fix) set -- -i ;;
*)
	echo "format.sh: want check or fix, not $1" >&2
	exit 2
	;;
esac

find . \( -name build -o -name '.?*' \) -prune -o \
	-type f \( -name '*.c' -o -name '*.h' \) -print0 |
	xargs -0 -r clang-format-14 "$@"
