#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cmake.sh ROOT: a misspelt variable is silently empty in CMake, unless asked.
set -eu

build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
cmake --warn-uninitialized -S "$1" -B "$build" -G Ninja \
	>"$build/out" 2>&1 || {
	cat "$build/out"
	exit 1
}
if grep -A 4 'CMake .*Warning' "$build/out"; then
	exit 1
fi
