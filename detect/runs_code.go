package detect

import (
	"strings"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

var runsCodeCard = Meta{
	Name: "runs-code", Title: "Runs code elsewhere for the first time", Basis: Learned, Family: FamilyConsequence, Way: WayConsequence,
	Severity: schemas.SeverityHigh, Wake: OnCapability,
	MinSample: matureSample + "; in another namespace or cluster: 3 calls before", Floor: "one call; in another namespace or cluster: of high severity",
	Kept:    "one slot for the class, one for each operation, one of 8 bytes for each namespace or cluster",
	Model:   "first use of a class; edges by operation; Good-Turing novelty rate of the namespaces (Kubernetes) and clusters (ECS) in which it runs code",
	Attacks: []schemas.Technique{{UID: "T1651", Name: "Cloud Administration Command"}},
	NHI:     []string{"NHI5:2025"}, API: []string{"API5:2023"}, NIST: nistActivity, PCI: pciAccess,
	FirstChecks: consequenceChecks(
		"Read what was run, and on which machines or functions.",
		"Isolate those machines if the command is not one of yours."),
}

// runsCode finds the first remote command, session, pushed key or overwritten
// code of an identity, and a new way of running code by one that does; or another
// namespace or cluster, of one that always does so in the same.
type runsCode struct{ arrivalOnly }

// Meta implements Detector.
func (runsCode) Meta() *Meta { return &runsCodeCard }

// Observe implements Detector.
func (runsCode) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	if !call.Can.Set.Has(capability.RunsCode) {
		return
	}
	ev := call.Event
	where := runsIn(ev)
	var sight Sight
	if where != "" {
		sight = call.See(p, Edge, "runs\x00"+where)
	}
	u, ok := judgeClass(c, p, call, capability.RunsCode)
	if !ok {
		if where != "" {
			runsElsewhere(c, p, call, where, sight, out)
		}
		return
	}
	out.Add(u.finding(p, call, ev.Operation, tried(call, "ran code elsewhere", "run code elsewhere")+first(u)+": "+shortOperation(ev.Operation),
		tried(call, "called", "call")+" "+ev.Operation+touched(ev)))
}

// runsBefore is how many calls must have told where an identity runs code.
const runsBefore = 3

// runsElsewhere finds code that is run where the identity never ran any.
func runsElsewhere(c *Cell, p *Profile, call *Call, where string, sight Sight, out *Findings) {
	ev := call.Event
	severity := call.Can.Severity(capability.RunsCode)
	if sight.State != Unseen || severity < schemas.SeverityHigh || provider(ev) || p.Human() || call.Backfill || p.Observations(Edge) < runsBefore || !mature(p, call) {
		return
	}
	s, rarity := c.NoveltyOf(p, call, Edge, sight)
	if have, _ := c.peers(p, sight, Edge); s < strongSurprise || have >= usedByPeers {
		return
	}
	out.Add(Finding{
		Severity: severity, Refused: call.Denied || call.Failed, Surprise: s, Value: where, Capability: capability.RunsCode,
		Did: tried(call, "ran code in ", "run code in ") + clip(where, 60) + " for the first time",
		Sentence: who(ev) + " " + tried(call, "called", "call") + " " + ev.Operation + touched(ev) + origin(ev) + ended(call) + ". It runs code elsewhere, but " + clip(where, 60) +
			" was " + rarity + ".",
		Observed: ev.Operation + " in " + where, Expected: "the namespaces and clusters in which it ran code before", Rarity: rarity,
	})
}

// runsIn is the namespace or cluster in which a call runs code; "" where the log
// names none.
func runsIn(ev *schemas.Event) string {
	if ns := ev.Attributes["namespace"]; ns != "" && strings.HasPrefix(ev.Operation, "k8s:") {
		return clip("namespace "+ns, 120)
	}
	if ev.Service == "ecs" {
		for _, r := range ev.Resources {
			if name, ok := strings.CutPrefix(r, "cluster/"); ok {
				return clip("cluster "+name, 120)
			}
		}
	}
	return ""
}
