# The README's commands. Every target brings its own needs.
GO ?= go
BIN := .bin
SCENARIO ?= good
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
SOURCES := $(shell find . -name '*.go' -not -path './tools/*') go.mod go.sum cmd/sluice/default.pgo
# Tests need no profile, with which everything would be compiled once more: docs/decisions/0070.
PLAIN := -pgo=off

FUZZTIME ?= 20s
.PHONY: build demo test race fuzz chaos bench profile lint fmt needs
build: sluice

sluice: $(SOURCES)
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $@ ./cmd/sluice

# The demonstration ends with exit 6 when the canary was rolled back: for a scenario with a bad canary that is the success.
demo: sluice
	@./sluice demo --scenario $(SCENARIO); code=$$?; \
	case $(SCENARIO) in good|low-traffic) test $$code -eq 0;; *) test $$code -eq 6;; esac

# -count=1: the tests with a real binary build it themselves, which the cache of test results does not see.
test: needs
	$(GO) vet $(PLAIN) ./...
	$(GO) test $(PLAIN) -count=1 ./...

# Other people's tools say nothing about races that our own clients do not, and have little patience with a slowed-down proxy.
race: needs
	$(GO) test $(PLAIN) -count=1 -race $$($(GO) list ./... | grep -v -e /conformance/interop -e /bench/)

# What the tests run against and nobody here wrote: a backend, clients, an attacker. Installed where we may, named where we may not.
needs:
	@missing=; for n in nginx:nginx-light curl:curl slowhttptest:slowhttptest varnishtest:varnish h2load:nghttp2-client chromium:chromium promtool:prometheus systemd-analyze:systemd node:nodejs npm:npm prometheus-node-exporter:prometheus-node-exporter; do \
	  command -v $${n%%:*} >/dev/null || test -x /usr/sbin/$${n%%:*} || missing="$$missing $${n##*:}"; done; \
	test -z "$$missing" || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing >/dev/null; \
	  else echo "some tests need$$missing (Debian packages); without them they are skipped, and fail under CI=true"; fi; }
	@test -d tools/ofrep/node_modules || (cd tools/ofrep && npm ci --silent --ignore-scripts --no-audit --no-fund) || echo "some tests need the packages of tools/ofrep, which could not be installed"
	@cd tools/peers && $(GO) build -o ../../$(BIN)/peers/ tool || echo "some tests need the programs of tools/peers, which could not be built"

# Every fuzz target for a while each: make fuzz FUZZTIME=10m. What a target finds is kept in its package's testdata/fuzz.
fuzz:
	@for p in $$(grep -rl --include=*_test.go '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -ho '^func Fuzz[A-Za-z0-9]*' $$p/*_test.go | cut -c6-); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p || exit 1; \
	  done; done

# Kills, commands, reloads and faults of the disk under load, for so long; the summary has the seed.
DURATION ?= 2m
SEED ?= 0
chaos:
	$(GO) test ./e2e -count=1 -run '^TestChaos$$' -v -timeout 0 -chaos=$(DURATION) -chaos-seed=$(SEED)

# What a request costs, here and in the proxies that are installed; on a machine with little else to do: make bench SUITES=closed ROUNDS=3.
SUITES ?=
ROUNDS ?= 5
bench: sluice
	./sluice bench peers --rounds $(ROUNDS) $(SUITES)

# What the compiler is told of the hot path, anew: after changes of it that bench shows. Time that is the kernel's is left out, or it would
# hide what is ours. Four minutes, on a machine with little else to do.
profile:
	@rm -rf $(BIN)/profile && mkdir -p $(BIN)/profile
	CGO_ENABLED=0 $(GO) build -trimpath -pgo=off -tags profile -o $(BIN)/profile/sluice ./cmd/sluice
	PROFILE_INTO=$(CURDIR)/$(BIN)/profile $(BIN)/profile/sluice bench peers --peers sluice --rounds 1 --duration 62s closed big many
	$(GO) tool pprof -proto -ignore Syscall6 -output cmd/sluice/default.pgo $(BIN)/profile/*.pprof

lint:
	@mkdir -p $(BIN)
	cd tools && $(GO) build -o ../$(BIN)/ mvdan.cc/gofumpt honnef.co/go/tools/cmd/staticcheck
	@out=$$($(BIN)/gofumpt -l .); test -z "$$out" || { echo "gofumpt: run '$(BIN)/gofumpt -w' on: $$out"; exit 1; }
	$(GO) vet $(PLAIN) ./...
	$(BIN)/staticcheck ./...

fmt:
	@mkdir -p $(BIN)
	cd tools && $(GO) build -o ../$(BIN)/ mvdan.cc/gofumpt
	$(BIN)/gofumpt -w .
