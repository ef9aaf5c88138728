#!/usr/bin/env bash
# From a fresh clone to a running platform. Arguments go to `devmentor up`.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install.sh

need_rust
need_redis
scripts/web.sh
say "building (the first time takes some minutes)"
cargo build --release --workspace --bins || fail "The build failed." "See what the compiler says above."
exec target/release/devmentor up --no-build "$@"
