#!/usr/bin/env bash
# Builds the web app, when its sources are newer than what was built, and every executable.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install.sh

need_rust
scripts/web.sh
say "building (the first time takes some minutes)"
cargo build --release --workspace --bins || fail "The build failed." "See what the compiler says above."
# Executables read beside them which revision they are.
revision >"${CARGO_TARGET_DIR:-target}/release/revision"
