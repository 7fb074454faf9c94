package detect

import (
	"math"

	"github.com/lapwing-sec/lapwing/schemas"
)

var sharedCredentialCard = Meta{
	Name: "shared-credential", Title: "One credential on many machines", Basis: Learned, Family: FamilyPlace, Way: WayStrong,
	Severity: schemas.SeverityMedium, Wake: OnWorkloads, Closes: true,
	MinSample: "60 active panes over three days, or 20 over a week; a declared number: none",
	Floor:     "5 machines in 15 minutes, 3 times what these calls explain, and twice its own maximum of earlier days; a declared number: one machine more, above 16 half as many again; within a declared number: evidence only",
	Kept:      "20 bytes: one level and two maxima",
	Model:     "HyperLogLog (Flajolet et al. 2007) of the workloads, else addresses, that used one credential; negative binomial about its own mean, scaled with the calls so that a service that grows is none",
	Attacks:   []schemas.Technique{{UID: "T1550.001", Name: "Application Access Token"}},
	NHI:       []string{"NHI9:2025"}, API: []string{"API2:2023"}, NIST: nistNetwork, PCI: pciAccounts,
	FirstChecks: []string{
		"List the machines: the same deployment scaled out, or somebody else's?",
		"Find out how the credential got there: an image, a repository, a chat.",
		"Give each workload a credential of its own, then revoke this one.",
	},
}

// sharedCredentialLimit is the card of a declared number that was passed: of the
// same detector, on the other basis.
var sharedCredentialLimit = Meta{
	Name: sharedCredentialCard.Name, Rule: "workloads", Title: "One credential on more machines than declared", Basis: Declared, Family: FamilyDeclared, Way: WayDeclared,
	Severity: schemas.SeverityMedium, MinSample: "none", Floor: "one machine more than declared in 15 minutes, above 16 half as many again",
	Kept: "nothing beyond the open pane", Model: "the machines, else addresses, that used one credential in 15 minutes: exact up to 16, then HyperLogLog (Flajolet et al. 2007), against the number",
	Attacks: sharedCredentialCard.Attacks, NHI: sharedCredentialCard.NHI, API: sharedCredentialCard.API, NIST: sharedCredentialCard.NIST, PCI: sharedCredentialCard.PCI,
	FirstChecks: sharedCredentialCard.FirstChecks,
}

// sharedCredential judges from how many machines at once one credential is used:
// against the number that the inventory declares, and against the identity's own
// past. A service that scales out calls more as well: its machines are explained
// by its calls.
type sharedCredential struct{}

// Meta implements Detector.
func (sharedCredential) Meta() *Meta { return &sharedCredentialCard }

// Observe implements Detector: it says so when a call's machine is one more than
// is declared.
func (sharedCredential) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	limit := float64(ev.GetDeclared().GetWorkloads())
	if limit == 0 || !call.Success || call.Backfill || ev.Anonymous || call.Sight(Credential).hash == 0 || c.e.lacks(offDeclared) {
		return
	}
	var key uint32
	var machinesOf Sketch
	if pane := c.e.openPane(p, call.pane); pane != nil {
		key, machinesOf = pane.oneKey, pane.Sources
	}
	before := machinesOf.Count()
	usedFrom(&key, &machinesOf, ev, call)
	seen := machinesOf.Count()
	if limit > sketchExact || seen > sketchExact { // an estimate, by which nobody is called a liar
		limit = math.Max(limit*estimateMargin, sketchExact)
	}
	if seen <= limit || seen == before {
		return
	}
	machines, allowed := plural(int(seen), "machine"), plural(int(ev.GetDeclared().GetWorkloads()), "machine")
	out.add(&sharedCredentialLimit, Finding{
		Value: ev.CredentialId, Did: "used one credential from " + machines + ", where " + allowed + " may",
		Sentence: who(ev) + " used credential " + clip(ev.CredentialId, 40) + " from " + machines + " within 15 minutes, the last with " + ev.Operation + origin(ev) + " at " +
			clockTime(call.Time) + "; the inventory allows " + allowed + " at once.",
		Observed: machines + " in 15 minutes", Expected: "at most " + allowed,
	})
}

// estimateMargin is how far beyond the declared number an estimate must lie: four of
// its standard errors.
const estimateMargin = 1.5

const (
	machinesFloor = 5
	machinesTimes = 3
)

// Close implements Detector.
func (sharedCredential) Close(_ *Cell, p *Profile, pane *Pane, out *Findings) {
	s := &p.stats
	seen := pane.Sources.Count()
	if pane.Backfill > 0 || s.judged < coldPanes || seen == 0 {
		return
	}
	load := max(1, float64(pane.Calls)/max(float64(s.rate.mean), 1))
	mean, variance := s.sources.predictive(load, 0.1)
	out.Score(Score{
		Signal: SignalSources, Surprise: negativeBinomialTail(seen, mean, variance), Observed: seen, Expected: mean,
		Faint:   seen < machinesFloor || seen < 2*mean || seen < 2*float64(s.most[maxSources]),
		Strong:  (pane.machines == 0 || seen > float64(pane.machines)) && seen >= machinesFloor && seen >= machinesTimes*mean && seen >= 2*float64(s.most[maxSources]),
		Explain: explainMachines,
	})
}

func explainMachines(_ *Cell, p *Profile, pane *Pane, s *Score) Finding {
	seen := approx(s.Observed, pane.Calls, "machine")
	most := number(float64(p.stats.most[maxSources]))
	return Finding{
		Did: "used one credential from " + seen,
		Sentence: "One of its credentials was used from " + seen + " within 15 minutes (" + clockTime(pane.Start()) +
			"), where so many calls usually come from " + some(s.Expected) + "; the most on an earlier day " + agree(most, "was ", "were ") + most + ".",
		Observed: seen + " on one credential",
		Expected: about(s.Expected) + ofItsOwn(p.stats.judged),
		Value:    "machines",
	}
}
