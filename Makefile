# Lapwing. `make help` lists what there is.
#
# Tools are pinned in scripts/tools/go.mod and built into .cache/bin; what the
# tests fetch (libchdb, Apache Kafka, clickhouse-server, syslog-ng) is pinned by version
# and checksum in scripts/ and cached outside the tree.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO      ?= go
BIN     := bin/lapwing
TOOLS   := $(CURDIR)/.cache/bin
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/lapwing-sec/lapwing/internal/app.version=$(VERSION)

# How long fuzz runs each target; flags for demo and eval; where eval finds recorded
# attacks and time series.
FUZZTIME ?= 30s
DEMO     ?=
EVAL     ?=
DATA     ?= $(or $(LAPWING_DATA),../shared/data)

# schemas, detect and the simulator are one goroutine's each, and slow to race.
RACE ?= ./alerting/... ./cmd/... ./enrich/... ./ingest/... ./internal/app/... ./internal/clickhouse/... ./internal/embedded/... ./internal/kafka/... ./internal/stream/...

.PHONY: help
help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build chdb ## the whole system at work on simulated traffic, nothing to set up (DEMO="--seed 2")
	$(BIN) demo $(DEMO)

.PHONY: build
build: ## bin/lapwing
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/lapwing

.PHONY: test
test: components ## every test, on the embedded default and on real Apache Kafka and ClickHouse
	$(GO) test -timeout 20m $$($(GO) list ./... | grep -v /internal/faults$$)
	@$(MAKE) --no-print-directory faults-quick

.PHONY: faults-quick
faults-quick: ## one seed of each fault scenario, within 60 s
	@echo "fault scenarios, the quick subset: one seed each, in 60 s at most (make faults runs all)"
	@rm -rf $(FAULTS_DIR)-quick && mkdir -p $(FAULTS_DIR)-quick
	@status=0; LAPWING_FAULTS_DIR=$(FAULTS_DIR)-quick $(GO) test -count 1 -timeout 10m ./internal/faults || status=$$?; \
	$(GO) run ./internal/faults/report -dir $(FAULTS_DIR)-quick -engines '' || status=1; exit $$status

.PHONY: race
race: chdb ## the tests of everything that runs concurrently, under the race detector
	CGO_ENABLED=1 $(GO) test -race -short -timeout 20m $(RACE)

.PHONY: lint
lint: $(TOOLS)/golangci-lint ## gofmt, go vet, golangci-lint
	@unformatted=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted, run gofmt -w:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(TOOLS)/golangci-lint run ./...

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (30s)
	scripts/fuzz.sh $(FUZZTIME)

.PHONY: bench
bench: ## benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: eval
eval: build ## how good detection is: one report, eval/report.json and .md (EVAL="--sections primary --seeds 1")
	$(BIN) eval --data $(DATA) --report eval/report.json --markdown eval/report.md $(EVAL)

# The fault scenarios: seeds in process, with real processes, and with those on Apache
# Kafka. SEED=7 SCENARIO="1 5" runs that seed of these scenarios alone.
SEEDS_KFAKE     ?= 100
SEEDS_PROCESSES ?= 5
SEEDS_APACHE    ?= 3
SEED            ?=
SCENARIO        ?=
FAULTS_RACE     ?=
FAULTS_ENGINES  ?= kfake,apache-kafka
FAULTS_DIR      := $(CURDIR)/.cache/faults

.PHONY: faults
faults: chdb ## 15 fault scenarios against an oracle (SEEDS_KFAKE=100 SEEDS_PROCESSES=5 SEEDS_APACHE=3; SEED=7 SCENARIO="1 5" repeats; FAULTS_RACE=-race)
	@rm -rf $(FAULTS_DIR) && mkdir -p $(FAULTS_DIR) && $(GO) build -o $(FAULTS_DIR)/report ./internal/faults/report
	@$(FAULTS_DIR)/report -dir $(FAULTS_DIR) -follow & trap "kill $$!" EXIT; \
	status=0; LAPWING_FAULTS_DIR=$(FAULTS_DIR) LAPWING_FAULTS_SEED='$(SEED)' LAPWING_FAULTS_SCENARIOS='$(SCENARIO)' \
	LAPWING_FAULTS_THROUGHPUT=$(if $(SEED)$(SCENARIO)$(FAULTS_RACE),0,1) LAPWING_FAULTS_SEEDS_KFAKE=$(SEEDS_KFAKE) LAPWING_FAULTS_SEEDS_PROCESSES=$(SEEDS_PROCESSES) LAPWING_FAULTS_SEEDS_APACHE=$(SEEDS_APACHE) \
	$(if $(FAULTS_RACE),CGO_ENABLED=1 )$(GO) test $(FAULTS_RACE) -count 1 -p 2 -timeout $(if $(FAULTS_RACE),80m,40m) -run '$(if $(SEED),TestFaults,TestFaults|TestMutations)' ./internal/faults/... ./cmd/lapwing || status=$$?; \
	$(FAULTS_DIR)/report -dir $(FAULTS_DIR) -out faults/report.json -engines '$(if $(SEED)$(SCENARIO),,$(FAULTS_ENGINES))' || status=1; \
	exit $$status

# How long soak runs; SOAK_ENGINE=apache-kafka takes the other broker.
MINUTES     ?= 20
SOAK_ENGINE ?= kfake

.PHONY: soak
soak: chdb ## the whole system at half load with random faults for MINUTES (20): flat memory, equal counts, a report
	LAPWING_SOAK_MINUTES=$(MINUTES) LAPWING_SOAK_ENGINE=$(SOAK_ENGINE) LAPWING_FAULTS_SEED='$(SEED)' \
	$(GO) test -count 1 -timeout $$(( $(MINUTES) + 20 ))m -v -run 'TestSoak$$' ./cmd/lapwing

.PHONY: generate
generate: $(TOOLS)/buf $(TOOLS)/protoc-gen-go $(TOOLS)/protoc-gen-go-vtproto ## everything that is generated
	cd schemas && PATH="$(TOOLS):$$PATH" buf generate
	$(GO) test -count 1 ./internal/app -run 'IsCurrent' -update
	$(GO) test -count 1 ./ingest -run 'TestFieldsAreListed' -update
	$(GO) test -count 1 ./docs -update

.PHONY: generated-current
generated-current: generate ## fail when something generated was not committed
	@git diff --exit-code --stat -- schemas docs ingest/testdata || { echo "generated files differ: commit what make generate wrote"; exit 1; }

.PHONY: vulncheck
vulncheck: $(TOOLS)/govulncheck ## known vulnerabilities in what is used
	$(TOOLS)/govulncheck ./...

.PHONY: chdb
chdb: ## fetch the embedded ClickHouse engine once, into the cache
	@scripts/chdb.sh

.PHONY: components
components: ## fetch what the tests need once: the engine, Apache Kafka, clickhouse-server
	@scripts/components.sh

.PHONY: clean
clean: ## remove what was built here; the cache of fetched components stays
	rm -rf bin .cache eval/report.json eval/report.md faults/report.json
	$(GO) clean -testcache

# One pattern builds any pinned tool.
tool-pkg-golangci-lint         := github.com/golangci/golangci-lint/v2/cmd/golangci-lint
tool-pkg-govulncheck           := golang.org/x/vuln/cmd/govulncheck
tool-pkg-buf                   := github.com/bufbuild/buf/cmd/buf
tool-pkg-protoc-gen-go         := google.golang.org/protobuf/cmd/protoc-gen-go
tool-pkg-protoc-gen-go-vtproto := github.com/planetscale/vtprotobuf/cmd/protoc-gen-go-vtproto

$(TOOLS)/%: scripts/tools/go.mod scripts/tools/go.sum
	@mkdir -p $(TOOLS)
	cd scripts/tools && GOBIN="$(TOOLS)" GOFLAGS=-mod=readonly $(GO) install $(tool-pkg-$*)
	@touch $@
