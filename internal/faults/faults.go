// Package faults is the frame of the suite that proves delivery: the scenarios
// by number, the seeds they run with, and the rows they report. The scenarios
// themselves are tests named TestFaults/NN-name, here in process on the embedded
// broker under a virtual clock, and elsewhere with real processes and brokers.
package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Engines are the brokers that a scenario runs on, as reports name them.
const (
	KFake       = "kfake"
	ApacheKafka = "apache-kafka"
)

// Scenario is one way in which the world treats the pipeline badly.
type Scenario struct {
	Number int
	Name   string
	// Broker scenarios need a broker's own behaviour: they run on Apache Kafka
	// too.
	Broker bool
	// Promise is what holds all the same.
	Promise string
}

// String is the scenario's name in tests and reports, its number first.
func (s Scenario) String() string { return fmt.Sprintf("%02d-%s", s.Number, s.Name) }

// Scenarios lists all of them, by number.
func Scenarios() []Scenario {
	return []Scenario{
		{1, "kill-at-every-point", true, "kill -9 at every point of fetch, enrich, produce, apply, alert, snapshot chunk, snapshot end and commit"},
		{2, "snapshot-incomplete-corrupt-gone", true, "the older slot and a longer replay; without both, rebuilt from the log, and it says what is missing"},
		{3, "compacted-compressed-gapped-empty", true, "a restore reads every chunk of such a log and ends"},
		{4, "rebalance-storm", true, "no cell applied by two owners, no offset skipped, no event twice"},
		{5, "zombies", true, "writes of an owner that was paused are refused, log and state unchanged"},
		{6, "produce-timeout-after-append", true, "the event is in the log once"},
		{7, "broker-restart-and-moves", true, "recovers from restarts, leader and coordinator moves without loss"},
		{8, "clickhouse-dies-mid-insert", false, "rows and rollup sums equal what was sent"},
		{9, "clickhouse-down-then-backfill", false, "memory bounded, lag grows and drains, a year of back-fill arrives"},
		{10, "one-destination-of-three-fails", false, "the others unaffected, it catches up in order"},
		{11, "receiver-down-longer-than-alert", false, "still paged, once per dedup key; a replay after the resolve opens nothing"},
		{12, "alert-role-killed", false, "no open alert lost, duplicates share the dedup key"},
		{13, "duplicated-reordered-late", false, "same verdicts by alert id inside the lateness, late events judged by declared and first-seen detectors"},
		{14, "offset-out-of-range-recreated", true, "a loud stop, a metric and a log line, no silent skip"},
		{15, "poison-records", false, "dead letter, the offset advances, profiles untouched"},
	}
}

// Find gives the scenario of a number; it panics for a number that is none.
func Find(number int) Scenario {
	for _, s := range Scenarios() {
		if s.Number == number {
			return s
		}
	}
	panic(fmt.Sprintf("there is no scenario %d", number))
}

// Row is what one scenario came to on one engine, over all its seeds.
type Row struct {
	// Scenario begins with its number. What follows a slash tells variants of
	// one scenario apart, such as "01-kill-at-every-point/processes".
	Scenario string `json:"scenario"`
	Engine   string `json:"engine"`
	Seeds    int    `json:"seeds"`
	// Events that were acknowledged, and Faults injected.
	Events int `json:"events"`
	Faults int `json:"faults"`
	// Lost counts events, rows, alerts and pages that are missing, or differ
	// from the reference.
	Lost int `json:"lost"`
	// DuplicatedEffects counts events in lapwing.events, rows in ClickHouse and
	// open pages beyond one each.
	DuplicatedEffects int `json:"duplicated_effects"`
	// RecoverySeconds is the longest time, over all seeds, from the end of the
	// faults until a new event had its effect: virtual seconds in process, real
	// ones elsewhere.
	RecoverySeconds float64 `json:"recovery_seconds"`
	// Throughput is the share of the undisturbed throughput that was kept, where
	// it was measured.
	Throughput float64 `json:"throughput,omitempty"`
	// KillPoints counts, by place, how often a process really died there.
	KillPoints map[string]int `json:"kill_points,omitempty"`
}

// Mutation says which scenario noticed that a mechanism was broken on purpose.
type Mutation struct {
	Mutation string `json:"mutation"`
	// Caught names the scenario that failed, empty when none did.
	Caught string `json:"caught"`
	// Why is the start of its complaint.
	Why string `json:"why"`
}

// Mutations are the mechanisms that must be missed when they are broken.
func Mutations() []string {
	return []string{
		"no fence",
		"no read-back",
		"position moved before produce is acknowledged",
		"snapshot's end record before its chunks",
		"snapshot before the alerts it covers",
		"a deduplication token that varies",
		"delivery memory written before delivery",
	}
}

// Folder is where rows and mutations are collected, one NDJSON file for each
// test process; empty when nobody collects them.
func Folder() string { return os.Getenv("LAPWING_FAULTS_DIR") }

// record appends a line to this process's file in the folder.
func record(kind string, line []byte) error {
	dir := Folder()
	if dir == "" {
		return nil
	}
	name := filepath.Join(dir, fmt.Sprintf("%s-%d.ndjson", kind, os.Getpid()))
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	_, err = f.WriteString(strings.TrimSpace(string(line)) + "\n")
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}
