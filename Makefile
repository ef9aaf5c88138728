# `make help` lists the targets. Each is a script in scripts/, so that it can be read and run alone.

BENCH ?=

.PHONY: help run up down test check audit bench abuse docs web build

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

run: ## install what is missing, build, and start the platform in the foreground
	@scripts/run.sh

up: ## the platform in containers, by docker compose or podman-compose
	@scripts/up.sh

down: ## stop the containers; their data stays
	@scripts/down.sh

test: ## install what tests need, then all of them: Rust, web, browser
	@scripts/test.sh

check: ## format, lints and docs as errors, generated files in step, a valid OpenAPI document, arrows, and audit
	@scripts/check.sh

audit: ## licences, banned crates, sources, and advisories where their database can be reached
	@scripts/audit.sh

bench: ## benchmarks beside their ceilings; BENCH="me start" picks some
	@scripts/bench.sh $(BENCH)

abuse: ## attacks beside a bystander who must not notice, as a table; FOR=60 seconds each
	@scripts/abuse.sh

docs: ## write the generated references into docs/, and the web app's types of the API
	@scripts/docs.sh docs services/ui-gateway/web/src/lib

build: ## build the web app, the services and the command
	@scripts/build.sh

web: ## build the web app, when its sources are newer
	@scripts/web.sh
