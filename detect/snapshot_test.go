package detect

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drive feeds part of a log and collects what it gives.
func drive(e *Engine, events []*schemas.Event, controls []*schemas.Control, out *Output) {
	for _, ev := range events {
		e.Event(ev, out)
	}
	for _, c := range controls {
		e.Control(c, out)
	}
}

// lines writes an output as JSON lines.
func lines(t testing.TB, out *Output) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for i := range out.Alerts {
		if err := enc.Encode(&out.Alerts[i]); err != nil {
			t.Fatal(err)
		}
	}
	for i := range out.Discovered {
		if err := enc.Encode(&out.Discovered[i]); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func snapshotOf(t testing.TB, e *Engine) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := e.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// restless makes a log in which much happens: several identities over weeks,
// with jumps in time, new places, refusals, grave operations, bursts, gaps.
func restless(seed uint64, n int) []*schemas.Event {
	r := random(seed)
	members := make([]member, 9)
	for i := range members {
		members[i] = newMember(i, r)
	}
	members[8].id = members[0].id // in the other topic too
	members[8].topic, members[8].part = members[1].topic, 1
	ops := []string{
		"s3:GetObject", "s3:ListBuckets", "secretsmanager:GetSecretValue", "iam:CreateAccessKey", "iam:AttachUserPolicy",
		"s3:DeleteBucket", "cloudtrail:StopLogging", "ec2:RunInstances", "lambda:UpdateFunctionCode", "iam:ListUsers",
	}
	at := fleetStart
	var all []*schemas.Event
	for i := range n {
		switch r.IntN(400) {
		case 0:
			at = at.Add(time.Duration(r.IntN(80)) * time.Hour)
		default:
			at = at.Add(time.Duration(r.IntN(300)) * time.Second)
		}
		m := &members[min(r.IntN(len(members)), r.IntN(len(members)))]
		ev := m.event(at.UnixNano()-int64(r.IntN(600))*1e9, m.ops[r.IntN(len(m.ops))])
		ev.Id += "-" + formatInt(int64(i))
		switch r.IntN(60) {
		case 0:
			ev.Operation, ev.ReadOnly, ev.Resources = ops[r.IntN(len(ops))], 0, []string{"thing-" + formatInt(int64(r.IntN(5)))}
		case 1:
			ev.Country, ev.SrcIp, ev.SrcPrefix, ev.Latitude = "BR", "203.0.113.9", "203.0.113.0/24", -15
		case 2:
			ev.Outcome, ev.Operation = schemas.Outcome_OUTCOME_DENIED, ops[r.IntN(len(ops))]
		case 3:
			ev.Declared.Violations = []*schemas.Violation{{Detector: "region-policy", Observed: "FR", Expected: "DE"}}
		case 4:
			ev.Declared, ev.Owner = nil, ""
		}
		switch d := ev.Declared; {
		case d == nil:
		case i%7 < 2:
			ev.CredentialIssued, ev.CredentialExpires = ev.Time-int64(i)*1e9, ev.Time+3600e9
		case i%7 < 4:
			d.Policy = "countries\tidentity\tDE\nrate\tteam=platform\t" + formatInt(int64(i%3)) + " a minute"
			d.Credential = &schemas.Credential{Ref: ev.CredentialId, Issued: fleetStart.UnixNano(), RotateEvery: 90 * day}
			d.Exceptions = []*schemas.Exception{{Detector: "off-schedule", Until: ev.Time + day}}
		}
		all = append(all, ev)
		if r.IntN(150) == 0 {
			for j := range r.IntN(300) {
				all = append(all, m.event(at.UnixNano()+int64(j)*1e9, ops[j%len(ops)]))
			}
		}
	}
	return stamp(all)
}

func TestASnapshotAtAnyOffsetChangesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all := restless(rapid.Uint64().Draw(rt, "seed"), rapid.IntRange(50, 2500).Draw(rt, "events"))
		cut := rapid.IntRange(0, len(all)).Draw(rt, "offset")
		controls := ends(all)

		whole := newEngine(t)
		var wantOut, out Output
		drive(whole, all, controls, &wantOut)
		want := snapshotOf(t, whole)

		first := newEngine(t)
		drive(first, all[:cut], nil, &out)
		state := snapshotOf(t, first)
		second := newEngine(t)
		if err := second.Restore(bytes.NewReader(state)); err != nil {
			rt.Fatal(err)
		}
		if again := snapshotOf(t, second); !bytes.Equal(state, again) {
			rt.Fatalf("a restored engine writes another snapshot (%d and %d bytes)", len(state), len(again))
		}
		drive(second, all[cut:], controls, &out)
		if wantAlerts, alerts := lines(t, &wantOut), lines(t, &out); !bytes.Equal(wantAlerts, alerts) {
			rt.Fatalf("alerts differ after a restore at %d of %d:\n%s", cut, len(all), firstDifference(wantAlerts, alerts))
		}
		if got := snapshotOf(t, second); !bytes.Equal(want, got) {
			rt.Fatalf("the final state differs after a restore at %d of %d", cut, len(all))
		}
	})
}

func firstDifference(a, b []byte) string {
	x, y := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
	for i := range x {
		if i >= len(y) || x[i] != y[i] {
			other := "nothing"
			if i < len(y) {
				other = y[i]
			}
			return "line " + formatInt(int64(i)) + ":\n" + x[i] + "\n" + other
		}
	}
	return "one goes on"
}

func TestADamagedSnapshotIsRefusedWithoutPanic(t *testing.T) {
	e := newEngine(t)
	drive(e, restless(5, 3000), nil, &Output{})
	state := snapshotOf(t, e)
	for cut := 0; cut < len(state); cut += 1 + len(state)/300 {
		if err := newEngine(t).Restore(bytes.NewReader(state[:cut])); err == nil {
			t.Fatalf("restored from %d of %d bytes", cut, len(state))
		}
	}
	if err := e.Restore(bytes.NewReader(state)); err == nil {
		t.Error("restored into an engine that is not new")
	}
}

func TestOtherConfigurationsHaveOtherDigests(t *testing.T) {
	a, err := New(Config{FalseAlertsPerDay: 1})
	if err != nil {
		t.Fatal(err)
	}
	if a.Digest() == newEngine(t).Digest() {
		t.Error("two configurations share a digest")
	}
	if one, other := newEngine(t).Digest(), newEngine(t).Digest(); one != other {
		t.Error("one configuration has two digests")
	}
}

// Whatever a bug or a damaged disk may leave in a state.
func TestARestoreRefusesWhatIsNoFiniteNumber(t *testing.T) {
	for _, x := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		e, members := known(t)
		p, _ := e.store.find(members[0].id)
		p.stats.rate.mean = x
		require.ErrorContains(t, newEngine(t).Restore(bytes.NewReader(snapshotOf(t, e))), "no number that is kept")
	}
}
