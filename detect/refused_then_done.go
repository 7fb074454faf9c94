package detect

import (
	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var refusedThenDoneCard = Meta{
	Name: "refused-then-done", Title: "What was refused is done", Basis: Learned, Family: FamilyOperation, Way: WayConsequence,
	Severity: schemas.SeverityMedium, Wake: OnDenied | OnNew(Operation),
	MinSample: "learned (7 active days, or 200 calls below 1% novelty); alone: " + matureSample,
	Floor:     "alone: a call that changes something, after three different calls were refused that day",
	Kept:      "one slot of 8 bytes for each operation that was refused before it was ever made, 6 at most",
	Model:     "an operation whose first sighting was a refusal, accepted within a day",
	Attacks:   []schemas.Technique{{UID: "T1548.005", Name: "Temporary Elevated Cloud Access"}},
	NHI:       []string{"NHI5:2025"}, API: []string{"API5:2023"}, NIST: nistActivity, PCI: []string{"7.2.5", "10.2.1.4", "10.4.1.1"},
	FirstChecks: []string{
		"Find the change of policy, role or token between the refusal and the success, and who made it.",
		"Ask the owner whether a missing grant was mended: then the refusals are of that one call.",
		"If the caller widened its own rights: take them back first, then read what it did with them.",
	},
}

// refusedThenDone finds an operation that the identity first tried in vain, and
// that succeeds within a day. A missing grant that somebody mends looks the same:
// it speaks alone only where several different calls were refused first and what
// then succeeds changes something. Grave calls have detectors of their own.
type refusedThenDone struct{ arrivalOnly }

// Meta implements Detector.
func (refusedThenDone) Meta() *Meta { return &refusedThenDoneCard }

// What a call weighs that reads, and one that changes something.
const (
	doneReads   = 1.5
	doneChanges = 2.5
)

// Observe implements Detector.
func (refusedThenDone) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	if call.Can.Set.Any(capability.Grave) || provider(ev) || ev.Operation == "" || call.Backfill {
		return
	}
	if call.Denied {
		if call.New(Operation) && p.Learned(Operation) {
			call.See(p, Refusal, ev.Operation)
		}
		return
	}
	if !call.Success || call.Sight(Operation).State != Quarantined {
		return
	}
	refused := call.e.look(p, Refusal, hashValue(Refusal, ev.Operation), call.Day)
	if refused.State == Unseen || int(call.Day)-int(refused.Day) > 1 {
		return
	}
	if have, _ := others(c, p, call, Operation); have >= readByPeers {
		return // its like make this call: a release whose grants came late
	}
	changes := call.Can.Set.Any(capability.Writes | capability.Deletes | capability.Administers)
	f := Finding{
		Way: WayFused, Severity: schemas.SeverityLow, Surprise: doneReads, Value: ev.Operation, Capability: call.Can.Set.Verb(),
		Did: "made a call that was refused before",
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + " with success. It had never made this call, and was refused it on " +
			date(int64(refused.Day)*day) + ".",
		Observed: ev.Operation + ", accepted", Expected: "that it stays refused, or that a change explains it",
		Rarity: "not seen in " + historyOf(p, call.Time) + " before the refusal",
	}
	if changes {
		f.Surprise = doneChanges
	}
	if changes && p.TallyToday(TallyRefused, call.Day) >= refusedFloor && mature(p, call) && !p.Human() {
		f.Way, f.Severity = WayConsequence, schemas.SeverityMedium
		f.Sentence += " " + plural(p.TallyToday(TallyRefused, call.Day), "different call") + " that it never made were refused today."
	}
	out.Add(f)
}
