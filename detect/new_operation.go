package detect

import (
	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var newOperationCard = Meta{
	Name: "new-operation", Title: "Call never made before", Basis: Learned, Family: FamilyOperation, Way: WayFused,
	Severity: schemas.SeverityLow, Wake: OnNew(Operation),
	MinSample: "learned (7 active days, or 200 calls below 1% novelty)", Floor: "one call; a read never pages alone",
	Kept:    "one slot of 8 bytes an operation, 40 at most",
	Model:   "Good-Turing novelty rate of the identity, drawn towards its peers",
	Attacks: []schemas.Technique{{UID: "T1059.009", Name: "Cloud API"}},
	NHI:     []string{"NHI5:2025"}, API: []string{"API5:2023"}, NIST: nistActivity, PCI: pciAccess,
	FirstChecks: []string{
		"Ask whether a release of this identity's owner went out today.",
		"See what else is new about it in the same hours: place, client, refusals.",
		"Compare the operation with what the identity is granted.",
	},
}

// newOperation finds an operation that the identity never called, weighed by
// what it can do. It is evidence only: a release brings new operations too. A
// read that several peers make is not even that, unless the same call comes from
// a new place or client.
// Grave ones have detectors of their own.
type newOperation struct{ arrivalOnly }

// Meta implements Detector.
func (newOperation) Meta() *Meta { return &newOperationCard }

// weights of a new operation's surprise by what it can do: what only reads is
// what releases bring most.
const (
	weightReads   = 0.6
	weightWrites  = 0.9
	weightDeletes = 1.1
	weightAsks    = 1.0 // who am I, what may I do
	weightFailed  = 0.7 // a mistake, a missing thing
)

// refusedFloor is how many new operations may be refused in a day before that
// means anything.
const refusedFloor = 3

// readByPeers is how many peers make a read ordinary.
const readByPeers = 3

// strange says that the same call shows something else that is new: a place or
// a client.
func strange(call *Call) bool {
	return call.New(Country) || call.New(ASN) || call.New(Prefix) || call.New(Client)
}

// Observe implements Detector.
func (newOperation) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	if toolOfAgent(p, call.Event) {
		return // agent-drift's
	}
	s, rarity := operationSurprise(c, p, call)
	if s == 0 {
		return
	}
	have, of := others(c, p, call, Operation)
	ev := call.Event
	out.Add(Finding{
		Way: WayFused, Severity: schemas.SeverityLow, Surprise: s, Value: ev.Operation,
		Did:      "called " + ev.Operation + " for the first time",
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + ended(call) + "; it was " + rarity + inPeers(p, have, of, "call it") + ".",
		Observed: ev.Operation, Expected: "the operations seen before", Rarity: rarity,
	})
}

// operationSurprise is how surprising an operation is that the identity never
// called, by what it can do; 0 where it says nothing.
func operationSurprise(c *Cell, p *Profile, call *Call) (s float64, rarity string) {
	if !call.New(Operation) || call.Can.Set.Any(capability.Grave) || provider(call.Event) {
		return 0, ""
	}
	// A few refusals are a missing permission; each further one in a day is
	// evidence of somebody who feels for what is allowed.
	if call.Denied {
		call.Tally(TallyRefused, 1)
		if p.TallyToday(TallyRefused, call.Day) < refusedFloor {
			return 0, ""
		}
	}
	if s, rarity = c.Novelty(p, call, Operation); s == 0 {
		return 0, ""
	}
	switch set := call.Can.Set; {
	case set.Any(capability.Deletes | capability.Administers):
		s = float64(s * weightDeletes)
	case set.Has(capability.Writes):
		s = float64(s * weightWrites)
	case set.Has(capability.ReadsIdentities):
		s = float64(s * weightAsks)
	default:
		if have, _ := others(c, p, call, Operation); have >= readByPeers && !call.Failed && !strange(call) {
			return 0, "" // what its like read every day
		}
		s = float64(s * weightReads)
	}
	if call.Failed {
		s = float64(s * weightFailed)
	}
	return s, rarity
}
