package detect

import (
	"strings"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var destroysDataCard = Meta{
	Name: "destroys-data", Title: "Destroys data, backups or keys", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityHigh, Wake: OnCapability | OnDeletes,
	MinSample: matureSample + "; volume: 3 active days", Floor: "one first use; volume: more than 20 destroyed (100 deleted) in a day and 5 times the own maximum",
	Kept:    "one slot for the class, two counts by day for what was destroyed and for plain deletions",
	Model:   "first use of a class; counts against their own maximum",
	Attacks: []schemas.Technique{{UID: "T1485", Name: "Data Destruction"}},
	NHI:     []string{"NHI5:2025"}, API: []string{"API6:2023"}, NIST: nistActivity, PCI: []string{"7.2.5", "10.2.1.7", "10.4.1.1"},
	FirstChecks: consequenceChecks(
		"Stop it first: disable the credential, then cancel pending deletions (keys and secrets can be kept for days).",
		"Check that backups in another account still exist."),
}

// destroysData finds the first destruction by an identity, and far more of it
// in a day than ever. Deleting what the identity makes itself (a backup job that
// deletes old snapshots) is evidence only.
type destroysData struct{ arrivalOnly }

const (
	destroysFloor  = 20
	deletesFloor   = 100
	destroysFactor = 5
)

// Meta implements Detector.
func (destroysData) Meta() *Meta { return &destroysDataCard }

// Observe implements Detector.
func (destroysData) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	grave := call.Can.Set.Has(capability.DestroysData)
	if !grave && !call.Can.Set.Has(capability.Deletes) || provider(call.Event) {
		return
	}
	ev := call.Event
	if grave {
		if u, ok := judgeClass(c, p, call, capability.DestroysData); ok {
			if undoesItsOwn(p, call) {
				u.way = WayFused
			}
			out.Add(u.finding(p, call, ev.Operation, tried(call, "destroyed data", "destroy data")+first(u),
				tried(call, "called", "call")+" "+ev.Operation+touched(ev)))
		}
	}
	if call.Denied || call.Failed || call.Backfill {
		return
	}
	tally, floor, noun := TallyDestroys, destroysFloor, "thing"
	if !grave {
		tally, floor, noun = TallyOther, deletesFloor, "deletion"
	}
	n := max(1, len(ev.Resources))
	call.Tally(tally, uint16(min(n, 1000))) //nolint:gosec // at most 1,000
	today := p.TallyToday(tally, call.Day) + n
	most := p.TallyMax(tally, call.Day)
	bound := max(floor, destroysFactor*most)
	if today <= bound || p.ActiveDays() < 3 {
		return
	}
	severity := schemas.SeverityHigh
	if !grave {
		severity = schemas.SeverityMedium
	}
	did := "destroyed far more than ever"
	if !grave {
		did = "deleted far more than ever"
	}
	out.Add(Finding{
		Severity: severity, Value: "volume of " + noun + "s", Capability: capability.DestroysData, Did: did,
		Sentence: who(ev) + " deleted " + plural(today, noun) + " today, the last with " + ev.Operation + touched(ev) + origin(ev) +
			". On its busiest day of " + historyOf(p, call.Time) + " it was " + thousands(most) + ".",
		Observed: plural(today, noun) + " in a day", Expected: "at most " + thousands(bound),
		Rarity: "its most in " + historyOf(p, call.Time) + " was " + thousands(most),
	})
}

// undoesItsOwn says that a deletion's counterpart, the call that makes such
// things, is in the identity's baseline: "ec2:DeleteSnapshot" follows
// "ec2:CreateSnapshot", "DELETE /v1/carts/{id}" follows "POST /v1/carts".
func undoesItsOwn(p *Profile, call *Call) bool {
	op := call.Event.Operation
	if path, ok := strings.CutPrefix(op, "DELETE "); ok {
		parent := path
		if i := strings.LastIndexByte(path, '/'); i > 0 {
			parent = path[:i]
		}
		return knows(p, call, "POST "+parent) || knows(p, call, "PUT "+path)
	}
	service, action, ok := strings.Cut(op, ":")
	if !ok {
		return false
	}
	for _, pair := range counterparts {
		if noun, ok := strings.CutPrefix(action, pair.undo); ok && knows(p, call, service+":"+pair.make+noun) {
			return true
		}
	}
	return false
}

// counterparts are the verbs of a cloud that undo each other.
var counterparts = [...]struct{ undo, make string }{
	{"Delete", "Create"}, {"Terminate", "Run"}, {"Deregister", "Register"}, {"Deregister", "Create"},
	{"Remove", "Add"}, {"Delete", "Put"}, {"BatchDelete", "Put"},
}

// knows says that an operation is in the identity's baseline, without having
// the engine learn it.
func knows(p *Profile, call *Call, operation string) bool {
	return call.e.look(p, Operation, hashValue(Operation, operation), call.Day).State == Known
}
