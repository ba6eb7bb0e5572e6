# "make help" lists the targets. Everything works from a fresh clone with Go,
# git and make, as root and as an ordinary user.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X github.com/detonaut/detonaut/chamber/version.version=$(VERSION)
MODULES := . chamber
FUZZTIME ?= 20s
SOAKTIME ?= 1h
PACKAGES ?= $(HOME)/.cache/detonaut-test/packages

# Static binaries always: a dynamic one dies inside the sandbox's own chroot.
# No paths of this machine in them, and none in the tests either, so that both
# are made of the same compiled packages. No VCS stamp: it fails in a checkout
# that belongs to somebody else, and the version is set above.
export CGO_ENABLED := 0
export GOFLAGS := -trimpath -buildvcs=false

# The linter is pinned in tools/go.mod, apart from what the project is built of.
LINT = go tool -modfile=$(CURDIR)/tools/go.mod golangci-lint

.PHONY: build release demo test check bench bench-detection bench-survey fuzz soak clean help

# Rules and documents are carried compressed (rules/rules.go, docs/docs.go).
rules/rules.zip: $(shell find rules -name '*.yaml')
	go generate ./rules
docs/docs.zip: $(shell find docs -name '*.md')
	go generate ./docs

build: rules/rules.zip docs/docs.zip ## build bin/detonaut and bin/detonaut-chamber
	go build -ldflags '$(LDFLAGS)' -o bin/detonaut ./cmd/detonaut
	go build -C chamber -ldflags '$(LDFLAGS)' -o ../bin/detonaut-chamber .

# The chamber is copied to where it is embedded from. What the last line looks
# for is there only if detonaut could start the chamber that it carries: there
# is none beside it, and no PATH.
release: build ## build bin/release/detonaut, which carries its chamber
	@cp bin/detonaut-chamber internal/detonate/process/detonaut-chamber
	go build -tags embedchamber -ldflags '$(LDFLAGS)' -o bin/release/detonaut ./cmd/detonaut
	@rm internal/detonate/process/detonaut-chamber
	@env -i bin/release/detonaut version -o json | grep '"chamber": "$(VERSION)"'

# Results are served at the end when it writes to a terminal; SERVE=1 always, SERVE=0 never.
demo: build ## make sample images, detonate them, print verdicts, serve the results
	go run ./actors/demo $(if $(SERVE),-serve=$(SERVE)) bin/actors

test: ## run every test; what they need is installed, or named
	@testdata/needs.sh test
	@set -e; for m in $(MODULES); do echo "go test ./... ($$m)"; go test -C $$m -timeout 45m ./...; done

check: ## format, vet, lint, tidy, house rules
	@set -e; for m in $(MODULES); do (cd $$m; \
		echo "format ($$m)"; $(LINT) fmt --config $(CURDIR)/.golangci.yml --diff; \
		echo "vet ($$m)"; go vet ./...; \
		echo "lint ($$m)"; $(LINT) run --config $(CURDIR)/.golangci.yml); done
	@set -e; for m in $(MODULES) tools tools/deploy; do echo "tidy ($$m)"; go mod tidy -C $$m -diff; done
	go test -count=1 -run '^TestHouse' .

bench: ## measure against the budgets of ARCHITECTURE.md
	@testdata/needs.sh bench
	@set -e; for m in $(MODULES); do go test -C $$m -run '^$$' -bench . -benchmem -timeout 40m ./...; done

bench-detection: ## what is found and what is not: docs/detection.md, made anew
	@testdata/needs.sh test
	go test -count=1 -timeout 40m -run '^Test(Actors|Ordinary)$$' ./e2e -update
	go run ./e2e/packages -cache $(PACKAGES) -page docs/detection.md
	@cat docs/detection.md

bench-survey: ## what a survey costs: images by stage, jobs, a catalogue of four million; docs/operating.md calculates with it
	@testdata/needs.sh bench
	go test -count=1 -run '^$$' -bench '^BenchmarkSurvey$$' -benchtime 1x -timeout 40m ./e2e/survey $(if $(UPDATE),-update)
	go test -count=1 -run '^$$' -bench '^BenchmarkJobs$$' -timeout 40m ./internal/store/sqlite ./internal/store/postgres
	DETONAUT_BENCH_CANDIDATES=4000000 go test -count=1 -run '^$$' -bench '^BenchmarkCatalogue$$' -benchtime 1x -timeout 2h ./internal/store/sqlite ./internal/store/postgres

fuzz: ## run each fuzz test for FUZZTIME
	@set -e; for m in $(MODULES); do (cd $$m; \
		grep -rEo --include='*_test.go' --exclude-dir=chamber '^func Fuzz[A-Za-z0-9_]+' . | \
		while IFS=: read -r file fn; do \
			echo "$$m/$${file#./} $${fn#func }"; \
			go test -run '^$$' -fuzz "^$${fn#func }\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x "$$(dirname "$$file")" </dev/null; \
		done); done

soak: build ## run random subjects under random plans for SOAKTIME
	go run -ldflags '$(LDFLAGS)' ./e2e/soak -time $(SOAKTIME) -failure bin/soak-failure.json

clean: ## remove what was built
	rm -rf bin

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)
