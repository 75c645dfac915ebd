#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Proves the whole on Debian 12: installs what is missing, builds with gcc under
# AddressSanitizer and UBSan, optimised, and with clang, all with warnings as
# errors, then runs every test. The last lines are ctest's summary and the exit
# status is ctest's. The second run needs no network.
#
# Further arguments go to ctest: tests/run.sh -L unit
set -eu

exec </dev/null
cd "$(dirname "$0")/.."
start=$(date +%s)
jobs=$(nproc)

step()
{
	echo "== $(($(date +%s) - start)) s: $*"
}

if [ "$(id -u)" -ne 0 ]; then
	cat >&2 <<-END
	tests/run.sh needs root: it installs Debian packages and builds a small
	internet out of network namespaces. Run it in a container or a virtual
	machine, or with sudo. With the packages of container/packages.txt
	installed, all but the end-to-end tests run without root:
	  cmake --preset dev && cmake --build --preset dev
	  ctest --preset dev -LE e2e
	END
	exit 1
fi

container/install-packages.sh run build image package demo test bench

if ! unshare --net true; then
	cat >&2 <<-END
	tests/run.sh cannot make network namespaces here. In a container it
	needs the capabilities SYS_ADMIN and NET_ADMIN (docker: --privileged).
	END
	exit 1
fi

tests/container/chart/install.sh build/chart-tools

for preset in dev release clang; do
	step "building $preset"
	cmake --preset "$preset" >/dev/null
	cmake --build --preset "$preset" --parallel "$jobs" -- --quiet
done

step "testing"
export SEKISHO_PROXY="$PWD/build/dev/sekisho-proxy"
export SEKISHO_PROXY_RELEASE="$PWD/build/release/sekisho-proxy"
exec ctest --preset dev --parallel "$jobs" "$@"
