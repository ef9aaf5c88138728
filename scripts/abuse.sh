#!/usr/bin/env bash
# Attacks on platforms of their own, each beside a bystander who must not notice. FOR: seconds of each.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install.sh

need_rust
need_redis
cargo build --release --workspace --bins
ABUSE_REPORT=$(mktemp -d)
ABUSE_SECONDS=${FOR:-60}
export ABUSE_REPORT ABUSE_SECONDS
trap 'rm -rf "$ABUSE_REPORT"' EXIT
status=0
cargo test --release --workspace --test abuse -- "$@" || status=$?

mkdir -p target/abuse
cp "$ABUSE_REPORT"/*.json target/abuse/
printf '\n%-36s %-52s %9s %7s %10s %10s %10s\n' attack cost rounds failed "calm p99" p99 bound
for line in "$ABUSE_REPORT"/*.json; do
    field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\"}]*\)\"\{0,1\}[,}].*/\1/p" "$line" | sed 's/,".*//'; }
    printf '%-36s %-52s %9s %7s %7s ms %7s ms %7s ms\n' "$(field attack)" "$(field cost)" "$(field rounds)" \
        "$(field failed)" "$(field calm_p99_ms)" "$(field p99_ms)" "$(field bound_ms)"
done
exit "$status"
