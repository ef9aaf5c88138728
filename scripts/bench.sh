#!/usr/bin/env bash
# Benchmarks beside their ceilings; names pick some.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install.sh

need_rust
need_redis
cargo build --release --workspace --bins
exec target/release/platform-bench "$@"
