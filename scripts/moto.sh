#!/usr/bin/env bash
# Installs a pinned moto, a third-party implementation of AWS, in a virtual environment under .cache/, and
# prints the command of its server. test/infra/moto.test.ts starts and stops it:
#
#   FLEETFILL_MOTO="$(scripts/moto.sh)" npx vitest run test/infra/moto.test.ts
set -euo pipefail
cd "$(dirname "$0")/.."

version=5.2.5
environment=.cache/moto-$version

if [[ ! -x $environment/bin/moto_server ]]; then
  rm -rf "$environment"
  python3 -m venv "$environment" >&2
  "$environment/bin/pip" install --quiet "moto[server]==$version" >&2 || { rm -rf "$environment"; exit 1; }
fi

echo "$PWD/$environment/bin/moto_server"
