package detect

import (
	"strings"
	"testing"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// quietMember is an identity that reads a little, for tests of one finding.
func quietMember() member {
	m := newMember(5, random(77))
	m.perPane, m.wave, m.topic, m.part = 3, 0, "raw.cloudtrail", 0
	return m
}

// settled is an engine that has known one identity for days.
func settled(t *testing.T, days int) (*Engine, *member, time.Time) {
	t.Helper()
	m := quietMember()
	end := fleetStart.AddDate(0, 0, days)
	e := newEngine(t)
	drive(e, merge(m.events(random(1), fleetStart, end)), nil, &Output{})
	return e, &m, end
}

func violation(m *member, at time.Time, detector, value string) *schemas.Event {
	ev := m.event(at.UnixNano(), m.ops[0])
	ev.Declared.Violations = []*schemas.Violation{{Detector: detector, Observed: value, Expected: "DE"}}
	return stamp([]*schemas.Event{ev})[0]
}

func TestADeclaredRuleRaisesOneAlertForAValue(t *testing.T) {
	e, m, at := settled(t, 3)
	var out Output
	for i := range 5 {
		e.Event(violation(m, at.Add(time.Duration(i)*time.Minute), "region-policy", "FR"), &out)
	}
	if len(out.Alerts) != 1 || !out.Alerts[0].Unmapped.Lapwing.Page || out.Alerts[0].Unmapped.Lapwing.Way != "declared" {
		t.Fatalf("five equal violations gave %d versions, page %v", len(out.Alerts), pages(out.Alerts))
	}
	e.Event(violation(m, at.Add(10*time.Minute), "region-policy", "BR"), &out)
	if n := len(out.Alerts); n != 2 || out.Alerts[1].ID() != out.Alerts[0].ID() || out.Alerts[1].Version() != 2 || out.Alerts[1].Unmapped.Lapwing.Page {
		t.Fatalf("another value: %d versions, the last pages: %v", n, out.Alerts[n-1].Unmapped.Lapwing.Page)
	}
	// The rest of that day, and the next two: counted at a pane's close, closed
	// after 24 quiet hours, not raised again on the third day.
	later := merge(m.events(random(2), at.Add(time.Hour), at.Add(50*time.Hour)))
	drive(e, later, nil, &out)
	e.Event(violation(m, at.Add(51*time.Hour), "region-policy", "FR"), &out)
	last := out.Alerts[len(out.Alerts)-1]
	if last.ActivityID != schemas.ActivityClose || last.Unmapped.Lapwing.CloseReason == "" {
		t.Errorf("the last version is not the closing one: %+v", last.Unmapped.Lapwing)
	}
	for i := range out.Alerts {
		if a := &out.Alerts[i]; a.Version() != i+1 || a.ID() != last.ID() {
			t.Errorf("version %d is the %dth of %s", a.Version(), i+1, a.ID())
		}
	}
	counted := out.Alerts[2].Unmapped.Lapwing.Findings
	if len(counted) != 2 || counted[0].Count+counted[1].Count != 6 {
		t.Errorf("at the pane's close: %+v", counted)
	}
}

func TestFeedbackClosesAndSilences(t *testing.T) {
	for _, c := range []struct {
		verdict string
		again   bool // the same finding raises once more after 2 days
	}{{"acknowledged", false}, {"expected", false}, {"false_positive", false}} {
		e, m, at := settled(t, 3)
		var out Output
		e.Event(violation(m, at, "region-policy", "FR"), &out)
		e.Control(&schemas.Control{
			Kind: schemas.ControlKind_CONTROL_KIND_FEEDBACK, AlertId: out.Alerts[0].ID(), IdentityId: m.id,
			Verdict: c.verdict, By: "bob", Time: at.Add(time.Minute).UnixNano(),
		}, &out)
		last := out.Alerts[len(out.Alerts)-1]
		if last.ActivityID != schemas.ActivityClose || !strings.Contains(last.Unmapped.Lapwing.CloseReason, c.verdict+" by bob") {
			t.Errorf("%s: activity %d, reason %q", c.verdict, last.ActivityID, last.Unmapped.Lapwing.CloseReason)
		}
		n := len(out.Alerts)
		e.Event(violation(m, at.Add(48*time.Hour), "region-policy", "FR"), &out)
		if raised := len(out.Alerts) > n; raised != c.again {
			t.Errorf("%s: the same finding later raised: %v", c.verdict, raised)
		}
		e.Event(violation(m, at.Add(49*time.Hour), "region-policy", "BR"), &out)
		if len(out.Alerts) == n {
			t.Errorf("%s: another value was silenced too", c.verdict)
		}
	}
}

func TestAnAnalystsWordReleasesOnlyWhatItNames(t *testing.T) {
	e, m, at := settled(t, 3)
	p, _ := e.store.find(m.id)
	held := func(value string) bool {
		s := e.slots.find(&p.slots, Country, hashValue(Country, value))
		return s != nil && s.quarantine() == quarantineHeld
	}
	for _, value := range []string{"FR", "BR"} {
		s, _ := e.slots.insert(&p.slots, Country, hashValue(Country, value), dayOf(at.UnixNano()))
		s.set(0, quarantineHeld)
	}
	p.consequence = dayOf(at.UnixNano())
	var out Output
	e.Control(&schemas.Control{
		Kind: schemas.ControlKind_CONTROL_KIND_FEEDBACK, IdentityId: m.id, Detector: "new-country", Value: "FR",
		Verdict: "expected", Time: at.UnixNano(),
	}, &out)
	if held("FR") {
		t.Error("the value named is still held")
	}
	if !held("BR") {
		t.Error("another value was released too")
	}
	if p.consequence == 0 {
		t.Error("a word on a country forgave a consequence")
	}
}

func TestOneEventsWeakConsequenceIsItsOperationsFamily(t *testing.T) {
	e, m, at := settled(t, 3)
	p, _ := e.store.find(m.id)
	n := paneOf(at.UnixNano())
	var d dossier
	for _, detector := range []string{"secret-access", "new-operation"} {
		d.notes = append(d.notes, note{found: found{metaOf(detector), Finding{Way: WayFused, Surprise: 4}}, pane: n})
	}
	var now [families]float64
	e.weighNotes(p, &Pane{Number: n}, e.tables.view(hourOf(n), e), &d, &now)
	if now[FamilyOperation] == 0 || now[FamilyConsequence] != 0 {
		t.Errorf("operation %v, consequence %v", now[FamilyOperation], now[FamilyConsequence])
	}
}

func TestAnExceptionSuspendsItsDetectorUntilItEnds(t *testing.T) {
	e, m, at := settled(t, 3)
	var out Output
	except := func(ev *schemas.Event) *schemas.Event {
		ev.Declared.Exceptions = []*schemas.Exception{{Detector: "region-policy", Until: at.Add(time.Hour).UnixNano()}}
		return ev
	}
	e.Event(except(violation(m, at, "region-policy", "FR")), &out)
	if len(out.Alerts) != 0 {
		t.Error("an excepted rule raised")
	}
	e.Event(except(violation(m, at.Add(2*time.Hour), "region-policy", "FR")), &out)
	if len(out.Alerts) != 1 {
		t.Errorf("after the exception: %d alerts", len(out.Alerts))
	}
}

func TestLateEventsAreJudgedOnArrivalAndCountedAside(t *testing.T) {
	e, m, at := settled(t, 9)
	before := e.Stats()
	ev := m.event(at.Add(-6*time.Hour).UnixNano(), "secretsmanager:GetSecretValue")
	ev.Service, ev.ReadOnly, ev.Late, ev.Watermark = "secretsmanager", 0, true, at.Add(-time.Minute).UnixNano()
	ev.Resources = []string{"prod/db"}
	var out Output
	e.Event(ev, &out)
	if len(out.Alerts) == 0 {
		t.Error("a late first use of a secret store was not judged")
	}
	if e.Stats().Late != before.Late+1 {
		t.Error("a late event was not counted aside")
	}
}

func TestABackfillHasNoRate(t *testing.T) {
	e, m, at := settled(t, 16)
	burst := *m
	burst.perPane = 3000
	all := merge(burst.events(random(3), at, at.Add(30*time.Minute)))
	for _, ev := range all {
		ev.Backfill = true
	}
	var out Output
	drive(e, all, ends(all), &out)
	for i := range out.Alerts {
		t.Errorf("raised %s", out.Alerts[i].FindingInfo.Title)
	}
}

func TestIdentitiesAreBoundedAndTheOldestGoFirst(t *testing.T) {
	e, err := New(Config{MaxIdentities: 50})
	if err != nil {
		t.Fatal(err)
	}
	var out Output
	var all []*schemas.Event
	for i := range 400 {
		m := newMember(i, random(1))
		m.topic, m.part = "raw.cloudtrail", 0
		all = append(all, m.event(fleetStart.Add(time.Duration(i)*10*time.Minute).UnixNano(), "s3:GetObject"))
	}
	drive(e, stamp(all), nil, &out)
	s := e.Stats()
	if s.Identities > 63 || s.Evicted == 0 {
		t.Errorf("%d identities of at most 50 (and a quarter within a pane), %d evicted", s.Identities, s.Evicted)
	}
	if p, _ := e.store.find(all[399].IdentityId); p == nil {
		t.Error("the newest identity was evicted")
	}
	if p, _ := e.store.find(all[0].IdentityId); p != nil {
		t.Error("the oldest identity stayed")
	}
}

func TestNewRefusesWhatCannotBeMeant(t *testing.T) {
	for name, c := range map[string]Config{
		"an unknown detector": {Disabled: []string{"call-rates"}},
		"a cell out of range": {Cell: 2, Cells: 2},
		"a negative budget":   {FalseAlertsPerDay: -1},
		"a negative bound":    {MaxIdentities: -1},
		"fewer than one cell": {Cells: -1},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestAnAlertExplainsItself(t *testing.T) {
	e, m, at := settled(t, 9)
	ev := m.event(at.Add(time.Minute).UnixNano(), "secretsmanager:GetSecretValue")
	ev.Service, ev.ReadOnly, ev.Resources = "secretsmanager", 0, []string{"prod/db"}
	ev.Dependants, ev.Criticality, ev.Runbook = []string{"checkout"}, "high", "https://wiki.example.com/x"
	var out Output
	e.Event(stamp([]*schemas.Event{ev})[0], &out)
	if len(out.Alerts) == 0 {
		t.Fatal("no alert")
	}
	a := out.Alerts[0]
	for _, want := range []string{"alice@example.com", "platform", "198.51.100.5", "checkout", "high"} {
		if !strings.Contains(a.FindingInfo.Desc, want) {
			t.Errorf("the explanation lacks %q: %s", want, a.FindingInfo.Desc)
		}
	}
	l := a.Unmapped.Lapwing
	if len(l.FirstChecks) == 0 || len(l.Mappings.OWASPNHI) == 0 || len(a.FindingInfo.Attacks) == 0 || len(a.AnomalyAnalyses) == 0 ||
		len(a.FindingInfo.RelatedEvents) != 1 || a.FindingInfo.RelatedEvents[0].UID != ev.Id || len(l.Breaks) != 1 || a.Remediation == nil {
		t.Errorf("the alert lacks a part: %+v", a)
	}
	if a.FindingInfo.Attacks[0].Version != schemas.ATTACKVersion {
		t.Error("a mapping lacks ATT&CK's version")
	}
}
