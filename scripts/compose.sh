# What up.sh and down.sh share; to be sourced after install.sh.

# Sets COMPOSE to what runs docker-compose.yml here.
need_compose() {
    if docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1; then
        COMPOSE=(docker compose)
    elif has podman && has podman-compose; then
        COMPOSE=(podman-compose)
    elif has podman && podman compose version >/dev/null 2>&1; then
        COMPOSE=(podman compose)
    else
        fail "Neither docker compose, with an engine that runs, nor podman with podman-compose is here." \
            "Install one: https://docs.docker.com/engine/install, or podman and pip install podman-compose (1.6 or newer)."
    fi
}

compose() { "${COMPOSE[@]}" "$@"; }

new_password() { od -An -tx1 -N24 /dev/urandom | tr -d ' \n'; }

# .env from its example, with a password wherever that leaves one out.
write_env() {
    say "writing .env with new passwords"
    (umask 077 && while IFS= read -r line; do
        case $line in
        [A-Z]*=) printf '%s%s\n' "$line" "$(new_password)" ;;
        *) printf '%s\n' "$line" ;;
        esac
    done <.env.example >.env)
}

# What an .env of an earlier version lacks.
complete_env() {
    local name
    for name in $(sed -n 's/^\([A-Z_]*\)=$/\1/p' .env.example); do
        if ! grep -q "^$name=" .env; then
            say "writing a new $name into .env"
            # The last line may have no end.
            [ -z "$(tail -c1 .env)" ] || echo >>.env
            printf '%s=%s\n' "$name" "$(new_password)" >>.env
        fi
    done
}

wait_for() { # a service; two minutes at most
    local answer
    for _ in $(seq 120); do
        if answer=$(compose exec -T "$1" /service --health 2>&1); then return; fi
        sleep 1
    done
    fail "$1 is not ready: $answer" "See what it says: ${COMPOSE[*]} logs $1"
}
