package detect

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/detect/capability"
)

// ProfileView is what is kept of one identity, for people: the profile's own
// numbers in units that can be read. Times have the resolution of what is kept.
type ProfileView struct {
	Identity  string    `json:"identity"`
	Kind      string    `json:"kind,omitempty"`
	Managed   bool      `json:"managed"`
	Anonymous bool      `json:"anonymous,omitempty"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
	Calls     int       `json:"calls"`
	// ActiveDays are days with a call; ActivePanes quarters of an hour with one
	// that were judged.
	ActiveDays  int `json:"active_days"`
	ActivePanes int `json:"active_panes"`
	// Mature says that its own history carries a strong finding.
	Mature bool `json:"mature"`
	// Levels are what it does in one active pane, or in the window named.
	Levels []LevelView `json:"levels"`
	// Weekday and Weekend are the factor of each hour (UTC) on the level of
	// calls, 0 where the hour was never seen.
	Weekday [24]float64 `json:"weekday_hours"`
	Weekend [24]float64 `json:"weekend_hours"`
	// Anchor is the slow level of calls a pane, Drift the sum of what exceeds it.
	Anchor float64 `json:"anchor"`
	Drift  float64 `json:"drift"`
	// GapMedian and GapRare are where the ranges end that the median of the gaps between
	// calls and their 99th percentile lie in. A range ends at twice its begin; one that
	// begins at LongestGap has no end, and twice that stands for it. 0 when too few are known.
	GapMedian time.Duration `json:"gap_median_ns"`
	GapRare   time.Duration `json:"gap_p99_ns"`
	// Sets are the values it is known by, by dimension.
	Sets []SetView `json:"sets"`
	// OpenAlerts are alerts that may still grow.
	OpenAlerts []string `json:"open_alerts,omitempty"`
	// Pinned says that an operator had it stop learning.
	Pinned bool `json:"pinned,omitempty"`
	// MemoryBytes is what the profile takes.
	MemoryBytes int `json:"memory_bytes"`
	// State is the profile as an import takes it, in an export (Engine.ProfileState).
	State []byte `json:"state,omitempty"`
}

// LevelView is a level with the bound that one in a thousand would exceed.
// A load is a sum of calls of which hours leave a third: it compares with itself
// and counts nothing.
type LevelView struct {
	Name  string  `json:"name"`
	Level float64 `json:"level"`
	High  float64 `json:"high"`
	Panes int     `json:"panes"`
}

// SetView is one dimension of a profile.
type SetView struct {
	Dimension string `json:"dimension"`
	// Learned says that a new value is news.
	Learned      bool    `json:"learned"`
	Observations int     `json:"observations"`
	NoveltyRate  float64 `json:"novelty_rate"`
	Values       []Value `json:"values"`
}

// Value is one value that is known; only its fingerprint is kept.
type Value struct {
	Fingerprint uint32 `json:"fingerprint"`
	// Name is the value, where somebody found it by its fingerprint.
	Name string `json:"name,omitempty"`
	// LastSeen is the day of the last sighting, Days on how many it was seen:
	// 1 is exact, more are an estimate, to a factor of two or so.
	LastSeen time.Time `json:"last_seen"`
	Days     int       `json:"days"`
	// State is "known", "quarantined" while it is held apart, or "held" until an
	// analyst's word.
	State string `json:"state"`
}

// States of a value.
const (
	ValueKnown       = "known"
	ValueQuarantined = "quarantined"
	ValueHeld        = "held"
)

// FingerprintOf is what a profile keeps of a value of the dimension with that
// name; 0 when there is no such dimension.
func FingerprintOf(dimension, value string) uint32 {
	for d := range dimensions {
		if d.String() != dimension {
			continue
		}
		switch class, known := capability.Parse(value); {
		case d == CapabilityBit && known:
			return capabilityHash(class)
		case d == OperationDenied:
			return hashNumber(d, uint64(hashValue(Operation, value)))
		}
		return hashValue(d, value)
	}
	return 0
}

// Profile describes what is kept of an identity; ok is false when nothing is.
func (e *Engine) Profile(id string) (view ProfileView, ok bool) {
	p, _ := e.store.find(id)
	if p == nil {
		return view, false
	}
	return e.view(p), true
}

// Identities are the ids that a profile is kept of, sorted.
func (e *Engine) Identities() []string {
	ids := make([]string, 0, e.store.live)
	for _, id := range e.store.ids {
		if id != "" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Profiles hands every profile to fn in the order of ids, until fn fails.
func (e *Engine) Profiles(fn func(v *ProfileView) error) error {
	for _, id := range e.Identities() {
		if v, ok := e.Profile(id); ok {
			if err := fn(&v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *Engine) view(p *Profile) ProfileView {
	s := &p.stats
	v := ProfileView{
		Identity: e.store.ids[p.self], Kind: p.Kind(), Managed: p.Managed(), Anonymous: p.Anonymous(), Pinned: p.pinned(),
		FirstSeen: time.Unix(0, p.first).UTC(), LastSeen: time.Unix(0, p.last).UTC(),
		Calls: p.Calls(), ActiveDays: p.ActiveDays(), ActivePanes: int(s.judged), Mature: p.mature(),
		Anchor: round2(float64(s.anchor)), Drift: round2(float64(s.sum)),
		GapMedian: p.GapQuantile(0.5), GapRare: p.GapQuantile(0.99),
		MemoryBytes: profileBytes + p.slots.bytes(),
	}
	for _, l := range [...]struct {
		name   string
		level  *level
		spread float64
	}{
		{"calls", &s.rate, 0.3},
		{"load of 3 hours", &s.rate3h, 0.3},
		{"load of 24 hours", &s.rate24h, 0.3},
		{"refused calls", &s.denied, 1},
		{"refused operations", &s.breadth, 1},
		{"resources", &s.resources, 0.1},
		{"operations", &s.operations, 0.1},
	} {
		var r Reading
		if l.level.n > 0 {
			r.band(l.level.predictive(1, l.spread))
		}
		v.Levels = append(v.Levels, LevelView{l.name, round2(r.Level), math.Ceil(r.High), int(l.level.n)})
	}
	for b := range s.seasonRatio {
		x := 0.0
		if s.seasonCount[b] > 0 {
			x = round2(float64(s.seasonRatio[b]) / seasonUnit)
		}
		if b < 24 {
			v.Weekday[b] = x
		} else {
			v.Weekend[b-24] = x
		}
	}
	table := e.slots.table(&p.slots)
	for d := range dimensions {
		set := SetView{Dimension: d.String(), Learned: p.Learned(d), Observations: p.Observations(d), NoveltyRate: p.NoveltyRate(d, 0.01)}
		for i := range table {
			if table[i].dim == uint8(d)+1 {
				x := table[i].view()
				x.Days = max(1, min(x.Days, v.ActiveDays)) // a weight is a power of two
				set.Values = append(set.Values, x)
			}
		}
		if d == CapabilityBit { // there are a few, by number: their names need no looking up
			for i := range set.Values {
				set.Values[i].Name = capabilityName(set.Values[i].Fingerprint)
			}
		}
		if len(set.Values) == 0 {
			continue
		}
		slices.SortFunc(set.Values, func(a, b Value) int {
			return cmp.Or(b.LastSeen.Compare(a.LastSeen), cmp.Compare(b.Days, a.Days), cmp.Compare(a.Fingerprint, b.Fingerprint))
		})
		v.Sets = append(v.Sets, set)
	}
	if d := e.dossiers[p.self]; d != nil {
		for _, a := range d.alerts {
			v.OpenAlerts = append(v.OpenAlerts, a.id)
		}
		slices.SortFunc(v.OpenAlerts, strings.Compare)
	}
	return v
}

func capabilityName(hash uint32) string {
	for i := range capability.Count {
		if class := capability.Set(1) << i; capabilityHash(class) == hash {
			return class.String()
		}
	}
	return ""
}

func (s *slot) view() Value {
	v := Value{Fingerprint: s.hash, LastSeen: time.Unix(int64(s.day)*day/1e9, 0).UTC(), Days: 1 << s.weight(), State: ValueKnown}
	switch q := s.quarantine(); {
	case q == quarantineHeld:
		v.State = ValueHeld
	case q != 0:
		v.State = ValueQuarantined
	}
	return v
}

// VerdictView is an analyst's verdict that still holds.
type VerdictView struct {
	AlertID  string
	Identity string
	Verdict  string
	By       string
	Reason   string
	// Time is when it took effect, Until when it lapses.
	Time, Until time.Time
	// About are the detectors and values that it is about; an empty value stands
	// for any.
	About []DetectorValue
}

// DetectorValue is what a finding is about.
type DetectorValue struct{ Detector, Value string }

// Verdicts lists the verdicts that are remembered and not taken back, in the order in which they
// came.
func (e *Engine) Verdicts() []VerdictView {
	out := make([]VerdictView, 0, len(e.verdicts))
	for _, v := range e.verdicts {
		if v.word == verdictUndone {
			continue
		}
		w := VerdictView{
			AlertID: v.alert, Identity: v.identity, Verdict: v.word, By: v.by, Reason: v.reason, Time: time.Unix(0, v.at).UTC(),
			Until: time.Unix((int64(dayOf(v.at))+verdictDays+1)*day/1e9, 0).UTC(),
		}
		for i := range v.bound {
			w.About = append(w.About, DetectorValue{v.bound[i].detector, v.bound[i].value})
		}
		out = append(out, w)
	}
	return out
}
