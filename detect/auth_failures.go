package detect

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

var authFailuresCard = Meta{
	Name: "auth-failures", Title: "Credentials refused over and over", Basis: Learned, Family: FamilyDenial, Way: WayStrong,
	Severity: schemas.SeverityMedium, Closes: true,
	MinSample: "60 active panes over three days, or 20 over a week; of who calls too seldom, three days over two weeks",
	Floor:     "20 failures and half of the calls in 15 minutes, and twice its own maximum of earlier days; of who calls too seldom for a level, 100 failures, two thirds of the calls and ten times its maximum",
	Kept:      "20 bytes: one level and two maxima",
	Model:     "negative binomial about its own mean, for the calls made",
	Attacks:   []schemas.Technique{{UID: "T1110.004", Name: "Credential Stuffing"}},
	NHI:       []string{"NHI4:2025"}, API: []string{"API2:2023"}, NIST: []string{"DE.CM-01", "DE.AE-02"}, PCI: []string{"8.3.4", "10.2.1.4", "10.4.1"},
	FirstChecks: []string{
		"Check whether its credential has just expired or was rotated without it.",
		"Look at the source addresses: its own machines, or somebody who tries keys?",
		"See whether a call succeeded after the failures.",
	},
}

// authFailures judges how often a pane's calls failed for the credential itself,
// not for what it may do.
type authFailures struct{ paneOnly }

// Meta implements Detector.
func (authFailures) Meta() *Meta { return &authFailuresCard }

const authFloor = 20

// Close implements Detector.
func (authFailures) Close(c *Cell, p *Profile, pane *Pane, out *Findings) {
	s := &p.stats
	c.failsVastly(p, pane, out)
	if pane.Backfill > 0 || pane.Unauthenticated == 0 || s.judged < coldPanes {
		return
	}
	failed := float64(pane.Unauthenticated)
	load := max(1, float64(pane.Calls)/max(float64(s.rate.mean), 1))
	mean, variance := s.auth.predictive(load, 1)
	out.Score(Score{
		Signal: SignalAuth, Surprise: negativeBinomialTail(failed, mean, variance), Observed: failed, Expected: mean,
		Faint:   failed < 5,
		Strong:  failed >= 2*float64(s.authBest) && failed >= authFloor && 2*pane.Unauthenticated >= pane.Calls,
		Explain: explainAuth,
	})
}

func explainAuth(_ *Cell, p *Profile, pane *Pane, s *Score) Finding {
	usual := about(s.Expected)
	return Finding{
		Did: "had its credential refused " + plural(int(s.Observed), "time"),
		Sentence: "Its credential was refused " + plural(int(s.Observed), "time") + " in " + plural(int(pane.Calls), "call") + " within 15 minutes (" +
			clockTime(pane.Start()) + "), where " + usual + agree(usual, " is", " are") + " usual.",
		Observed: plural(int(s.Observed), "refused credential") + " in 15 minutes",
		Expected: usual + ofItsOwn(p.stats.judged),
		Value:    "authentication", Trigger: pane.call("Newest refused call", sampleRefused),
	}
}

// unauthenticated says that a call was refused for its credential: a status of
// 401, or the words that clouds use for it.
func unauthenticated(ev *schemas.Event) bool {
	if ev.StatusCode == 401 {
		return true
	}
	switch code := ev.ErrorCode; {
	case code == "":
		return false
	case strings.HasPrefix(code, "InvalidClientTokenId"), strings.HasPrefix(code, "SignatureDoesNotMatch"), strings.HasPrefix(code, "ExpiredToken"),
		strings.HasPrefix(code, "AuthFailure"), strings.HasPrefix(code, "UnrecognizedClient"), strings.HasPrefix(code, "InvalidAccessKeyId"),
		strings.EqualFold(code, "invalid_token"), strings.EqualFold(code, "invalid_client"), strings.EqualFold(code, "UNAUTHENTICATED"):
		return true
	}
	return false
}
