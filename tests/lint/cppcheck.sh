#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cppcheck.sh ROOT: cppcheck over the programs and the tests' C files.
set -eu

cd "$1"
set -- proxy tests
[ ! -d diag ] || set -- "$@" diag
exec cppcheck --enable=warning,performance,portability --std=c11 --quiet \
	--error-exitcode=1 --inline-suppr -j "$(nproc)" -D_GNU_SOURCE \
	'-DSEKISHO_VERSION="lint"' -I proxy -I tests/unit "$@"
