#!/usr/bin/env bash
# The platform in containers, built and started; returns when all of it is ready.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/install.sh
. scripts/compose.sh

need_compose
if [ -e .env ]; then complete_env; else write_env; fi
# Without it, podman leaves the health checks out of the images.
export BUILDAH_FORMAT=docker
say "building the images (the first time takes some minutes)"
services=$(sed -n '/^services:/,$s/^  - name: //p' deploy/manifest.yml)
revision=$(revision)
# One after the other: the first compiles for all, and the others find that done.
for service in $services devmentor; do
    compose --profile tools build --build-arg "REVISION=$revision" "$service"
done
remove_outdated
compose up --detach --no-build
say "waiting until all are ready"
for service in $services; do
    wait_for "$service"
done
say "running: revision $(running_revisions)"
url=$(sed -n 's/^DEVMENTOR_PUBLIC_URL=//p' .env)
say "${url:-http://127.0.0.1:8080}   admin@devmentor.local, ADMIN_PASSWORD in .env   stop: make down"
