#!/usr/bin/env bash
# Writes the generated references into a folder.
set -euo pipefail
into=$(realpath "${1:?the folder to write to}")
cd "$(dirname "$0")/.."
cargo run --release -q -p redis-contracts --example redis-reference >"$into/redis.md"
cargo run --release -q -p service-kit --example settings-reference >"$into/configuration.md"
cargo run --release -q -p ui-gateway --example openapi >"$into/openapi.json"
