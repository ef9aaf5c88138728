#!/usr/bin/env bash
# Keeps what readers and callers of a release rely on; tests hold every later state against it.
set -euo pipefail
version=${1:?the version, such as 0.2.0}
cd "$(dirname "$0")/.."
events=crates/redis-contracts/tests/released/$version
outline=crates/rpc/tests/released/$version.txt
document=services/ui-gateway/tests/released/$version.json
for kept in "$events" "$outline" "$document"; do
    [ ! -e "$kept" ] || { echo "$kept is there: what was released never changes." >&2; exit 1; }
done
cargo build --release --quiet --workspace --examples
mkdir -p "$events"
cp crates/redis-contracts/tests/golden/*.json "$events/"
examples=${CARGO_TARGET_DIR:-target}/release/examples
"$examples/proto-outline" >"$outline"
"$examples/openapi" >"$document"
