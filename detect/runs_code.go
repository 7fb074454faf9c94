package detect

import (
	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var runsCodeCard = Meta{
	Name: "runs-code", Title: "Runs code elsewhere for the first time", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityHigh, Wake: OnCapability,
	MinSample: matureSample, Floor: "one call",
	Kept:    "one slot for the class and one for each operation",
	Model:   "first use of a class; edges by operation",
	Attacks: []schemas.Technique{{UID: "T1651", Name: "Cloud Administration Command"}},
	NHI:     []string{"NHI5:2025"}, API: []string{"API5:2023"}, NIST: nistActivity, PCI: pciAccess,
	FirstChecks: consequenceChecks(
		"Read what was run, and on which machines or functions.",
		"Isolate those machines if the command is not one of yours."),
}

// runsCode finds the first remote command, session, pushed key or overwritten
// code of an identity, and a new way of running code by one that does.
type runsCode struct{ arrivalOnly }

// Meta implements Detector.
func (runsCode) Meta() *Meta { return &runsCodeCard }

// Observe implements Detector.
func (runsCode) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	u, ok := judgeClass(c, p, call, capability.RunsCode)
	if !ok {
		return
	}
	ev := call.Event
	out.Add(u.finding(p, call, ev.Operation, tried(call, "ran code elsewhere", "run code elsewhere")+first(u),
		tried(call, "called", "call")+" "+ev.Operation+touched(ev)))
}
