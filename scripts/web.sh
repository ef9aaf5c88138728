#!/usr/bin/env bash
# Builds the web app when its sources are newer than what was built. Without Node it says so and goes
# on: the services work, and the page says how to build it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install.sh

web=services/ui-gateway/web
if ! node_is_new_enough; then
    say "Node 20.19 or newer is not here: the web app is not built. Install it from https://nodejs.org."
    exit 0
fi

newer() { # than this file
    [ ! -e "$1" ] || [ -n "$(find "$web" -newer "$1" -type f \
        -not -path "$web/node_modules/*" -not -path "$web/dist/*" -not -path "$web/e2e/*" -print -quit)" ]
}

need_web_packages
if newer "$web/dist/index.html"; then
    say "building the web app"
    (cd "$web" && npm run --silent build >&2) || fail "The web app was not built." "Run npm run build in $web."
fi
