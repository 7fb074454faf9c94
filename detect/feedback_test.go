package detect

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

func word(m *member, alert, verdict string, at time.Time) *schemas.Control {
	return &schemas.Control{
		Kind: schemas.ControlKind_CONTROL_KIND_FEEDBACK, AlertId: alert, IdentityId: m.id, Verdict: verdict, By: "ana", Time: at.UnixNano(),
	}
}

func TestAVerdictTakenBackLeavesWhatWasThereBefore(t *testing.T) {
	for _, verdict := range []string{verdictAcknowledged, verdictExpected, verdictFalsePositive} {
		e, m, at := settled(t, 3)
		p, _ := e.store.find(m.id)
		s, _ := e.slots.insert(&p.slots, Country, hashValue(Country, "FR"), dayOf(at.UnixNano()))
		s.set(0, quarantineHeld)
		var out Output
		e.Event(violation(m, at, "region-policy", "FR"), &out)
		id := out.Alerts[0].ID()
		p.consequence = dayOf(at.UnixNano())
		e.Control(word(m, id, verdict, at.Add(time.Minute)), &out)
		released := s.quarantine() == 0
		if want := verdict != verdictAcknowledged; released != want {
			t.Errorf("%s: released %v", verdict, released)
		}
		e.Control(word(m, id, verdictUndone, at.Add(time.Hour)), &out)
		if s := e.slots.find(&p.slots, Country, hashValue(Country, "FR")); s.quarantine() != quarantineHeld {
			t.Errorf("%s: what was held before is not held again", verdict)
		}
		if e.slots.find(&p.slots, Verdict, ruleHash(Verdict, "region-policy", "FR", false)) != nil || len(e.Verdicts()) != 0 {
			t.Errorf("%s: something of the verdict is left", verdict)
		}
		n := len(out.Alerts)
		e.Event(violation(m, at.Add(2*time.Hour), "region-policy", "FR"), &out)
		if len(out.Alerts) == n {
			t.Fatalf("%s: taken back, and still silent", verdict)
		}
		if e.stats.Unusable != 0 {
			t.Errorf("%s: %d records were of no use", verdict, e.stats.Unusable)
		}
	}
}

func TestAnAlertOpenedAgainInItsPaneCountsOn(t *testing.T) {
	e, m, at := settled(t, 3)
	var out Output
	e.Event(violation(m, at, "region-policy", "FR"), &out)
	id := out.Alerts[0].ID()
	e.Control(word(m, id, verdictExpected, at.Add(time.Minute)), &out)
	e.Event(violation(m, at.Add(2*time.Minute), "region-policy", "BR"), &out)
	e.Control(word(m, id, verdictUndone, at.Add(3*time.Minute)), &out)
	e.Event(violation(m, at.Add(4*time.Minute), "region-policy", "FR"), &out)
	for i := range out.Alerts {
		if a := &out.Alerts[i]; a.ID() != id || a.Version() != i+1 {
			t.Errorf("version %d of %s is the %dth of %s: a destination would drop it", a.Version(), a.ID(), i+1, id)
		}
	}
	if n := len(out.Alerts); n != 4 || out.Alerts[2].ActivityID != schemas.ActivityUpdate {
		t.Errorf("%d versions, the third with activity %d", n, out.Alerts[2].ActivityID)
	}
}

func TestOneVerdictOfTwoThatAgreeStays(t *testing.T) {
	e, m, at := settled(t, 3)
	var out Output
	for i, alert := range []string{"first", "second"} {
		c := word(m, alert, verdictExpected, at.Add(time.Duration(i)*time.Minute))
		c.Detector, c.Value = "region-policy", "FR"
		e.Control(c, &out)
	}
	e.Control(word(m, "first", verdictUndone, at.Add(time.Hour)), &out)
	e.Event(violation(m, at.Add(2*time.Hour), "region-policy", "FR"), &out)
	if len(out.Alerts) != 0 {
		t.Error("the second verdict no longer holds")
	}
	c := word(m, "", verdictUndone, at.Add(3*time.Hour))
	c.Detector = "region-policy"
	e.Control(c, &out)
	e.Event(violation(m, at.Add(4*time.Hour), "region-policy", "FR"), &out)
	if len(out.Alerts) != 1 {
		t.Error("taken back by its detector, and still silent")
	}
}

func TestWhatAVerdictOnAnAlertIsAbout(t *testing.T) {
	for _, c := range []struct {
		name     string
		findings []schemas.Finding
		want     []bool
	}{
		{"values are covered, however they paged", []schemas.Finding{{Detector: "region-policy", Value: "FR", Way: "declared"}, {Detector: "new-country", Value: "FR", Way: "fused"}}, []bool{true, true}},
		{"a size beside what paged by itself is not", []schemas.Finding{
			{Detector: "secret-access", Value: "prod/db", Way: "consequence"}, {Detector: "call-rate", Value: "scale 0", Way: "strong"}, {Detector: "egress-volume", Value: "bytes", Way: "fused"},
		}, []bool{true, false, false}},
		{"a size that paged is, and weak evidence with a value, but no other size", []schemas.Finding{
			{Detector: "call-rate", Value: "scale 0", Way: "strong"}, {Detector: "new-client", Value: "curl", Way: "fused"}, {Detector: "egress-volume", Value: "bytes", Way: "fused"},
		}, []bool{true, true, false}},
		{"of evidence that paged together, what has a value is", []schemas.Finding{{Detector: "call-rate", Value: "scale 2", Way: "fused"}, {Detector: "new-client", Value: "curl", Way: "fused"}}, []bool{false, true}},
		{"sizes that paged together are: there is nothing else", []schemas.Finding{{Detector: "call-rate", Value: "scale 2", Way: "fused"}, {Detector: "denied-probing", Value: "breadth", Way: "fused"}}, []bool{true, true}},
		{"a declared limit is a value, usual spending a size", []schemas.Finding{{Detector: "agent-spend", Value: "40 a day", Way: "declared"}, {Detector: "agent-spend", Value: "spend", Way: "strong"}}, []bool{true, false}},
		{"so is how much was destroyed beside what was", []schemas.Finding{{Detector: "destroys-data", Value: "bucket/a", Way: "consequence"}, {Detector: "destroys-data", Value: "volume of buckets", Way: "consequence"}}, []bool{true, false}},
	} {
		if got := Covered(c.findings); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestAVerdictOnAnAlertDoesNotSilenceASizeThatPagedNobody(t *testing.T) {
	for _, named := range []bool{false, true} {
		e, m, at := settled(t, 3)
		p, _ := e.store.find(m.id)
		var out Output
		e.Event(violation(m, at, "region-policy", "FR"), &out)
		a := e.dossiers[p.self].alerts[0]
		a.parts = append(a.parts, part{found: found{Finding: Finding{Value: "scale 0", Way: WayStrong}, meta: &callRateCard}, count: 1})
		c := word(m, a.id, verdictExpected, at.Add(time.Minute))
		e.Control(c, &out)
		if named {
			c.Detector = "call-rate"
			e.Control(c, &out)
		}
		silent := func(detector, value string) bool {
			return e.suspended(p, &found{Finding: Finding{Value: value}, meta: metaOf(detector)}, at.Add(time.Hour).UnixNano())
		}
		if !silent("region-policy", "FR") || silent("call-rate", "scale 0") != named {
			t.Errorf("named %v: region %v, rate %v", named, silent("region-policy", "FR"), silent("call-rate", "scale 0"))
		}
	}
}

func TestWordsOfNoUseAreCounted(t *testing.T) {
	e, m, at := settled(t, 3)
	nobody := *m
	nobody.id = "nobody"
	for i, c := range []*schemas.Control{
		word(&nobody, "x", verdictExpected, at),
		word(m, "x", "fine", at),
		word(m, "never-spoken-of", verdictUndone, at),
		word(m, "", verdictUndone, at),
		word(m, strings.Repeat("x", 2000), verdictExpected, at),
	} {
		e.Control(c, &Output{})
		if e.stats.Unusable != uint64(i+1) {
			t.Errorf("record %d: %d of no use", i, e.stats.Unusable)
		}
	}
}

func TestVerdictsAreBoundedAndLapse(t *testing.T) {
	e, m, at := settled(t, 3)
	for i := range maxVerdicts + 10 {
		c := word(m, "alert "+time.Duration(i).String(), verdictExpected, at)
		c.Detector = "new-country"
		e.Control(c, &Output{})
	}
	if len(e.verdicts) != maxVerdicts || e.verdicts[0].alert != "alert 10ns" {
		t.Errorf("%d verdicts are kept, the first %q", len(e.verdicts), e.verdicts[0].alert)
	}
	e.Control(word(m, "later", verdictAcknowledged, at.AddDate(0, 0, 40)), &Output{})
	if len(e.verdicts) != 1 {
		t.Errorf("%d verdicts after 40 days", len(e.verdicts))
	}
}

func TestVerdictsSurviveASnapshot(t *testing.T) {
	e, m, at := settled(t, 3)
	var out Output
	e.Event(violation(m, at, "region-policy", "FR"), &out)
	e.Control(word(m, out.Alerts[0].ID(), verdictExpected, at.Add(time.Minute)), &out)
	var state, again bytes.Buffer
	if err := e.Snapshot(&state); err != nil {
		t.Fatal(err)
	}
	f := newEngine(t)
	if err := f.Restore(bytes.NewReader(state.Bytes())); err != nil {
		t.Fatal(err)
	}
	if err := f.Snapshot(&again); err != nil || !bytes.Equal(state.Bytes(), again.Bytes()) {
		t.Fatalf("a restored state is another: %v", err)
	}
	f.Control(word(m, out.Alerts[0].ID(), verdictUndone, at.Add(time.Hour)), &out)
	if len(f.Verdicts()) != 0 || f.stats.Unusable != 0 {
		t.Error("a verdict from a snapshot cannot be taken back")
	}
}
