#!/usr/bin/env bash
# Lints infra/*.yaml with a pinned cfn-lint in a virtual environment under .cache/. No rule is switched off.
set -euo pipefail
cd "$(dirname "$0")/.."

version=1.58.0
environment=.cache/cfn-lint-$version

if [[ ! -x $environment/bin/cfn-lint ]]; then
  rm -rf "$environment"
  python3 -m venv "$environment"
  "$environment/bin/pip" install --quiet "cfn-lint==$version" || { rm -rf "$environment"; exit 1; }
fi

"$environment/bin/cfn-lint" --template infra/*.yaml
echo "cfn-lint $version: $(ls infra/*.yaml | wc -l) templates, no finding"
