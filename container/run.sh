#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the gateway on Debian 12 and runs it in the foreground; Ctrl-C ends it.
#
#   container/run.sh                     the endpoints of region us-1
#   container/run.sh --region de-1 ...   any arguments of sekisho-proxy(8)
#   container/run.sh --demo              shows its work in a lab of its own,
#                                        without internet (needs root)
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
proxy=$root/build/release/sekisho-proxy
start=$(date +%s)

step()
{
	echo "== $(($(date +%s) - start)) s: $*"
}

demo=
if [ "${1-}" = --demo ]; then
	demo=demo
	shift
fi

# Split into words on purpose: demo is one section or none.
# shellcheck disable=SC2086
"$root/container/install-packages.sh" run build $demo

step "building"
(
	cd "$root"
	cmake --preset release >/dev/null
	cmake --build --preset release -- --quiet
)

if [ -n "$demo" ]; then
	step "building the lab"
	exec /usr/bin/python3 "$root/tests/lab/demo.py" "$proxy" "$@"
fi

# Where clients find it, and whether regions are named.
listen=127.0.0.1:3128
admin=127.0.0.1:3129
region=
before=
for argument in "$@"; do
	case $before in
	--listen | --admin | --region) argument=$before=$argument ;;
	esac
	before=$argument
	case $argument in
	--listen=*) listen=${argument#*=} ;;
	--admin=*) admin=${argument#*=} ;;
	--region=*) region=${argument#*=} ;;
	-c* | --config* | gateway.regions* | --set=gateway.regions*)
		region=${region:-file}
		;;
	esac
done
if [ -z "$region" ]; then
	region=us-1
	set -- --region us-1 "$@"
fi
case $region in
all | file) region=us-1 ;;
esac

case $listen in
unix:*) echo "It listens on ${listen#unix:} alone: put something before it." ;;
*)
	cat <<-END
	Point a client at it:
	  export HTTPS_PROXY=http://$listen
	  curl -x http://$listen https://container.${region%%,*}.cloudone.trendmicro.com/
	END
	;;
esac
if [ "$admin" != off ]; then
	echo "Status: http://$admin/readyz   Metrics: http://$admin/metrics"
fi
step "sekisho-proxy $*"
exec "$proxy" "$@"
