#!/usr/bin/env bash
# From a fresh clone to a running platform. Arguments go to `devmentor up`.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install.sh

need_redis
scripts/build.sh
exec target/release/devmentor up --no-build "$@"
