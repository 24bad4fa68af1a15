# Everything needs Go, and PostgreSQL's server programs; `make deps` installs the latter where they are missing (Debian,
# Ubuntu). No target needs a Twilio account or a uzERP.

GOLANGCI_VERSION := v2.15.0

.DEFAULT_GOAL := help

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/uzerp-mfa
	@mkdir -p bin
	@# Without git's consent (a tree that belongs to somebody else) the program does not know its commit, but is built.
	go build $$(git status >/dev/null 2>&1 || echo -buildvcs=false) -trimpath -o bin/uzerp-mfa .

.PHONY: deps
deps:
	@scripts/deps.sh

.PHONY: demo
demo: deps build ## show the main job, from set-up to a locked-out user, on a throwaway database and emulator
	@bin/uzerp-mfa sandbox -- scripts/demo.sh

.PHONY: test
test: ## run the tests, installing what they need where it is missing (BROWSER=no: without Chromium and its test)
	@scripts/deps.sh test
	@scripts/test.sh

.PHONY: bench
bench: deps build ## measure, printing ratios of things measured in one run
	go test -run '^$$' -bench . -benchtime 30x ./cmd

.PHONY: lint
lint: ## run the linters, installing them first where they are missing
	@PATH="$$(go env GOPATH)/bin:$$PATH"; \
	[ "v$$(golangci-lint version --short 2>/dev/null)" = $(GOLANGCI_VERSION) ] || \
		GOBIN= go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION); \
	golangci-lint run ./...

.PHONY: docs
docs: ## write docs/cli anew from the commands
	go test ./cmd -run TestDocs -update

.PHONY: clean
clean: ## remove what was built
	rm -rf bin
