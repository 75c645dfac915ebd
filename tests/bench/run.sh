#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the optimised gateway and prints every figure of README.md.
set -eu

exec </dev/null
cd "$(dirname "$0")/../.."
container/install-packages.sh run build demo bench
cmake --preset release >/dev/null
cmake --build --preset release -- --quiet

for command in syscalls instructions idle tls names delay prefetch flood; do
	echo "== $command"
	/usr/bin/python3 -B "tests/bench/$command.py" build/release/sekisho-proxy
done
