# shellcheck shell=bash
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

compose() {
    case ${COMPOSE[0]} in
    # Up to 1.6.0 it does not pass on stop_grace_period, and podman kills after 10 s.
    podman-compose) podman-compose --podman-run-args=--stop-timeout=30 "$@" ;;
    *) "${COMPOSE[@]}" "$@" ;;
    esac
}

# The revisions of the containers that are there.
running_revisions() {
    local engine=${COMPOSE[0]%-compose}
    # shellcheck disable=SC2046 # one word a container
    "$engine" inspect --format '{{index .Config.Labels "org.opencontainers.image.title"}} {{index .Config.Labels "org.opencontainers.image.revision"}}' \
        $(compose ps --quiet) | sed -n 's|^devmentor/[a-z-]* ||p' | sort -u | paste -s -d ' ' -
}

# podman-compose goes by settings alone and leaves a container on its old image; docker compose does not.
remove_outdated() {
    [ "${COMPOSE[0]}" = podman-compose ] || return 0
    local id image name outdated=()
    for id in $(compose ps --quiet); do
        read -r image name < <(podman container inspect --format '{{.Image}} {{.ImageName}}' "$id")
        if [ "$image" != "$(podman image inspect --format '{{.Id}}' "$name" 2>/dev/null || echo "$image")" ]; then
            say "recreated, for its image is new: $name"
            outdated+=("$id")
        fi
    done
    if [ ${#outdated[@]} -gt 0 ]; then
        podman stop --time 30 "${outdated[@]}" >/dev/null
        # What depends on one, as all do on Redis, cannot outlive it.
        podman rm --force --depend --time 30 "${outdated[@]}" >/dev/null
    fi
}

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

# What an .env of an earlier version lacks, or a copy of the example leaves empty.
complete_env() {
    local name text
    for name in $(sed -n 's/^\([A-Z_]*\)=$/\1/p' .env.example); do
        if grep -q "^$name=." .env; then continue; fi
        say "writing a new $name into .env"
        chmod go= .env
        text=$(grep -q "^$name=" .env || printf '\n%s=' "$name")
        text=$(printf '%s%s\n' "$(cat .env)" "$text" | sed "s/^$name=\$/&$(new_password)/")
        printf '%s\n' "$text" >.env
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
