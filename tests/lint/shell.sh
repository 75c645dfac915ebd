#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shell.sh ROOT: shellcheck over every shell script, told by its first line.
set -eu

cd "$1"
find . \( -name build -o -name .git -o -name corpus \) -prune -o \
	-type f -size -200k -exec \
	awk 'FNR > 1 { nextfile } /^#!.*\/(env )?(ba|da)?sh( |$)/ { print FILENAME }' \
	{} + | sort | xargs -r shellcheck -x
