#!/usr/bin/env bash
# Writes the generated references into a folder.
set -euo pipefail
into=$(realpath "${1:?the folder to write to}")
cd "$(dirname "$0")/.."
# The whole workspace at once: package by package, dependencies would be built with other features each time.
cargo build --release --quiet --workspace --examples
examples=${CARGO_TARGET_DIR:-target}/release/examples
"$examples/redis-reference" >"$into/redis.md"
"$examples/settings-reference" >"$into/configuration.md"
"$examples/openapi" >"$into/openapi.json"
