package app

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/simulate"
)

func TestLabelsAreReadFromCSVAndJSON(t *testing.T) {
	start := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	want := simulate.Label{
		ID: "label-1", Kind: simulate.KindAttack, Name: "theft", Identity: "aws:123456789012:role/ci",
		Start: start, End: start.Add(time.Hour), Events: []string{"e1", "e2"},
	}
	simulators, err := json.MarshalIndent([]simulate.Label{want}, "", " ")
	require.NoError(t, err)
	for _, tc := range []struct{ name, text, problem string }{
		{name: "CSV", text: "identity,from,to,name,event_ids\narn:aws:iam::123456789012:role/ci,2026-07-01T12:00:00Z,2026-07-01 13:00:00,theft,e1;e2\n"},
		{name: "NDJSON", text: `{"identity":"aws:123456789012:role/ci","from":"2026-07-01T14:00:00+02:00","to":"2026-07-01T13:00:00Z","name":"theft","event_ids":["e1","e2"]}`},
		{name: "the simulator's own", text: string(simulators)},
		{name: "nothing", text: " \n", problem: "empty"},
		{name: "an unknown column", text: "identity,when\n", problem: `line 1: unknown column "when": want one of identity, from, to, name, event_ids, kind`},
		{name: "an unknown key", text: `{"identity":"a","from":"2026-07-01","colour":1}`, problem: `line 1: json: unknown field "colour"`},
		{name: "no identity", text: "identity,from\n,2026-07-01\n", problem: "label 1: identity is missing"},
		{name: "no time", text: "identity,name\na,b\n", problem: "label 1: from is missing"},
		{name: "a time that is none", text: "identity,from\na,yesterday\n", problem: `label 1: from: "yesterday" is no time`},
		{name: "ends before it begins", text: "identity,from,to\na,2026-07-02,2026-07-01\n", problem: "before it begins"},
		{name: "an unknown kind", text: `{"identity":"a","from":"2026-07-01","kind":"soft"}`, problem: `label 1: kind "soft"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := readLabels([]byte(tc.text))
			if tc.problem != "" {
				require.ErrorContains(t, err, tc.problem)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []simulate.Label{want}, got)
		})
	}
}

func FuzzLabels(f *testing.F) {
	f.Add([]byte("identity,from\na,2026-07-01\n"))
	f.Add([]byte(`[{"identity":"a","start":"2026-07-01T00:00:00Z"}]`))
	f.Add([]byte("{\"identity\":\"a\"}\n{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		labels, err := readLabels(data)
		for i := range labels {
			require.NoError(t, err)
			require.False(t, labels[i].Start.IsZero())
			require.False(t, labels[i].End.Before(labels[i].Start))
		}
	})
}
