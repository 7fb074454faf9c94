package detect

import (
	"testing"
	"unsafe"
)

// What each detector keeps in a profile, beside its slots. Whoever keeps more
// states it here, so that the sum is seen before a million identities show it.
func TestBytesByDetector(t *testing.T) {
	var p Profile
	var s statistics
	size := func(parts ...uintptr) (n int) {
		for _, x := range parts {
			n += int(x)
		}
		return n
	}
	level := unsafe.Sizeof(s.rate)
	float := unsafe.Sizeof(s.sum)
	rows := []struct {
		name  string
		bytes int
	}{
		{"novelty of every dimension", size(unsafe.Sizeof(p.observed), unsafe.Sizeof(p.fresh), unsafe.Sizeof(p.singles))},
		{"call-rate", size(3*level, 2*float, 6*float, unsafe.Sizeof(s.seasonRatio), unsafe.Sizeof(s.seasonCount))},
		{"egress-volume", size(2*level, 4*float)},
		{"enumeration", size(level, 2*float)},
		{"object-enumeration", size(level, 2*float)},
		{"denied-probing", size(2*level, 5*float)},
		{"auth-failures", size(level, 2*float)},
		{"agent-spend", size(level, 2*float, unsafe.Sizeof(p.spent))},
		{"shared-credential", size(level, 2*float)},
		{"token-churn", size(level, 2*float)},
		{"peer-deviation", size(level, unsafe.Sizeof(s.held), unsafe.Sizeof(s.spots), unsafe.Sizeof(s.noted), unsafe.Sizeof(s.notedDay))},
		{"error-mix", size(unsafe.Sizeof(s.codes))},
		{"response-shape", size(unsafe.Sizeof(p.shapes), unsafe.Sizeof(p.shapeDay))},
		{"active-hours", size(unsafe.Sizeof(s.hours), unsafe.Sizeof(s.weekdays), unsafe.Sizeof(s.lastRun))},
		{"slow-drift", size(4*float, unsafe.Sizeof(s.trends))},
		{"silence", size(float, unsafe.Sizeof(s.lastCall))},
		{"dormant", size(unsafe.Sizeof(p.gaps))},
		{"impossible-travel", size(unsafe.Sizeof(p.place))},
		{"rate-budget", size(unsafe.Sizeof(p.budget))},
		{"superseded-key", size(unsafe.Sizeof(p.keys))},
		{"delegation", size(unsafe.Sizeof(p.depth))},
		{"counts by day (secrets, destroys, refusals, machines, regions)", size(unsafe.Sizeof(p.tallyDay), unsafe.Sizeof(p.tallyNow), unsafe.Sizeof(p.tallyBest))},
		{"fused way", size(unsafe.Sizeof(s.near), unsafe.Sizeof(s.far), unsafe.Sizeof(s.habit))},
		{"topics", size(unsafe.Sizeof(p.topics), unsafe.Sizeof(p.founded), unsafe.Sizeof(p.below))},
	}
	sum := 0
	for _, r := range rows {
		sum += r.bytes
		t.Logf("%4d  %s", r.bytes, r.name)
	}
	t.Logf("%4d  of %d fixed bytes", sum, profileBytes)
	if rest := profileBytes - sum; rest < 0 || rest > 160 {
		t.Errorf("%d bytes belong to nobody in this table: who keeps them?", rest)
	}

	if unsafe.Sizeof(slot{}) != 8 {
		t.Error("a slot is not 8 bytes")
	}
	if most := profileBytes + 8*slotClasses[len(slotClasses)-1]; most > 8192 {
		t.Errorf("a profile can take %d bytes", most)
	}
	_, all := fleet(31, 40, 8)
	e := newEngine(t)
	drive(e, all, nil, &Output{})
	st := e.Stats()
	mean := st.ProfileBytes / st.Identities
	t.Logf("mean with slots, over %d identities: %d bytes", st.Identities, mean)
	if mean > 1536 {
		t.Errorf("a profile takes %d bytes in the mean, above 1,536", mean)
	}
}
