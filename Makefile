# Everything needs Go and PostgreSQL's server programs; `make deps` installs PostgreSQL's if they are missing (on Debian
# and Ubuntu). No target needs a Twilio account or a uzERP.

GOLANGCI_VERSION := v2.15.0

# The versions of PostgreSQL that uzERP's sites may have: scripts/postgres.sums has the programs of each but the installed
# one. CI runs the oldest and the newest.
POSTGRES_VERSIONS := 12 13 14 installed 16 17 18

# Where make install puts things.
export PREFIX ?= /usr/local
export DESTDIR ?=

.DEFAULT_GOAL := help

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/uzerp-mfa
	@mkdir -p bin
	CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags "$$(scripts/ldflags.sh)" -o bin/uzerp-mfa .

.PHONY: tree
tree: build
	@go run ./scripts/packages -tree bin/.tree -program bin/uzerp-mfa

.PHONY: install
install: ## install program, manual pages, completions, docs and examples below PREFIX (DESTDIR=: into a folder)
	@scripts/install.sh

.PHONY: uninstall
uninstall: ## remove what make install has installed (with the same PREFIX and DESTDIR)
	@scripts/install.sh remove

.PHONY: packages
packages: ## build dist/: .deb, .rpm and .tar.gz for each system, with checksums and SBOMs (ONLY=linux/amd64,...: for these)
	go run ./scripts/packages -out dist -only "$(ONLY)"

.PHONY: test-packages
test-packages: ## build packages twice, and use one in a fresh Debian (as root; ALL=yes: in each release that it is for)
	@ALL=$(ALL) scripts/test-packages.sh

.PHONY: deps
deps:
	@scripts/deps.sh

.PHONY: demo
demo: deps build ## show the main job, from set-up to a locked-out user, on a throwaway database and emulator
	@bin/uzerp-mfa sandbox -- scripts/demo.sh

.PHONY: test
test: ## run the tests, and install first what they need and is missing (BROWSER=no: without Chromium and its test)
	@scripts/deps.sh test
	@scripts/test.sh

.PHONY: test-postgres
test-postgres: ## run the tests that have a database on every version of PostgreSQL (POSTGRES_VERSIONS="12 18": on these; ALL=yes: all scripts)
	@BROWSER=no scripts/deps.sh test
	@scripts/test-postgres.sh $(if $(filter yes,$(ALL)),-all) $(POSTGRES_VERSIONS)

.PHONY: compatibility
compatibility: ## as test-postgres, and write the tables in docs/compatibility.md from it
	@BROWSER=no scripts/deps.sh test
	@scripts/test-postgres.sh $(if $(filter yes,$(ALL)),-all) $(if $(filter yes,$(CASES)),-cases) -table docs/compatibility.md $(POSTGRES_VERSIONS)

.PHONY: bench
bench: deps ## measure everything, and write docs/performance.md's tables and plots from it (QUICK=yes: small numbers, to see that it works; ONLY=List: these)
	@go run ./scripts/bench $(if $(filter yes,$(QUICK)),-quick) $(if $(ONLY),-only '$(ONLY)')

.PHONY: lint
lint: ## run the linters, and install them first if they are missing
	@PATH="$$(go env GOPATH)/bin:$$PATH"; \
	[ "v$$(golangci-lint version --short 2>/dev/null)" = $(GOLANGCI_VERSION) ] || \
		GOBIN= go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION); \
	golangci-lint run ./...

.PHONY: docs
docs: ## write docs/cli again from the commands
	go test ./cmd -run 'TestDocs|TestSchemas' -update

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist
