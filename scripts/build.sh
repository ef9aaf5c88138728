#!/usr/bin/env bash
# Builds the web app, when its sources are newer than what was built, and every executable.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install.sh

web=services/ui-gateway/web

# What was installed is as the lock file says: npm writes its own copy of it last.
installed() { ! [ "$web/package-lock.json" -nt "$web/node_modules/.package-lock.json" ]; }

built() {
  [ -e "$web/dist/index.html" ] &&
    [ -z "$(find "$web" \( -name node_modules -o -name dist -o -name e2e \) -prune -o -type f -newer "$web/dist/index.html" -print -quit)" ]
}

need_rust
if ! has_node; then
  say "Node 20 or newer is not found: the platform runs without its web app (https://nodejs.org)"
elif ! built; then
  installed || (say "installing what the web app is made of" && cd "$web" && npm ci --no-audit --no-fund --loglevel=error) >&2 ||
    fail "npm ci failed in $web; mend what it names above"
  (say "building the web app" && cd "$web" && npm run --silent build) >&2 || fail "the web app cannot be built; mend what is named above"
fi
cargo build --release --workspace --bins || fail "the build failed; mend what is named above"
