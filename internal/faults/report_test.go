package faults

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRowsOfSeveralProcessesCombine(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("LAPWING_FAULTS_DIR", dir)
	for _, s := range Scenarios() {
		for range 2 {
			row := Row{Scenario: s.String(), Engine: KFake, Seeds: 2, Events: 10, Faults: 3, RecoverySeconds: float64(s.Number)}
			require.NoError(t, row.record())
		}
		row := Row{Scenario: s.String() + "/processes", Engine: KFake, Seeds: 5}
		require.NoError(t, row.record())
		if s.Broker {
			row := Row{Scenario: s.String(), Engine: ApacheKafka, Seeds: 3}
			require.NoError(t, row.record())
		}
	}
	for _, m := range Mutations() {
		require.NoError(t, Mutation{Mutation: m, Caught: "01-kill-at-every-point", Why: "12 lost\nmore"}.Record())
	}
	r, err := Collect(dir)
	require.NoError(t, err)
	require.Empty(t, r.Missing([]string{KFake, ApacheKafka}))
	require.Len(t, r.Scenarios, 15+15+8)
	b, err := json.Marshal(r)
	require.NoError(t, err)
	var shape struct {
		Scenarios []map[string]any `json:"scenarios"`
	}
	require.NoError(t, json.Unmarshal(b, &shape))
	require.Equal(t, map[string]any{
		"scenario": "01-kill-at-every-point", "engine": "kfake", "seeds": 4.0, "events": 20.0, "faults": 6.0,
		"lost": 0.0, "duplicated_effects": 0.0, "recovery_seconds": 1.0,
	}, shape.Scenarios[0])
	var table bytes.Buffer
	require.NoError(t, r.Table(&table))
	require.Contains(t, table.String(), "no fence: noticed by 01-kill-at-every-point (12 lost)")
}

func TestAReportThatLacksSomethingFails(t *testing.T) {
	r := &Report{}
	require.Len(t, r.Missing([]string{KFake}), 15+len(Mutations()))
	r.Scenarios = []Row{{Scenario: Find(3).String(), Engine: KFake, Seeds: 1, Lost: 2}}
	require.Contains(t, r.Missing([]string{KFake}), "scenario 03-compacted-compressed-gapped-empty on kfake: 2 lost, 0 duplicated")
	r.mutations = []Mutation{{Mutation: "no fence"}}
	require.Contains(t, r.Missing(nil), `mutation "no fence" was noticed by no scenario`)
}

func TestAReportCountsWhereProcessesDied(t *testing.T) {
	row := func(seeds int, died map[string]int) *Report {
		return &Report{Scenarios: []Row{{Scenario: Find(1).String(), Engine: KFake, Seeds: seeds, KillPoints: died}}}
	}
	all := map[string]int{standStill: 1, bothSlots: 1}
	for _, at := range killPlaces() {
		all[at] = 2
	}
	enough := len(killPlaces())
	require.Empty(t, row(enough, all).notDied())
	delete(all, "insert, after")
	require.Empty(t, row(enough-1, all).notDied(), "too few seeds come to all places")
	require.Equal(t, []string{`no process died at "insert, after" (store: after it, before, in or after the insert)`}, row(enough, all).notDied())
	var table bytes.Buffer
	require.NoError(t, row(enough, all).Table(&table))
	require.Regexp(t, "store +before `end=X` is committed +2 +plan store, before 2", table.String())
}

// The page for readers and the suite name the same places.
func TestKillPointsAreThePages(t *testing.T) {
	page, err := os.ReadFile("../../docs/delivery.md")
	require.NoError(t, err)
	sections := map[string]string{}
	for _, s := range strings.Split(string(page), "\n## ")[1:] {
		stage, _, _ := strings.Cut(strings.ToLower(s), ":")
		sections[stage] = s
	}
	listed := map[string]int{}
	for _, k := range KillPoints() {
		require.Contains(t, sections[k.Stage], "\n| "+k.Dies+" |", k.Stage)
		listed[k.Stage]++
	}
	for stage, n := range listed {
		_, table, ok := strings.Cut(sections[stage], "\n| The process dies |")
		require.True(t, ok, stage)
		table, _, _ = strings.Cut(table, "\n\n")
		require.Equal(t, n, strings.Count(table, "\n|")-1, "rows of %s", stage)
	}
}
