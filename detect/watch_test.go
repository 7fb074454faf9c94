package detect

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestLookingOnChangesNothing(t *testing.T) {
	end := fleetStart.AddDate(0, 0, 9)
	var states [2]bytes.Buffer
	var alerts [2][]byte
	panes, known, above := 0, 0, 0
	for i := range states {
		m := quietMember()
		e := newEngine(t)
		if i == 1 {
			e.Watch(func(p *PaneView) {
				panes++
				if p.Start%PaneLength != 0 || p.Calls.Value < 1 || p.Identity == "" {
					t.Fatalf("an odd pane: %+v", p)
				}
				if !p.Known {
					return
				}
				known++
				if r := p.Calls; r.Level <= 0 || r.Low > r.Level || r.High <= r.Level {
					t.Fatalf("an odd band: %+v", r)
				}
				if p.Calls.Value > p.Calls.High {
					above++
				}
			})
		}
		var out Output
		drive(e, merge(m.events(random(1), fleetStart, end)), nil, &out)
		if err := e.Snapshot(&states[i]); err != nil {
			t.Fatal(err)
		}
		alerts[i], _ = json.Marshal(out.Alerts)
	}
	if !bytes.Equal(states[0].Bytes(), states[1].Bytes()) || !bytes.Equal(alerts[0], alerts[1]) {
		t.Error("state or alerts differ when somebody looks on")
	}
	if panes < 100 || known < 50 || above*100 > known {
		t.Errorf("%d panes, %d with a band, %d above it", panes, known, above)
	}
}

func TestAProfileCanBeRead(t *testing.T) {
	e, m, end := settled(t, 9)
	v, ok := e.Profile(m.id)
	if !ok || v.Identity != m.id || v.Calls < 100 || v.ActiveDays < 9 || !v.Mature || v.MemoryBytes < profileBytes {
		t.Fatalf("profile %+v", v)
	}
	if v.FirstSeen.Before(fleetStart) || v.LastSeen.After(end) || v.Levels[0].Name != "calls" || v.Levels[0].High <= v.Levels[0].Level {
		t.Errorf("times %v to %v, level %+v", v.FirstSeen, v.LastSeen, v.Levels[0])
	}
	found, named := false, false
	for _, s := range v.Sets {
		for _, x := range s.Values {
			if x.LastSeen.After(end) || x.LastSeen.Before(fleetStart.AddDate(0, 0, -1)) || x.Days < 1 || x.State == "" {
				t.Errorf("%s: %+v", s.Dimension, x)
			}
			if s.Dimension == "capability" && (x.Name == "" || x.Fingerprint != FingerprintOf("capability", x.Name)) {
				t.Errorf("a capability without its name: %+v", x)
			}
			named = named || s.Dimension == "capability" && x.Name != ""
			found = found || s.Dimension == "operation" && x.Fingerprint == FingerprintOf("operation", m.ops[0])
		}
	}
	if !found {
		t.Errorf("operation %q is not found by its fingerprint", m.ops[0])
	}
	if !named {
		t.Error("no capability has a name")
	}
	if _, ok := e.Profile("nobody"); ok {
		t.Error("nobody has a profile")
	}
	n := 0
	if err := e.Profiles(func(*ProfileView) error { n++; return nil }); err != nil || n != 1 {
		t.Errorf("%d profiles, %v", n, err)
	}
	if FingerprintOf("colour", "red") != 0 {
		t.Error("there is no such dimension")
	}
}
