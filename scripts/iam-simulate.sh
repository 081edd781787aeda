#!/usr/bin/env bash
# Installs a pinned third-party policy simulator under .cache/ and prints its folder. test/infra/simulate.test.ts
# runs it as a separate process, so that its licence (AGPL) applies only to it.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.1.173
environment=.cache/iam-simulate-$version

if [[ ! -d $environment/node_modules/@cloud-copilot/iam-simulate ]]; then
  rm -rf "$environment"
  mkdir -p "$environment"
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$environment" \
    "@cloud-copilot/iam-simulate@$version" >&2 || { rm -rf "$environment"; exit 1; }
fi

echo "$PWD/$environment"
