package detect

import "github.com/lapwing-sec/lapwing/schemas"

var offScheduleCard = Meta{
	Name: "off-schedule", Title: "Call outside the declared schedule", Basis: Declared, Family: FamilyDeclared, Way: WayDeclared,
	Severity: schemas.SeverityMedium, Wake: OnViolation,
	MinSample: "none", Floor: "one call",
	Kept:    "nothing of its own",
	Model:   "the inventory's closed policy, evaluated at the time of the event",
	Attacks: []schemas.Technique{{UID: "T1078.004", Name: "Cloud Accounts"}},
	NHI:     []string{"NHI10:2025"}, API: []string{"API2:2023"}, NIST: nistActivity, PCI: pciAccounts,
	FirstChecks: []string{
		"Ask the owner whether the job was started by hand or delayed.",
		"Compare what it did with its usual run: the same calls, the same source?",
	},
}

// offSchedule finds a call outside the windows that the inventory declares.
type offSchedule struct{ arrivalOnly }

// Meta implements Detector.
func (offSchedule) Meta() *Meta { return &offScheduleCard }

// Observe implements Detector.
func (offSchedule) Observe(_ *Cell, _ *Profile, call *Call, out *Findings) {
	ev := call.Event
	violations(ev, offScheduleCard.Name, func(v *schemas.Violation) {
		out.Add(policyFinding(call, v, "outside "+v.GetExpected(), "called outside its schedule", "it is "+v.GetObserved()+", and its declared schedule is "+v.GetExpected()))
	})
}
