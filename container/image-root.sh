#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# image-root.sh BUILD FOLDER: makes the root file system of the image in FOLDER
# (new): the two programs of a release build, the libraries that they need and
# no others, the CA bundle, a user. No shell, no package manager. The Dockerfile
# and image.sh both call it, so that their images are the same.
set -eu

build=$1
root=$2
here=$(cd "$(dirname "$0")" && pwd)

mkdir -p "$root"
root=$(cd "$root" && pwd)
umask 022
mkdir -p "$root/usr/lib" "$root/usr/lib64" "$root/etc/sekisho" \
	"$root/var/lib/dpkg/status.d" "$root/proc" "$root/sys" "$root/dev"
ln -s usr/lib "$root/lib"
ln -s usr/lib64 "$root/lib64"
install -d -m 1777 "$root/tmp"

DESTDIR=$root cmake --install "$build" --prefix /usr --strip >/dev/null
rm -rf "$root/usr/share/man" "$root/usr/share/bash-completion" \
	"$root/usr/lib/sysusers.d" "$root/usr/lib/systemd" \
	"$root/etc/logrotate.d" "$root/etc/sekisho"
install -d "$root/etc/sekisho"
install -m 644 "$here/image.conf" "$root/etc/sekisho/sekisho.conf"
install -D -m 644 /etc/ssl/certs/ca-certificates.crt \
	"$root/etc/ssl/certs/ca-certificates.crt"
cat >"$root/etc/passwd" <<-END
	root:x:0:0:root:/:/nonexistent
	sekisho:x:65532:65532:Sekisho:/:/nonexistent
END
printf 'root:x:0:\nsekisho:x:65532:\n' >"$root/etc/group"

# Scanners of images read which packages the libraries are of, and so whether
# one of them needs an update.
note_package()
{
	owner=$(dpkg-query -S "$1" 2>/dev/null) ||
		owner=$(dpkg-query -S "/usr$1" 2>/dev/null) ||
		owner=$(dpkg-query -S "${1#/usr}")
	owner=$(printf '%s\n' "$owner" | head -n 1)
	package=${owner%%:*}
	dpkg-query -s "$package" >"$root/var/lib/dpkg/status.d/$package"
	install -D -m 644 "/usr/share/doc/$package/copyright" \
		"$root/usr/share/doc/$package/copyright"
}

ldd "$root/usr/sbin/sekisho-proxy" "$root/usr/bin/sekisho-diag" |
	sed -n 's/^.*=> \(\/[^ ]*\) .*$/\1/p; s/^\t\(\/[^ ]*\) .*$/\1/p' |
	sort -u >"$root/libraries"
while IFS= read -r library; do
	case $library in
	/usr/*) target=$library ;;
	*) target=/usr$library ;;
	esac
	install -D -m 755 "$(readlink -f "$library")" "$root$target"
	note_package "$library"
done <"$root/libraries"
rm "$root/libraries"
note_package /usr/sbin/update-ca-certificates
