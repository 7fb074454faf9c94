package detect

import (
	"strings"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var spawnsComputeCard = Meta{
	Name: "spawns-compute", Title: "Starts machines for the first time, or far more than ever", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityMedium, Wake: OnSpawns,
	MinSample: matureSample + "; volume: 3 active days",
	Floor:     "one first use; volume: more than 20 machines in a day and 5 times the own maximum; a kind of machine that it never started: weak evidence, where the log names it",
	Kept:      "one slot for the class and for each kind of machine (8 bytes), one count by day",
	Model:     "first use of a class; a count against its own maximum; Good-Turing novelty rate of its kinds of machines",
	Attacks:   []schemas.Technique{{UID: "T1496", Name: "Resource Hijacking"}},
	NHI:       []string{"NHI5:2025"}, API: []string{"API4:2023"}, NIST: nistActivity, PCI: pciAccess,
	FirstChecks: consequenceChecks(
		"Look at size, image and start-up script of what was started: mining wants many large machines.",
		"Stop what nobody can explain; keep one for its disk."),
}

// spawnsCompute finds the first time that an identity starts machines, and far
// more of them in a day than it ever started. A kind of machine that it never
// started is evidence: an autoscaler is given another size now and then, a miner
// wants the largest.
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
	if kind := machineKind(ev); kind != "" {
		sight := call.See(p, Edge, "machine\x00"+kind)
		if s, rarity := c.NoveltyOf(p, call, Edge, sight); s > 0 && !call.NewCapabilities.Any(capability.SpawnsCompute) {
			out.Add(Finding{
				Way: WayFused, Severity: schemas.SeverityMedium, Surprise: s, Value: kind, Capability: capability.SpawnsCompute,
				Did:      "started a machine of a kind that it never started, " + kind,
				Sentence: who(ev) + " started a machine of kind " + kind + " with " + ev.Operation + touched(ev) + origin(ev) + "; it starts machines, but this kind was " + rarity + ".",
				Observed: kind, Expected: "the kinds that it started before", Rarity: rarity,
			})
		}
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

// machineKinds are the attributes in which logs name the kind of a machine: EC2
// and SageMaker, Compute Engine, Azure.
var machineKinds = [...]string{
	"requestParameters.instanceType", "requestParameters.resourceConfig.instanceType", "request.machineType",
	"properties.hardwareProfile.vmSize", "requestbody.properties.hardwareProfile.vmSize",
}

// machineKind is the kind of the machine that a call starts, or "".
func machineKind(ev *schemas.Event) string {
	for _, name := range machineKinds {
		if v := ev.Attributes[name]; v != "" {
			return clip(v[strings.LastIndexByte(v, '/')+1:], 60)
		}
	}
	return ""
}
