#!/usr/bin/env bash
# Every test: Rust, web, browser. Ends with the counts of all.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install.sh

need_rust
need_redis
need_redis_cli
need_postgres
need_node
need_chromium

# All that tests write and start is known by this folder: files are in it, processes have it in their
# environment.
folder=$(mktemp -d)
log=$folder/log
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/tmp"
# Root's PostgreSQL is another user, who has to get through.
chmod 711 "$folder" "$folder/tmp"
export TMPDIR=$folder/tmp
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

left() { # pids
    grep -lazF "TMPDIR=$folder/tmp" /proc/[0-9]*/environ 2>/dev/null | tr -dc '0-9\n' | grep -vx "$$" || true
}
# The grep sees itself for a moment, and a browser takes one to end after it was told to.
remaining() {
    local pid
    for pid in $(left); do
        [ ! -e "/proc/$pid/comm" ] || grep -qxE 'grep|tr|bash|tee' "/proc/$pid/comm" || echo "$pid $(cat "/proc/$pid/comm")"
    done
}
for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -n "$(remaining)" ] || break
    sleep 0.5
done
if [ -n "$(remaining)" ]; then
    printf 'Processes were left behind:\n%s\n' "$(remaining)" >&2
    status=1
fi

# cargo: "test result: ok. 12 passed; 0 failed; ..."   vitest: "Tests  59 passed (59)", "Tests  1 failed | 58 passed (59)"
counts=$(sed 's/\x1b\[[0-9;]*m//g' "$log" | awk '
    /^test result:/ { for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) passed += $(i-1); if ($i ~ /^failed/) failed += $(i-1) } }
    /^ *Tests +[0-9]/ { for (i = 2; i <= NF; i++) { if ($i == "passed") passed += $(i-1); if ($i == "failed") failed += $(i-1) } }
    END { printf "%d passed, %d failed", passed, failed }')
echo "$counts"
exit $status
