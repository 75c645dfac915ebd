#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# man.sh ROOT: the manual pages are well formed.
set -eu

cd "$1"
find . \( -name build -o -name .git \) -prune -o -name '*.[1-8]' \
	-exec mandoc -T lint -W warning {} +
