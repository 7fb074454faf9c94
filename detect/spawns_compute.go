package detect

import (
	"strings"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var spawnsComputeCard = Meta{
	Name: "spawns-compute", Title: "Starts machines or calls AI models for the first time, or starts far more than ever", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityMedium, Wake: OnSpawns,
	MinSample: matureSample + "; volume: 3 active days, its level 7 days with machines; calls of models 7 days with the first",
	Floor:     "one first use, of AI models by one that is no AI agent; volume: more than 20 machines in a day and 5 times the own maximum, or twice and beyond its own p99.9, as the fleet's other wonders allow; more than 1,000 calls of models in a day of which no log counts tokens and 5 times the own maximum, so too; a kind of machine or a model that it never used: weak evidence, where the log names it",
	Kept:      "one slot for each class, for each kind of machine and for each model (8 bytes, 24 models at most), one count by day; of those that start machines a level, of those that call models two counts (12 bytes each)",
	Model:     "first use of a class; a day's count against its own maximum, and by Student's t on its logarithm over the days with any; Good-Turing novelty rate of its kinds of machines and of its models, less what three peers took up within a day",
	Attacks:   []schemas.Technique{{UID: "T1496", Name: "Resource Hijacking"}, {UID: "T1496.004", Name: "Cloud Service Hijacking"}},
	NHI:       []string{"NHI5:2025"}, API: []string{"API4:2023"}, NIST: nistActivity, PCI: pciAccess,
	FirstChecks: consequenceChecks(
		"Look at size, image and start-up script of what was started: mining wants many large machines.",
		"Stop what nobody can explain; keep one for its disk.",
		"Of models: look at where the calls come from and what they cost; keys are stolen to resell access to models."),
}

// spawnsCompute finds the first time that an identity starts machines, and far
// more of them in a day than it ever started. A kind of machine that it never
// started is evidence: an autoscaler is given another size now and then, a miner
// wants the largest. So it is with AI models: who never called one and begins to is
// a first use, another model than ever is evidence. How much is spent on them
// is agent-spend's, where a log says it; else their calls are counted.
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
	if call.Can.Set.Has(capability.InvokesModel) {
		callsModel(c, p, call, out)
	}
	if !call.Can.Set.Has(capability.SpawnsCompute) {
		return
	}
	if u, ok := judgeClass(c, p, call, capability.SpawnsCompute); ok && u.newClass && u.mature {
		u.severity = max(u.severity, schemas.SeverityMedium)
		if same, _ := others(c, p, call, Operation); u.of >= peersToJudgeBy && rareAmongPeers*u.have > u.of && (same >= usedByPeers || peersElsewhere*u.have > u.of) {
			u.way = WayFused // some of its like start machines in this way, or many in any
		}
		out.Add(u.finding(p, call, ev.Operation, tried(call, "started machines", "start machines")+first(u)+": "+shortOperation(ev.Operation),
			tried(call, "called", "call")+" "+ev.Operation+touched(ev)+placed(ev)))
	}
	if !call.Success || call.Backfill {
		return
	}
	if kind := machineKind(ev); kind != "" {
		sight := call.share(p, Edge, "machine\x00"+kind)
		if s, rarity := c.NoveltyOf(p, call, Edge, sight); s > 0 && !call.NewCapabilities.Any(capability.SpawnsCompute) {
			out.Add(Finding{
				Way: WayFused, Severity: schemas.SeverityMedium, Surprise: s, Value: kind, Capability: capability.SpawnsCompute,
				Did:      "started a new kind of machine, " + kind,
				Sentence: who(ev) + " started a machine of kind " + kind + " with " + ev.Operation + touched(ev) + placed(ev) + origin(ev) + "; it starts machines, but this kind was " + rarity + ".",
				Observed: kind, Expected: "the kinds that it started before", Rarity: rarity,
				dim: Edge, hash: sight.hash,
			})
		}
	}
	n := max(1, min(len(ev.Resources), 1000))
	call.Tally(TallySpawned, uint16(n)) //nolint:gosec // at most 1,000
	today, most := p.TallyToday(TallySpawned, call.Day)+n, p.TallyMax(TallySpawned, call.Day)
	bound := max(spawnsFloor, spawnsFactor*most)
	if today <= bound {
		farAbove(c, p, call, today, most, out)
		return
	}
	if p.ActiveDays() < 3 {
		return
	}
	out.Add(Finding{
		Severity: schemas.SeverityHigh, Value: "volume", Capability: capability.SpawnsCompute, Did: "started far more machines than ever",
		Sentence: who(ev) + " started " + plural(today, "machine") + " today, the last with " + ev.Operation + touched(ev) + placed(ev) + origin(ev) +
			". On its busiest day of " + historyOf(p, call.Time) + " it was " + thousands(most) + ".",
		Observed: plural(today, "machine") + " in a day", Expected: "at most " + thousands(bound),
		Rarity: "its most in " + historyOf(p, call.Time) + " was " + thousands(most),
	})
}

// farAbove compares a day that is no fivefold of the busiest with the identity's
// own level.
func farAbove(c *Cell, p *Profile, call *Call, today, most int, out *Findings) {
	a := c.e.asides[p.self]
	if a == nil {
		return
	}
	surprise, usual, wonder := a.machines.farAbove(today, most, spawnsFloor)
	if !wonder {
		return
	}
	ev := call.Event
	out.Add(Finding{
		Way: WayStrong, Severity: schemas.SeverityMedium, Surprise: surprise, Value: "level", Capability: capability.SpawnsCompute, Did: "started far more machines than on any day",
		Sentence: who(ev) + " started " + plural(today, "machine") + " today, the last with " + ev.Operation + touched(ev) + placed(ev) + origin(ev) +
			". It starts about " + number(usual) + " on a day with any, by " + plural(int(a.machines.n), "such day") + ", and " + thousands(most) + " on its busiest.",
		Observed: plural(today, "machine") + " in a day", Expected: "about " + number(usual) + ", at most " + thousands(most),
		Rarity: "less than one in a thousand of its days, by " + plural(int(a.machines.n), "day") + " of its own",
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
