package app

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/schemas"
)

func TestConditionsAreReadOrRefusedWithThePlace(t *testing.T) {
	for _, tc := range []struct{ text, problem string }{
		{text: "severity>=high"},
		{text: " severity >= Medium , detector = scope-policy "},
		{text: "risk>80,confidence<=99,identity!=aws:*:role/ci-*,page=true"},
		{text: "", problem: "at position 1: a clause is missing"},
		{text: "severity>=high,", problem: "at position 16: a clause is missing"},
		{text: "severity", problem: "at position 9: an operator is missing after \"severity\""},
		{text: "severity>=loud", problem: "at position 11: unknown severity \"loud\": want"},
		{text: "severity>=high,colour=red", problem: "at position 16: unknown field \"colour\": want"},
		{text: "severity>=high, detector>scope-policy", problem: "at position 25: detector has no order: want = or !="},
		{text: "risk>=900", problem: "at position 7: risk is a number from 0 to 100"},
		{text: "detector=", problem: "at position 10: detector = what?"},
		{text: "severity!high", problem: "at position 9: unknown operator \"!\""},
	} {
		t.Run(tc.text, func(t *testing.T) {
			_, err := parseCondition(tc.text)
			if tc.problem == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.problem)
			code, _ := ExitCode(err)
			require.Equal(t, ExitUsage, code)
		})
	}
}

func TestConditionsMatchAlerts(t *testing.T) {
	a := &schemas.Alert{SeverityID: schemas.SeverityHigh, RiskScore: 77}
	a.FindingInfo.Analytic.UID, a.Actor.User.UID = "call-rate", "aws:123456789012:role/ci/deploy"
	a.Unmapped.Lapwing.Way, a.Unmapped.Lapwing.Family, a.Unmapped.Lapwing.Paged = "strong", "learned", true
	a.Unmapped.Lapwing.Findings = []schemas.Finding{{Detector: "call-rate"}, {Detector: "new-country"}}
	for text, want := range map[string]bool{
		"severity>=high":                           true,
		"severity>high":                            false,
		"severity=high":                            true,
		"severity!=high":                           false,
		"severity<critical":                        true,
		"severity<=medium":                         false,
		"risk>=77,risk<78":                         true,
		"detector=new-country":                     true,
		"detector=new-*":                           true,
		"detector!=new-country":                    false,
		"detector!=scope-policy":                   true,
		"identity=aws:*":                           true,
		"identity=aws:*:role/*":                    true,
		"identity=aws:?23456789012:role/ci/deploy": false,
		"identity=kong:*":                          false,
		"way=strong,family=declared":               false,
		"way=strong,page=true":                     true,
		"page=false":                               false,
	} {
		c, err := parseCondition(text)
		require.NoError(t, err, text)
		require.Equal(t, want, c.matches(a), text)
	}
	c, err := parseCondition("severity>=high")
	require.NoError(t, err)
	require.Len(t, failures([]*condition{c}, []schemas.Alert{*a, {SeverityID: schemas.SeverityLow}}), 1)
}

func FuzzCondition(f *testing.F) {
	for _, s := range []string{"severity>=high", "detector=a*,identity!=[x", "risk<5", ",", "page=\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCondition(text)
		if err == nil {
			c.matches(&schemas.Alert{}) // whatever is read can be asked
			require.NotEmpty(t, c.clauses)
		}
	})
}
