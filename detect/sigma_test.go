package detect

import (
	"bytes"
	"testing"
	"time"

	"github.com/lapwing-sec/lapwing/detect/sigma"
	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const sigmaBurst = `title: Read
name: read
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: GetObject}, condition: s}
---
title: Burst
id: burst
level: high
tags: [attack.t1530]
correlation: {type: event_count, rules: [read], timespan: 10m, condition: {gte: 8}}
---
title: Listing
id: listing
level: medium
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName|startswith: ListB}, condition: s}
`

func sigmaSet(t testing.TB, text string) *sigma.Set {
	t.Helper()
	set, err := sigma.Load([]sigma.File{{Name: "rules.yml", Data: []byte(text)}})
	require.NoError(t, err)
	return set
}

// sigmaEvents are calls of two identities, of which one makes a burst.
func sigmaEvents() []*schemas.Event {
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	var out []*schemas.Event
	call := func(at time.Duration, who, op string) {
		when := start.Add(at).UnixNano()
		out = append(out, &schemas.Event{
			Id: who + at.String(), Time: when, Watermark: when, Format: "cloudtrail", RawTopic: "raw", IdentityId: "aws:1:role/" + who, IdentityKind: "workload",
			Service: "s3", Operation: "s3:" + op, Outcome: schemas.Outcome_OUTCOME_SUCCESS, SrcIp: "203.0.113.7",
		})
	}
	for i := range 12 {
		call(time.Duration(i)*time.Minute, "a", "GetObject")
		call(time.Duration(i)*time.Minute+time.Second, "b", map[bool]string{true: "ListBuckets", false: "PutObject"}[i == 9])
	}
	return out
}

// A snapshot at any moment gives the same alerts as none.
func TestRulesGoOnAfterASnapshot(t *testing.T) {
	cfg := Config{Sigma: sigmaSet(t, sigmaBurst)}
	events := sigmaEvents()
	whole, err := New(cfg)
	require.NoError(t, err)
	var want Output
	for _, ev := range events {
		whole.Event(ev, &want)
	}
	var fired []string
	for _, a := range want.Alerts {
		for _, f := range a.Unmapped.Lapwing.Findings {
			if f.Detector == "sigma" {
				fired = append(fired, f.Value)
			}
		}
	}
	require.Contains(t, fired, "burst")
	require.Contains(t, fired, "listing")
	var state bytes.Buffer
	require.NoError(t, whole.Snapshot(&state))
	for cut := range events {
		first, err := New(cfg)
		require.NoError(t, err)
		var got Output
		for _, ev := range events[:cut] {
			first.Event(ev, &got)
		}
		var b bytes.Buffer
		require.NoError(t, first.Snapshot(&b))
		second, err := New(cfg)
		require.NoError(t, err)
		require.NoError(t, second.Restore(&b))
		for _, ev := range events[cut:] {
			second.Event(ev, &got)
		}
		require.Equal(t, want.Alerts, got.Alerts, "cut at %d", cut)
		var again bytes.Buffer
		require.NoError(t, second.Snapshot(&again))
		require.Equal(t, state.Bytes(), again.Bytes(), "cut at %d", cut)
	}
}

func TestASnapshotSurvivesOtherRules(t *testing.T) {
	with, err := New(Config{Sigma: sigmaSet(t, sigmaBurst)})
	require.NoError(t, err)
	var out Output
	for _, ev := range sigmaEvents() {
		with.Event(ev, &out)
	}
	var b bytes.Buffer
	require.NoError(t, with.Snapshot(&b))
	for name, set := range map[string]*sigma.Set{"none": nil, "others": sigmaSet(t, "title: Other\nlogsource: {product: aws}\ndetection: {s: {eventName: X}, condition: s}")} {
		e, err := New(Config{Sigma: set})
		require.NoError(t, err)
		assert.NotEqual(t, with.Digest(), e.Digest(), "a change of the rules is seen")
		require.NoError(t, e.Restore(bytes.NewReader(b.Bytes())), name)
		for _, ev := range sigmaEvents() {
			e.Event(ev, &out)
		}
	}
}

func TestARuleSpeaksForItself(t *testing.T) {
	set := sigmaSet(t, `title: Keys for a person
id: keys
level: critical
description: |
  Somebody made a key
  for a person.
tags: [attack.persistence, attack.t1098.001, attack.t9999]
references: [https://example.com/keys]
falsepositives: [Onboarding, Unknown]
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: CreateAccessKey}, condition: s}
fields: [eventName, sourceIPAddress]
`)
	e, err := New(Config{Sigma: set})
	require.NoError(t, err)
	ev := sigmaEvents()[0]
	ev.Service, ev.Operation, ev.Outcome, ev.ErrorCode = "iam", "iam:CreateAccessKey", schemas.Outcome_OUTCOME_DENIED, "AccessDenied"
	var out Output
	e.Event(ev, &out)
	require.NotEmpty(t, out.Alerts)
	a := out.Alerts[0]
	assert.Equal(t, "sigma", a.FindingInfo.Analytic.UID)
	assert.Equal(t, "Keys for a person", a.FindingInfo.Analytic.Name)
	assert.Equal(t, schemas.SeverityCritical, a.SeverityID, "a refused call counts as the rule says")
	f := a.Unmapped.Lapwing.Findings[0]
	assert.Equal(t, "keys", f.Value)
	assert.Contains(t, f.Sentence, "Somebody made a key for a person.")
	assert.Equal(t, "eventName: CreateAccessKey, sourceIPAddress: 203.0.113.7", f.Observed)
	assert.Contains(t, a.Unmapped.Lapwing.FirstChecks, "Rule out what is known to look like this: Onboarding.")
	assert.Contains(t, a.Unmapped.Lapwing.FirstChecks, "Read what the rule stands on: https://example.com/keys.")
	var techniques []string
	for _, x := range a.FindingInfo.Attacks {
		techniques = append(techniques, x.Technique.UID)
	}
	assert.Subset(t, techniques, []string{"T1098.001", "T9999"})
}
