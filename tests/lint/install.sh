#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install.sh ROOT BUILD: what is installed is all there, and the installed
# lists say the same as those in the binary.
set -eu

dest=$(mktemp -d)
trap 'rm -rf "$dest"' EXIT
DESTDIR=$dest cmake --install "$2" --prefix /usr >/dev/null

status=0
for file in usr/sbin/sekisho-proxy usr/share/man/man8/sekisho-proxy.8 \
	usr/share/man/man5/sekisho.conf.5 usr/bin/sekisho-diag \
	usr/share/man/man1/sekisho-diag.1 etc/sekisho/sekisho.conf \
	etc/logrotate.d/sekisho lib/systemd/system/sekisho-proxy.service \
	usr/share/bash-completion/completions/sekisho-proxy; do
	[ -s "$dest/$file" ] || {
		echo "install.sh: $file is not installed"
		status=1
	}
done
lists=$dest/usr/share/sekisho/allowlists
(cd "$1/allowlists" && find . -name '*.ini') | while IFS= read -r list; do
	cmp "$1/allowlists/$list" "$lists/$list" || exit 1
done || status=1

proxy=$dest/usr/sbin/sekisho-proxy
"$proxy" --region all --print-allowlist | cut -f 1-3 >"$dest/builtin"
"$proxy" --region all --set "gateway.allowlist_dir=$lists" \
	--print-allowlist | cut -f 1-3 >"$dest/installed"
[ -s "$dest/builtin" ] && cmp "$dest/builtin" "$dest/installed" || status=1

# Elsewhere, all stays below the prefix, and units name what is there.
DESTDIR=$dest/local cmake --install "$2" --prefix /opt/sekisho >/dev/null
[ "$(ls "$dest/local")" = opt ] || {
	echo "install.sh: with another prefix, something is outside of it"
	status=1
}
unit=$dest/local/opt/sekisho/lib/systemd/system/sekisho-proxy.service
grep -q "^ExecStart=/opt/sekisho/sbin/sekisho-proxy -c /opt/sekisho/etc/" \
	"$unit" || status=1
exit "$status"
