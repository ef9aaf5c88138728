#!/usr/bin/env bash
# What is linked: licences, banned crates and sources, as deny.toml says, and known faults of crates.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install.sh

need_rust
need_checkers
deny() { cargo-deny --locked --log-level error "$@"; }

say "licences, bans, sources"
deny check licenses bans sources
say "advisories"
# Where the database is not reached there is nothing to hold the tree against, and nothing else is wrong.
export GIT_TERMINAL_PROMPT=0 GIT_HTTP_LOW_SPEED_LIMIT=1000 GIT_HTTP_LOW_SPEED_TIME=30
if cargo-deny --log-level off fetch db; then
    deny check advisories
else
    say "NOT CHECKED: the database of advisories, github.com/RustSec/advisory-db, cannot be reached from here."
fi
