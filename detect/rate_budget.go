package detect

import (
	"strconv"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

var rateBudgetCard = Meta{
	Name: "rate-budget", Title: "A declared rate budget is exceeded", Basis: Declared, Family: FamilyDeclared, Way: WayDeclared,
	Severity: schemas.SeverityMedium, Wake: OnRateBudget,
	MinSample: "none", Floor: "the declared burst, used up",
	Kept:    "one time, 8 bytes",
	Model:   "the generic cell rate algorithm (ITU-T I.371), which is a token bucket in integers",
	Attacks: []schemas.Technique{{UID: "T1499", Name: "Endpoint Denial of Service"}},
	NHI:     []string{"NHI5:2025"}, API: []string{"API4:2023"}, NIST: nistNetwork, PCI: []string{"10.4.1.1"},
	FirstChecks: []string{
		"Ask the owner: a retry loop, a batch, a launch? An exception with an end covers a batch.",
		"Look at what is called so often, and whether it succeeds.",
		"Throttle the identity at the gateway if others suffer.",
	},
}

// rateBudget finds an identity that calls more often than the inventory allows
// it: a token bucket on event time. Late and back-filled calls are left out:
// they say nothing about how fast they came.
type rateBudget struct{ arrivalOnly }

// Meta implements Detector.
func (rateBudget) Meta() *Meta { return &rateBudgetCard }

// Observe implements Detector.
func (rateBudget) Observe(_ *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	d := ev.GetDeclared()
	if call.Late || call.Backfill || ev.Anonymous {
		return
	}
	due, ok := takeToken(p.budget, call.Time, d.GetRatePerMinute(), d.GetRateBurst())
	p.budget = due
	call.budget = budgetDeclared
	if ok {
		return
	}
	call.budget |= budgetExceeded
	rate := strconv.FormatFloat(d.GetRatePerMinute(), 'f', -1, 64) + " a minute"
	burst := thousands(int(burstOf(d.GetRatePerMinute(), d.GetRateBurst())))
	out.Add(Finding{
		Value: rate, Did: "exceeded its rate budget",
		Sentence: who(ev) + " called " + ev.Operation + origin(ev) + " more often than its budget allows: " + rate + ", " + burst +
			" at once. The burst was used up at " + time.Unix(0, ev.Time).UTC().Format("15:04:05") + " UTC.",
		Observed: "more than " + rate, Expected: "at most " + rate + ", " + burst + " at once",
	})
}

// burstOf is the declared burst, or a minute's worth of calls.
func burstOf(perMinute float64, burst uint32) int64 {
	if burst > 0 {
		return int64(burst)
	}
	return max(1, int64(perMinute))
}

// maxBudgetNanos bounds what a budget may reach ahead, so that no sum of times
// overflows: 10 years.
const maxBudgetNanos = int64(10 * 365 * 24 * time.Hour)

// takeToken takes one token of a bucket that refills perMinute tokens a minute
// and holds at most burst. due is the bucket: the time at which it is full
// again, Unix nanoseconds. It returns the bucket after the call and whether
// there was a token. No rate, or one that is no number, allows everything.
func takeToken(due, at int64, perMinute float64, burst uint32) (after int64, ok bool) {
	if !(perMinute > 0) || perMinute > 1e9 {
		return due, true
	}
	every := int64(float64(time.Minute) / perMinute)
	size := burstOf(perMinute, burst)
	var hold int64
	if every > 0 && size > maxBudgetNanos/every {
		hold = maxBudgetNanos
	} else {
		hold = every * size
	}
	every = min(every, hold)
	if due < at {
		due = at
	}
	// A clock that fell back by more than the bucket holds starts it anew.
	if due-at > hold {
		due = at + hold
	}
	if due-at > hold-every {
		return due, false
	}
	return due + every, true
}
