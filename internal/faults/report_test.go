package faults

import (
	"bytes"
	"encoding/json"
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
