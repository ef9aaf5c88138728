#!/usr/bin/env bash
# Writes the generated references into a folder, and the web app's types of the API into another.
set -euo pipefail
into=$(realpath "${1:?the folder to write to}")
types=$(realpath "${2:-$1}")
cd "$(dirname "$0")/.."
. scripts/install.sh

need_node
need_web_packages
# The whole workspace at once: package by package, dependencies would be built with other features each time.
cargo build --release --quiet --workspace --examples
examples=${CARGO_TARGET_DIR:-target}/release/examples
"$examples/redis-reference" >"$into/redis.md"
"$examples/settings-reference" >"$into/configuration.md"
"$examples/openapi" >"$into/openapi.json"
services/ui-gateway/web/node_modules/.bin/openapi-typescript "$into/openapi.json" --output "$types/api-types.ts" \
    --default-non-nullable false --root-types --root-types-no-schema-prefix >/dev/null
