package detect

import (
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

var silenceCard = Meta{
	Name: "silence", Title: "A regular caller stopped", Basis: Learned, Family: FamilyTime, Way: WayStrong,
	Severity:  schemas.SeverityMedium,
	MinSample: "100 active panes over 14 days, active on half of the days; 400 over 7 days for one that calls in four panes of five",
	Floor:     "twice its own longest gap and an hour (four times for one that comes and goes); never when its source is silent (less than a quarter of the other callers expected since its last call, of which three were to come) or many stop together",
	Kept:      "12 bytes: the longest gap and the deadline, and one timer",
	Model:     "the longest gap so far, doubled",
	Attacks:   []schemas.Technique{{UID: "T1562.008", Name: "Impair Defenses: Disable or Modify Cloud Logs"}},
	NHI:       []string{"NHI6:2025"}, API: []string{"API8:2023"}, NIST: []string{"DE.CM-01", "DE.AE-02"}, PCI: []string{"10.7.2"},
	FirstChecks: []string{
		"Check whether the workload still runs and whether it was retired on purpose.",
		"Check whether its credential was revoked or has expired.",
		"Check whether logging was switched off for what it calls.",
	},
}

// silence finds an identity that called regularly and stopped. The engine keeps
// a deadline for each such identity and asks Silent when it passes on the
// identity's own time. Kept: the longest gap, one timer.
type silence struct{ paneOnly }

// Meta implements Detector.
func (silence) Meta() *Meta { return &silenceCard }

// Close does nothing: silence is what does not close a pane.
func (silence) Close(*Cell, *Profile, *Pane, *Findings) {}

// Silent words the finding for an identity whose deadline has passed.
func (silence) Silent(_ *Cell, p *Profile, at int64) Finding {
	s := &p.stats
	quiet := span(time.Duration(at - s.lastSeen))
	longest := span(time.Duration(float64(s.gapMax) * float64(time.Second)))
	surprise := min(4, 1+float64(s.judged)/500)
	return Finding{
		Surprise: surprise, Value: "silent", Did: "fell silent",
		Sentence: "It has not called for " + quiet + " (last call " + clockTime(s.lastSeen) + "); its longest gap so far was " + longest +
			" in " + plural(int(s.days), "active day") + ", and its log source goes on.",
		Observed: "no call for " + quiet, Expected: "a call at least every " + longest,
		Rarity: "not seen in " + historyOf(p, at),
	}
}
