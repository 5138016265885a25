# The README's commands. Every target brings its own needs.
GO ?= go
BIN := .bin

.PHONY: build test race lint fmt
build:
	CGO_ENABLED=0 $(GO) build -trimpath ./...

test:
	$(GO) vet ./...
	$(GO) test ./...

race:
	$(GO) test -race ./...

lint:
	@mkdir -p $(BIN)
	cd tools && $(GO) build -o ../$(BIN)/ mvdan.cc/gofumpt honnef.co/go/tools/cmd/staticcheck
	@out=$$($(BIN)/gofumpt -l .); test -z "$$out" || { echo "gofumpt: run '$(BIN)/gofumpt -w' on: $$out"; exit 1; }
	$(BIN)/staticcheck ./...

fmt:
	@mkdir -p $(BIN)
	cd tools && $(GO) build -o ../$(BIN)/ mvdan.cc/gofumpt
	$(BIN)/gofumpt -w .
