package detect

import (
	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var spawnsComputeCard = Meta{
	Name: "spawns-compute", Title: "Starts machines for the first time, or far more than ever", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityMedium, Wake: OnSpawns,
	MinSample: matureSample + "; volume: 3 active days",
	Floor:     "one first use; volume: more than 20 machines in a day and 5 times the own maximum",
	Kept:      "one slot for the class, one count by day",
	Model:     "first use of a class; a count against its own maximum",
	Attacks:   []schemas.Technique{{UID: "T1496", Name: "Resource Hijacking"}},
	NHI:       []string{"NHI5:2025"}, API: []string{"API4:2023"}, NIST: nistActivity, PCI: pciAccess,
	FirstChecks: consequenceChecks(
		"Look at size, image and start-up script of what was started: mining wants many large machines.",
		"Stop what nobody can explain; keep one for its disk."),
}

// spawnsCompute finds the first time that an identity starts machines, and far
// more of them in a day than it ever started. The kind of machine is not in
// every log, so that it is not judged.
type spawnsCompute struct{ arrivalOnly }

const (
	spawnsFloor  = 20
	spawnsFactor = 5
)

// Meta implements Detector.
func (spawnsCompute) Meta() *Meta { return &spawnsComputeCard }

// Observe implements Detector.
func (spawnsCompute) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	if provider(ev) {
		return
	}
	if u, ok := judgeClass(c, p, call, capability.SpawnsCompute); ok && u.newClass && u.mature {
		u.severity = max(u.severity, schemas.SeverityMedium)
		if u.of >= peersToJudgeBy && rareAmongPeers*u.have > u.of {
			u.way = WayFused // some of its like start machines
		}
		out.Add(u.finding(p, call, ev.Operation, tried(call, "started machines", "start machines")+first(u),
			tried(call, "called", "call")+" "+ev.Operation+touched(ev)))
	}
	if !call.Success || call.Backfill {
		return
	}
	n := max(1, min(len(ev.Resources), 1000))
	call.Tally(TallySpawned, uint16(n)) //nolint:gosec // at most 1,000
	today, most := p.TallyToday(TallySpawned, call.Day)+n, p.TallyMax(TallySpawned, call.Day)
	bound := max(spawnsFloor, spawnsFactor*most)
	if today <= bound || p.ActiveDays() < 3 {
		return
	}
	out.Add(Finding{
		Severity: schemas.SeverityHigh, Value: "volume", Capability: capability.SpawnsCompute, Did: "started far more machines than ever",
		Sentence: who(ev) + " started " + plural(today, "machine") + " today, the last with " + ev.Operation + touched(ev) + origin(ev) +
			". On its busiest day of " + historyOf(p, call.Time) + " it was " + thousands(most) + ".",
		Observed: plural(today, "machine") + " in a day", Expected: "at most " + thousands(bound),
		Rarity: "its most in " + historyOf(p, call.Time) + " was " + thousands(most),
	})
}
