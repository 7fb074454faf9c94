package detect

import (
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

var sequenceCard = Meta{
	Name: "sequence", Title: "An intrusion, step by step", Basis: Learned, Family: FamilyOperation, Way: WayStrong,
	Severity: schemas.SeverityHigh, Closes: true,
	MinSample: "learned (7 active days, or 200 calls below 1% novelty); 60 active panes over three days, or 20 over a week",
	Floor:     "three of four stages within a day, in their order, each by a call outside its baseline; two are weak evidence",
	Kept:      "16 bytes: when each stage was last reached",
	Model:     "a chain of stages (look around, secrets, rights, act), each by an operation that the identity never made; its surprise is that of its steps, no more than 4",
	Attacks:   []schemas.Technique{{UID: "T1526", Name: "Cloud Service Discovery"}},
	NHI:       []string{"NHI5:2025"}, API: []string{"API6:2023"}, NIST: nistActivity, PCI: []string{"10.4.1.1", "11.5.1"},
	FirstChecks: []string{
		"Read the day's calls of this identity in order, from the first that is new.",
		"Stop it first: disable the credential, and the credentials and grants that it made.",
		"Find out where the first step came from: that is where it was stolen.",
	},
}

// sequence finds the order in which intrusions go: look around, read secrets,
// change rights, act. Each step by itself may be a release; three in a day, in
// their order and each new, are not.
type sequence struct{ paneOnly }

// sequencePanes is how long a chain may take.
const sequencePanes = 96

// Meta implements Detector.
func (sequence) Meta() *Meta { return &sequenceCard }

// stageBit is the stage of a call that is outside the identity's baseline, as a
// bit; 0 when it is no step.
func (p *Profile) stageBit(call *Call) uint8 {
	if call.sights[Operation].State == Known || !p.Learned(Operation) || call.Backfill || p.Human() || provider(call.Event) {
		return 0
	}
	stage := stageOf(call.Can.Set)
	if stage < 0 || stage > stageLook && !call.Success {
		return 0
	}
	return 1 << uint(stage)
}

// Close implements Detector.
func (sequence) Close(_ *Cell, p *Profile, pane *Pane, out *Findings) {
	s := &p.stats
	if pane.Stages == 0 || pane.Backfill > 0 {
		return
	}
	now := int32(pane.Number) //nolint:gosec // until the year 60,000
	for i := range s.stages {
		if pane.Stages&(1<<uint(i)) != 0 {
			s.stages[i] = now
		}
	}
	// The stages reached within a day, each not before the one that it follows.
	steps, last := 0, int32(0)
	var first int32
	said := ""
	for i, at := range s.stages {
		if at == 0 || at <= now-sequencePanes || at < last {
			continue
		}
		if steps == 0 {
			first = at
		} else {
			said += ", then "
		}
		last = at
		said += stageNames[i]
		steps++
	}
	if steps < 2 || last != now {
		return
	}
	f := Finding{
		Way: WayFused, Severity: schemas.SeverityMedium, Surprise: float64(steps), Value: said,
		Did:      said,
		Sentence: "Within " + sinceFirst(now-first) + " it " + said + ", each by a call that it had never made in " + historyOf(p, pane.Last) + ".",
		Observed: plural(steps, "stage") + " of an intrusion in order", Expected: "none",
		Rarity: "not seen in " + historyOf(p, pane.Last),
	}
	if steps >= 3 && p.mature() {
		f.Way, f.Severity = WayStrong, schemas.SeverityHigh
	}
	out.Add(f)
}

// sinceFirst words a number of panes.
func sinceFirst(panes int32) string {
	if panes == 0 {
		return "15 minutes"
	}
	return span(time.Duration(int64(panes+1) * PaneLength))
}
