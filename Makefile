# What a person runs on memprobe. Everything but check (a C compiler, for the race
# detector), arm64 (qemu), outside (gdb) and rust (rustc) needs Go alone; bench compares
# with C's allocators where there is a C compiler.

FUZZTIME ?= 60s
GO = CGO_ENABLED=0 go

.DEFAULT_GOAL := help
.PHONY: help run build test check bench fuzz golden arm64 outside rust clean

help: ## list the targets
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/  make \1#\2/p' Makefile | awk -F'#' '{ printf "%-16s%s\n", $$1, $$2 }'

run: build ## build memprobe and run its String scenario
	bin/memprobe scenario string

build: ## build bin/memprobe
	$(GO) build -o bin/memprobe ./cmd/memprobe

test: ## run the tests
	$(GO) test ./...

# A program with the race detector sleeps for a second before it ends, unless told.
check: ## gofmt, vet, staticcheck, go.mod, and the tests with the race detector; changes nothing
	@files=$$(gofmt -l .) && if [ -n "$$files" ]; then echo "gofmt would change:"; echo "$$files"; exit 1; fi
	$(GO) vet ./...
	GOARCH=arm64 $(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) mod tidy -diff
	$(GO) mod verify
	CGO_ENABLED=1 GORACE=atexit_sleep_ms=10 go test -race ./...

bench: ## time the packages, memprobe's start and its maps, and its heap and stack beside known allocators
	$(GO) test -run '^$$' -bench . -benchmem ./...
	scripts/startup-bench.sh
	scripts/maps-bench.sh
	scripts/alloc-bench.sh

fuzz: ## run each fuzz target for FUZZTIME (60s)
	scripts/fuzz.sh $(FUZZTIME)

golden: ## rewrite the golden files; look at the diff before you commit
	MEMPROBE_GOLDEN=update $(GO) test ./...

arm64: ## run the tests for arm64, under qemu-user where this machine is not one
	scripts/arm64-test.sh

outside: ## compare what memprobe shows with what gdb reads
	scripts/outside-check.sh

rust: ## compare the scenarios with real Rust programs, where there is rustc
	scripts/rust-check.sh

clean: ## remove what make built
	rm -rf bin
