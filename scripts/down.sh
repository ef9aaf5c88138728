#!/usr/bin/env bash
# Stops the containers and removes them. The volumes stay: `make up` goes on with the same data.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install.sh
. scripts/compose.sh

need_compose
compose down
