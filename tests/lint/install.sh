#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install.sh ROOT BUILD: what is installed is all there, and the installed
# lists say the same as those in the binary.
set -eu

dest=$(mktemp -d)
trap 'rm -rf "$dest"' EXIT
DESTDIR=$dest cmake --install "$2" --prefix /usr >/dev/null

status=0
for file in sbin/sekisho-proxy share/man/man8/sekisho-proxy.8 \
	share/man/man5/sekisho.conf.5 bin/sekisho-diag \
	share/man/man1/sekisho-diag.1; do
	[ -s "$dest/usr/$file" ] || {
		echo "install.sh: $file is not installed"
		status=1
	}
done
[ -n "$(find "$dest" -path '*etc/sekisho/sekisho.conf')" ] || {
	echo "install.sh: the sample configuration is not installed"
	status=1
}
lists=$dest/usr/share/sekisho/allowlists
(cd "$1/allowlists" && find . -name '*.ini') | while IFS= read -r list; do
	cmp "$1/allowlists/$list" "$lists/$list" || exit 1
done || status=1

proxy=$dest/usr/sbin/sekisho-proxy
"$proxy" --region all --print-allowlist | cut -f 1-3 >"$dest/builtin"
"$proxy" --region all --set "gateway.allowlist_dir=$lists" \
	--print-allowlist | cut -f 1-3 >"$dest/installed"
[ -s "$dest/builtin" ] && cmp "$dest/builtin" "$dest/installed" || status=1
exit "$status"
