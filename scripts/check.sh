#!/usr/bin/env bash
# What has to hold of the sources.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install.sh

need_rust
need_rust_tools
need_node
need_shellcheck

say "format"
cargo fmt --all --check
say "lints"
cargo clippy --release --workspace --all-targets -- -D warnings
say "scripts"
shellcheck --external-sources --severity=warning scripts/*.sh .ci/run
say "docs"
RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps --quiet
say "generated files"
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
scripts/docs.sh "$fresh"
for file in "$fresh"/*; do
    diff -u "docs/$(basename "$file")" "$file" || fail "docs/$(basename "$file") is out of step." "Run make docs."
done
say "containers"
cargo test --release --quiet --workspace --bin devmentor containers
say "arrows, licences, names"
cargo metadata --format-version 1 --locked | node scripts/check-workspace.mjs
say "all good"
