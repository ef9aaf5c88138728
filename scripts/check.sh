#!/usr/bin/env bash
# What has to hold of the sources.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install.sh

need_rust
need_rust_tools
need_node
need_shellcheck
need_checkers

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
web=services/ui-gateway/web
for file in "$fresh"/*; do
    there=docs/$(basename "$file")
    [ -e "$there" ] || there=$web/src/lib/$(basename "$file")
    diff -u "$there" "$file" || fail "$there is out of step." "Run make docs."
done
say "the OpenAPI document"
REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true \
    $web/node_modules/.bin/redocly lint --config $web/redocly.yaml docs/openapi.json
say "containers"
hadolint deploy/docker/Dockerfile
cargo test --release --quiet --workspace --bin devmentor containers
scripts/audit.sh
say "arrows, names"
cargo metadata --format-version 1 --locked | node scripts/check-workspace.mjs
say "all good"
