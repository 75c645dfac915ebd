#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the libFuzzer targets and runs each for SEKISHO_FUZZ_SECONDS (60), two
# at a time. Arguments name some of them: tests/fuzz/run.sh request hello
# New inputs stay in build/fuzz/work, findings in build/fuzz/findings.
set -eu

exec </dev/null
cd "$(dirname "$0")/../.."
seconds=${SEKISHO_FUZZ_SECONDS:-60}
here=tests/fuzz
build=build/fuzz
work=$build/work
findings=$build/findings

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz -- --quiet
mkdir -p "$work" "$findings"

if [ $# -eq 0 ]; then
	for source in "$here"/fuzz_*.c; do
		name=${source##*/fuzz_}
		set -- "$@" "${name%.c}"
	done
fi

# One target: seeds are read, never written.
fuzz_one()
{
	mkdir -p "$work/$1"
	"$build/$here/fuzz_$1" -max_total_time="$seconds" -timeout=10 \
		-rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="$findings/$1-" \
		"$work/$1" "$here/corpus/$1" >"$work/$1.log" 2>&1
}

report()
{
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$1.log")
	if [ "$2" -eq 0 ] && [ "${runs:-0}" -gt 0 ]; then
		printf '%-12s %12s runs  no finding\n' "$1" "$runs"
	else
		printf '%-12s %12s runs  FINDING (exit %s), %s\n' \
			"$1" "${runs:-0}" "$2" "$work/$1.log"
		tail -n 25 "$work/$1.log"
		status=1
	fi
}

status=0
echo "== $# targets, $seconds s each, two at a time"
while [ $# -gt 0 ]; do
	first=$1 second=${2-}
	shift
	fuzz_one "$first" &
	first_pid=$!
	if [ -n "$second" ]; then
		shift
		fuzz_one "$second" &
		second_pid=$!
	fi
	code=0
	wait "$first_pid" || code=$?
	report "$first" "$code"
	if [ -n "$second" ]; then
		code=0
		wait "$second_pid" || code=$?
		report "$second" "$code"
	fi
done
exit "$status"
