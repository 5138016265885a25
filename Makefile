# The README's commands. Every target brings its own needs.
GO ?= go
BIN := .bin
SCENARIO ?= good
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
SOURCES := $(shell find . -name '*.go' -not -path './tools/*') go.mod go.sum

.PHONY: build demo test race chaos lint fmt needs
build: sluice

sluice: $(SOURCES)
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $@ ./cmd/sluice

# The demonstration ends with exit 6 when the canary was rolled back: for a scenario with a bad canary that is the success.
demo: sluice
	@./sluice demo --scenario $(SCENARIO); code=$$?; \
	case $(SCENARIO) in good|low-traffic) test $$code -eq 0;; *) test $$code -eq 6;; esac

test: needs
	$(GO) vet ./...
	$(GO) test ./...

race: needs
	$(GO) test -race ./...

# What the tests run against and nobody here wrote: nginx as a backend. Installed where we may, named where we may not.
needs:
	@command -v nginx >/dev/null || test -x /usr/sbin/nginx || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends nginx-light >/dev/null; \
	  else echo "the tests with nginx need it: install nginx-light (Debian) or nginx; without it they are skipped, and fail under CI=true"; fi; }

# Kills, commands, reloads and faults of the disk under load, for so long; the summary has the seed.
DURATION ?= 2m
SEED ?= 0
chaos:
	$(GO) test ./e2e -count=1 -run '^TestChaos$$' -v -timeout 0 -chaos=$(DURATION) -chaos-seed=$(SEED)

lint:
	@mkdir -p $(BIN)
	cd tools && $(GO) build -o ../$(BIN)/ mvdan.cc/gofumpt honnef.co/go/tools/cmd/staticcheck
	@out=$$($(BIN)/gofumpt -l .); test -z "$$out" || { echo "gofumpt: run '$(BIN)/gofumpt -w' on: $$out"; exit 1; }
	$(GO) vet ./...
	$(BIN)/staticcheck ./...

fmt:
	@mkdir -p $(BIN)
	cd tools && $(GO) build -o ../$(BIN)/ mvdan.cc/gofumpt
	$(BIN)/gofumpt -w .
