package detect

import "github.com/lapwing-sec/lapwing/schemas"

var sharedCredentialCard = Meta{
	Name: "shared-credential", Title: "One credential on many machines", Basis: Learned, Family: FamilyPlace, Way: WayStrong,
	Severity: schemas.SeverityMedium, Closes: true,
	MinSample: "60 active panes over three days, or 20 over a week",
	Floor:     "5 machines in 15 minutes, 3 times what these calls explain, and twice its own maximum of earlier days",
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

// sharedCredential judges from how many machines at once one credential is used.
// A service that scales out calls more as well: its machines are explained by
// its calls.
type sharedCredential struct{ paneOnly }

// Meta implements Detector.
func (sharedCredential) Meta() *Meta { return &sharedCredentialCard }

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
		Strong:  seen >= machinesFloor && seen >= machinesTimes*mean && seen >= 2*float64(s.most[maxSources]),
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
