#!/usr/bin/env bash
# Every test: Rust, web, browser. Ends with the counts of all.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install.sh

need_rust
need_redis
need_node
need_chromium

log=$(mktemp)
before=$(mktemp)
trap 'rm -f "$log" "$before"' EXIT
ours() { # pid and name of each process of ours; without /proc, ps knows
    local name='redis-server|auth-service|project-servic|ui-gateway|devmentor|chrom'
    if [ -r /proc/self/comm ]; then
        grep -HE "^($name)" /proc/[0-9]*/comm 2>/dev/null | tr '/:' '  ' | awk '{ print $2, $4 }' || true
    else
        ps -axo pid=,comm= | grep -E "$name" || true
    fi
}
ours >"$before"
status=0
run() { # title, then a command; its output is kept for the counts
    say "$1"
    shift
    "$@" 2>&1 | tee -a "$log" || status=1
}

scripts/web.sh
cargo build --release --workspace --bins
run "Rust" cargo test --release --workspace --no-fail-fast
web=services/ui-gateway/web
run "web: types" npm --prefix $web run --silent check
run "web: units" npm --prefix $web run --silent test
run "web: browser" npm --prefix $web run --silent e2e

left() { ours | grep -vxFf "$before" || true; }
# A browser takes a moment to end after it was told to.
for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -n "$(left)" ] || break
    sleep 0.5
done
if [ -n "$(left)" ]; then
    printf 'Processes were left behind:\n%s\n' "$(left)" >&2
    status=1
fi

# cargo: "test result: ok. 12 passed; 0 failed; ..."   vitest: "Tests  59 passed (59)", "Tests  1 failed | 58 passed (59)"
counts=$(sed 's/\x1b\[[0-9;]*m//g' "$log" | awk '
    /^test result:/ { for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) passed += $(i-1); if ($i ~ /^failed/) failed += $(i-1) } }
    /^ *Tests +[0-9]/ { for (i = 2; i <= NF; i++) { if ($i == "passed") passed += $(i-1); if ($i == "failed") failed += $(i-1) } }
    END { printf "%d passed, %d failed", passed, failed }')
echo "$counts"
exit $status
