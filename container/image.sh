#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# image.sh [OUTPUT]: makes the image of container/Dockerfile from this machine's
# own packages, without any registry. Needs root and buildah. OUTPUT is where
# skopeo, podman and buildah would put it, docker-archive:FILE or oci:FOLDER for
# example; by default docker-archive:build/sekisho-image.tar (podman load reads
# it, docker load too).
#
# The second stage of the Dockerfile is built as it stands, over a folder that
# image-root.sh has made here: labels, user and health check cannot differ.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
work=$root/build/image
output=${1-docker-archive:$root/build/sekisho-image.tar:sekisho:latest}

container/install-packages.sh run build image
cmake --preset release >/dev/null
cmake --build --preset release -- --quiet

rm -rf "$work"
mkdir -p "$work"
container/image-root.sh build/release "$work/image"
sed -n '/^FROM scratch/,$p' container/Dockerfile |
	sed 's|^COPY --from=build /image /|COPY image /|' >"$work/Dockerfile"
case $output in
docker-archive:*) rm -f "$(echo "$output" | cut -d : -f 2)" ;;
esac

# A store of its own; vfs works on every file system, and in containers too.
store()
{
	buildah --storage-driver vfs --root "$work/store" \
		--runroot "$work/run" "$@"
}
version=$(sed -n 's/^project(sekisho VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
revision=$(git rev-parse HEAD 2>/dev/null) || revision=unknown
store build --quiet --isolation chroot --format docker --timestamp 0 \
	--build-arg "VERSION=$version" --build-arg "REVISION=$revision" \
	--tag sekisho:latest "$work" >/dev/null
store push --quiet sekisho:latest "$output"
echo "== image: $(du -sb "$work/image" | cut -f 1) bytes unpacked, in $output"
rm -rf "$work/store" "$work/run"
