package detect

import (
	"math"
	"strings"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var newCapabilityCard = Meta{
	Name: "new-capability", Title: "First use of a kind of action", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityMedium, Wake: OnNew(CapabilityBit),
	MinSample: matureSample, Floor: "one call that was not refused, or one refused call of an export, or of a deletion by who only ever read; a look at administration, descriptions or metrics: one answered call that nobody of the fleet makes",
	Kept:    "one slot of 8 bytes for each class used",
	Model:   "a class outside the baseline of an identity with enough history; its peers stand in while it is young",
	Attacks: []schemas.Technique{{UID: "T1548.005", Name: "Temporary Elevated Cloud Access"}},
	NHI:     []string{"NHI5:2025"}, API: []string{"API5:2023"}, NIST: nistActivity, PCI: pciAccess,
	FirstChecks: consequenceChecks(
		"Compare what this identity is granted with what it ever used: should it be able to do this at all?"),
}

// newCapability finds an identity that only read and now writes, deletes or
// administers, and one that exports data for the first time; a person only by an
// export of high severity. The other grave
// classes have detectors of their own.
type newCapability struct{ arrivalOnly }

// Meta implements Detector.
func (newCapability) Meta() *Meta { return &newCapabilityCard }

// Observe implements Detector.
func (newCapability) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	if call.Can.Set.Any(namedElsewhere) {
		return
	}
	if call.NewCapabilities.Has(capability.InvokesModel) || call.Can.Severity(capability.InvokesModel) >= schemas.SeverityHigh {
		return // spawns-compute names it
	}
	if call.Can.Set.Has(capability.ExportsData) {
		if u, ok := judgeClass(c, p, call, capability.ExportsData); ok {
			out.Add(u.finding(p, call, "exports-data:"+call.Event.Operation, tried(call, "exported data", "export data")+" for the first time: "+shortOperation(call.Event.Operation),
				tried(call, "asked for an export", "export data")+" with "+call.Event.Operation+touched(call.Event)))
		}
		return
	}
	if p.Human() { // people do many things once
		return
	}
	if call.NewCapabilities.Has(capability.LooksInside) && looksInside(c, p, call, out) {
		return
	}
	if !call.Success { // an ordinary verb refused is denied-probing's to count
		readerDeletes(c, p, call, out)
		return
	}
	verb := call.NewCapabilities & (capability.Writes | capability.Deletes | capability.Administers)
	if verb == 0 || call.Can.Severity(verb) < schemas.SeverityLow || !mature(p, call) || provider(call.Event) {
		return
	}
	// What is no news in itself is left to new-operation, whose evidence the
	// same call is.
	sameCall, _ := others(c, p, call, Operation)
	switch {
	case verb&^capability.Administers != 0 && changes(p, call):
		return // it is no reader: another verb on ordinary things is a release
	case sameCall >= 2 || c.e.takenUp(p, call):
		return // several peers make the same call, or others took it up today: the fleet's business
	case undoesItsOwn(p, call) || rotates(call.Event):
		return
	}
	u := firstUse{class: verb, newClass: true, mature: true, way: WayConsequence, severity: schemas.SeverityMedium}
	u.have, u.of = peersCan(c, p, verb)
	u.surprise, _ = c.Novelty(p, call, Operation)
	out.Add(u.finding(p, call, verb.String(), readerDid(call.Event, verb)+": "+shortOperation(call.Event.Operation), "called "+call.Event.Operation+touched(call.Event)))
}

// looksInside judges an answered call of what lies behind an API: its administration,
// its description, its metrics. Programs are written against a few routes; who reads
// these for the first time, where nobody of the fleet does, looks for more.
func looksInside(c *Cell, p *Profile, call *Call, out *Findings) bool {
	if !call.Success || call.Backfill || !mature(p, call) || provider(call.Event) || !call.New(Operation) && !introspects(call) ||
		!fleetKnown(c, call) || call.New(Operation) && c.fleetUses(call, Operation) > 0 {
		return false
	}
	if have, _, _ := fleetCan(c, capability.LooksInside); introspects(call) && have > 0 {
		return false
	}
	// An identity that calls something new all the time is a person's tool, or a
	// gateway's own.
	if own := -math.Log10(p.NoveltyRate(Operation, noveltyPrior(Operation))); own < leastSettled {
		return false
	}
	u := firstUse{class: capability.LooksInside, newClass: true, mature: true, way: WayConsequence, severity: call.Can.Severity(capability.LooksInside)}
	u.have, u.of = peersCan(c, p, capability.LooksInside)
	u.alike = u.have
	u.surprise, _ = c.Novelty(p, call, Operation)
	did, what := "looked behind the API for the first time", "called "+call.Event.Operation
	if introspects(call) {
		did, what = "asked GraphQL for its whole schema", "asked for the schema with "+call.Event.Operation
	}
	out.Add(u.finding(p, call, "looks-inside", did, what+touched(call.Event)))
	return true
}

// leastSettled is how rarely an identity makes a call that it never made, as -log10.
const leastSettled = 1.5

// introspects says that a call asks for GraphQL's schema, by its parameters.
func introspects(call *Call) bool {
	return strings.Contains(call.Event.Operation, "graphql") && call.Can.Set.Has(capability.LooksInside)
}

// readerDeletes judges a refused deletion by who only ever read: a program that reads
// does not try to delete by chance. Other verbs that are refused are denied-probing's
// to count.
func readerDeletes(c *Cell, p *Profile, call *Call, out *Findings) {
	if !call.Denied || call.Backfill || !call.NewCapabilities.Has(capability.Deletes) || !mature(p, call) || provider(call.Event) || changes(p, call) {
		return
	}
	if sameCall, _ := others(c, p, call, Operation); sameCall > 0 || c.e.takenUp(p, call) {
		return
	}
	u := firstUse{class: capability.Deletes, newClass: true, mature: true, way: WayConsequence, severity: schemas.SeverityMedium}
	u.have, u.of = peersCan(c, p, capability.Deletes)
	u.surprise, _ = c.Novelty(p, call, Operation)
	out.Add(u.finding(p, call, capability.Deletes.String(), tried(call, "deleted", "delete")+" for the first time", tried(call, "called", "call")+" "+call.Event.Operation+touched(call.Event)))
}

// namedElsewhere are the classes that a more specific detector names.
const namedElsewhere = capability.Grave &^ capability.ExportsData

// changes says that the identity's baseline holds a call that changes something.
func changes(p *Profile, call *Call) bool {
	for rest := capability.Writes | capability.Deletes | capability.Administers; rest != 0; rest &= rest - 1 {
		if call.e.look(p, CapabilityBit, capabilityHash(rest.First()), call.Day).State == Known {
			return true
		}
	}
	return false
}

func readerDid(ev *schemas.Event, verb capability.Set) string {
	switch first := verb.First(); {
	case first == capability.Writes:
		return "wrote for the first time"
	case first == capability.Deletes:
		return "deleted for the first time"
	case ev.HttpMethod == "GET" || ev.HttpMethod == "HEAD": // the words of a path make it administrative
		return "looked into debugging or administration for the first time"
	default:
		return "changed settings for the first time"
	}
}
