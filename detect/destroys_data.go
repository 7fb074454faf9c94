package detect

import (
	"strings"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var destroysDataCard = Meta{
	Name: "destroys-data", Title: "Destroys data, backups or keys", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityHigh, Wake: OnCapability | OnDeletes,
	MinSample: matureSample + "; volume: 8 active days, 3 for five times as much; its level: 7 days on which it destroyed",
	Floor:     "one first use; volume: more than 20 destroyed (100 deleted) in a day and 5 times the own maximum; of what was destroyed, more than 20, twice the own maximum and beyond its own p99.9, as the fleet's other wonders allow",
	Kept:      "one slot for the class, two counts by day for what was destroyed and for plain deletions; of those that destroy a level of 10 bytes",
	Model:     "first use of a class; counts against their own maximum, and by Student's t on the logarithm of the days with any",
	Attacks:   []schemas.Technique{{UID: "T1485", Name: "Data Destruction"}},
	NHI:       []string{"NHI5:2025"}, API: []string{"API6:2023"}, NIST: nistActivity, PCI: []string{"7.2.5", "10.2.1.7", "10.4.1.1"},
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
	// destroysDays is a whole week and a day: a weekly clean-up has shown itself. In
	// fewer days it takes destroysFactor times as much.
	destroysDays = 8
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
			out.Add(u.finding(p, call, ev.Operation, tried(call, "destroyed data", "destroy data")+first(u)+": "+deedOf(ev),
				tried(call, "called", "call")+" "+ev.Operation+touched(ev)+underOwnKey(ev)))
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
	if p.ActiveDays() < destroysDays {
		bound = max(bound, destroysFactor*floor)
	}
	if today <= bound || p.ActiveDays() < 3 {
		if grave {
			beyondItsDays(c, p, call, today, most, out)
		}
		return
	}
	severity := schemas.SeverityHigh
	if !grave {
		severity = schemas.SeverityMedium
	}
	did, verb := "destroyed far more than ever", "deleted"
	if !grave {
		did = "deleted far more than ever"
	}
	if noun == "deletion" {
		verb = "made"
	}
	out.Add(Finding{
		Severity: severity, Value: "volume of " + noun + "s", Capability: capability.DestroysData, Did: did,
		Sentence: who(ev) + " " + verb + " " + plural(today, noun) + " today, the last with " + ev.Operation + touched(ev) + origin(ev) +
			". On its busiest day of " + historyOf(p, call.Time) + " there were " + thousands(most) + ".",
		Observed: plural(today, noun) + " in a day", Expected: "at most " + thousands(bound),
		Rarity: "its most in " + historyOf(p, call.Time) + " was " + thousands(most),
	})
}

// underOwnKey says of an object of S3 that was written that only the caller can read it
// (server-side encryption with a customer's key): that is how one is held to ransom.
func underOwnKey(ev *schemas.Event) string {
	for name := range ev.Attributes {
		if strings.HasSuffix(strings.ToLower(name), ".x-amz-server-side-encryption-customer-algorithm") {
			return " under a key that only the caller has"
		}
	}
	return ""
}

// beyondItsDays compares a day that is no fivefold of the busiest with the
// identity's own level of destruction.
func beyondItsDays(c *Cell, p *Profile, call *Call, today, most int, out *Findings) {
	a := c.e.asides[p.self]
	if a == nil {
		return
	}
	surprise, usual, wonder := a.destroyed.farAbove(today, most, destroysFloor)
	if !wonder {
		return
	}
	ev := call.Event
	days := plural(int(a.destroyed.n), "such day")
	out.Add(Finding{
		Way: WayStrong, Severity: schemas.SeverityMedium, Surprise: surprise, Value: "level", Capability: capability.DestroysData, Did: "destroyed far more than on any day",
		Sentence: who(ev) + " destroyed " + plural(today, "thing") + " today, the last with " + ev.Operation + touched(ev) + origin(ev) +
			". It destroys about " + number(usual) + " on a day with any, by " + days + ", and " + thousands(most) + " on its busiest.",
		Observed: plural(today, "thing") + " in a day", Expected: "about " + number(usual) + ", at most " + thousands(most),
		Rarity: "less than one in a thousand of its days, by " + days + " of its own",
	})
}

// undoesItsOwn says that a deletion's counterpart, the call that makes such
// things, is in the identity's baseline: "ec2:DeleteSnapshot" follows
// "ec2:CreateSnapshot", "compute:v1.compute.disks.delete" follows "….insert",
// "k8s:delete jobs" follows "k8s:create jobs", "DELETE /v1/carts/{id}" follows
// "POST /v1/carts".
func undoesItsOwn(p *Profile, call *Call) bool {
	return anyMaker(call.Event.Operation, func(operation string) bool { return knows(p, call, operation) })
}

// anyMaker asks whether any counterpart of an operation is known.
func anyMaker(op string, known func(operation string) bool) bool {
	if path, ok := strings.CutPrefix(op, "DELETE "); ok {
		parent := path
		if i := strings.LastIndexByte(path, '/'); i > 0 {
			parent = path[:i]
		}
		return known("POST "+parent) || known("PUT "+path)
	}
	start := strings.LastIndexAny(op, ":.") + 1
	for _, pair := range counterparts {
		if noun, ok := strings.CutPrefix(op[start:], pair.undo); ok && start > 0 && known(op[:start]+pair.make+noun) {
			return true
		}
	}
	for _, pair := range spokenCounterparts {
		if i := lastWord(op, pair.undo); i >= 0 && known(op[:i]+pair.make+op[i+len(pair.undo):]) {
			return true
		}
	}
	return false
}

// counterparts are the verbs that undo each other where a name begins with one.
var counterparts = [...]struct{ undo, make string }{
	{"Delete", "Create"}, {"Terminate", "Run"}, {"Deregister", "Register"}, {"Deregister", "Create"},
	{"Remove", "Add"}, {"Delete", "Put"}, {"BatchDelete", "Put"}, {"Remove", "New"}, {"Delete", "Add"}, {"DELETE", "CREATE"},
}

// spokenCounterparts are those where a verb is a word in small letters.
var spokenCounterparts = [...]struct{ undo, make string }{
	{"delete", "create"}, {"delete", "insert"}, {"delete", "write"}, {"deleted", "created"}, {"destroy", "create"}, {"destroyed", "created"},
	{"remove", "add"}, {"removed", "added"}, {"deletecollection", "create"},
}

// lastWord is where a word in small letters last stands alone in s, or -1.
func lastWord(s, word string) int {
	for end := len(s); ; {
		i := strings.LastIndex(s[:end], word)
		if i < 0 {
			return -1
		}
		after := i + len(word)
		if (i == 0 || !isLetter(s[i-1])) && (after == len(s) || !isLetter(s[after])) {
			return i
		}
		end = after - 1
	}
}

func isLetter(b byte) bool { return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' }

// knows says that an operation is in the identity's baseline, without having
// the engine learn it.
func knows(p *Profile, call *Call, operation string) bool {
	plain := hashValue(Operation, operation)
	known := call.e.look(p, Operation, plain, call.Day).State == Known
	for rest := capability.Grave; rest != 0 && !known; rest &= rest - 1 { // with a parameter that makes it grave
		known = call.e.look(p, Operation, toldHash(plain, rest), call.Day).State == Known
	}
	return known
}
