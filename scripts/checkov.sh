#!/usr/bin/env bash
# Checks infra/*.yaml against the policies of a pinned checkov, a second linter, in a virtual environment under .cache/.
# An exception stands beside its resource, with the reason: checkov:skip=ID:reason.
set -euo pipefail
cd "$(dirname "$0")/.."

version=3.3.30
environment=.cache/checkov-$version

if [[ ! -x $environment/bin/checkov ]]; then
  rm -rf "$environment"
  python3 -m venv "$environment"
  "$environment/bin/pip" install --quiet "checkov==$version" || { rm -rf "$environment"; exit 1; }
fi

# --skip-download: the policies are in the package, so no request leaves this machine.
"$environment/bin/checkov" --directory infra --framework cloudformation --skip-download --compact --quiet
echo "checkov $version: $(ls infra/*.yaml | wc -l) templates, $(grep -c 'checkov:skip=' infra/*.yaml | awk -F: '{n+=$2} END {print n}') exceptions with a reason, no finding"
