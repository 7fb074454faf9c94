package detect

import (
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

var sequenceCard = Meta{
	Name: "sequence", Title: "An intrusion, step by step", Basis: Learned, Family: FamilyOperation, Way: WayStrong,
	Severity: schemas.SeverityHigh, Closes: true,
	MinSample: "learned (7 active days, or 200 calls below 1% novelty); 60 active panes over three days, or 20 over a week",
	Floor:     "three of four stages within a day, in their order, each by a call outside its baseline, the last also by far more data than it ever took; two are weak evidence",
	Kept:      "nothing of most identities; of one with such calls the panes of the last day that had any, 5 bytes each",
	Model:     "the longest chain of stages (look around, secrets, rights, act) in event time, by quarters of an hour, each stage by an operation that the identity never made; its surprise is that of its steps, no more than 4",
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
	if p.broad() {
		return 0
	}
	stage := stageOf(call.Can.Set)
	if stage < 0 || stage > stageLook && !call.Success {
		return 0
	}
	return 1 << uint(stage)
}

// mostNovel is the share of calls by an operation not seen before above which one
// more of them tells nothing.
const mostNovel = 0.02

// fewSingles is how many different calls of one day only somebody who looks around
// makes at most without being an enumeration: they make nobody broad.
const fewSingles = 20

// broad says that new operations are this identity's daily business: it makes more
// different calls than are kept of it, or now and then one that it made once only, as
// tools that plan, scan or back up whole accounts do.
func (p *Profile) broad() bool {
	return p.singles[Operation] > fewSingles && p.NoveltyRate(Operation, noveltyPrior(Operation)) > mostNovel
}

// Close implements Detector.
func (sequence) Close(c *Cell, p *Profile, pane *Pane, out *Findings) {
	steps := c.e.asides[p.self]
	if pane.Backfill > 0 || pane.Stages == 0 && (steps == nil || len(steps.steps) == 0) {
		return
	}
	if steps == nil {
		steps = c.e.aside(p)
	}
	now, reached := int32(pane.Number), pane.Stages //nolint:gosec // until the year 60,000
	if reached&(1<<stageAct) == 0 {
		if took, _ := tookFarMore(p, pane); took != "" {
			reached |= 1 << stageAct // by calls that it makes every day
		}
	}
	steps.took(now, reached)
	chain, first := longestChain(steps.steps, now)
	if len(chain) < 2 {
		return
	}
	said := stageNames[chain[0]]
	for _, i := range chain[1:] {
		said += ", then " + stageNames[i]
	}
	how := ", each by a call that it had never made in "
	if reached != pane.Stages && chain[len(chain)-1] == stageAct {
		how = ", at last far more data than ever, before that by calls that it had never made in "
	}
	f := Finding{
		Way: WayFused, Severity: schemas.SeverityMedium, Surprise: float64(len(chain)), Value: said,
		Did:      said,
		Sentence: "Within " + sinceFirst(now-first) + " it " + said + how + historyOf(p, pane.Last) + ".",
		Observed: plural(len(chain), "stage") + " of an intrusion in order", Expected: "none",
		Rarity: "not seen in " + historyOf(p, pane.Last),
	}
	if len(chain) >= 3 && p.mature() {
		f.Way, f.Severity = WayStrong, schemas.SeverityHigh
	}
	out.Add(f)
}

// longestChain is the longest run of stages in their order, each in a pane not
// before the one that it follows, that ends with a step of the pane now; and the
// pane of its first. Of two of one length it is the one that was reached first.
// Within a pane the order of calls says nothing.
func longestChain(steps []step, now int32) (chain []int, first int32) {
	type reached struct {
		length int
		set    uint8 // the chain's stages
		begun  int32
	}
	var best [stages]reached
	var last reached
	for _, s := range steps {
		for i := range best {
			if s.stages&(1<<uint(i)) == 0 {
				continue
			}
			next := best[i]
			if next.length == 0 {
				next = reached{1, 1 << uint(i), s.pane}
			}
			for _, b := range best[:i] {
				if b.length >= next.length {
					next = reached{b.length + 1, b.set | 1<<uint(i), b.begun}
				}
			}
			best[i] = next
			if s.pane == now && next.length > last.length {
				last = next
			}
		}
	}
	for i := range best {
		if last.set&(1<<uint(i)) != 0 {
			chain = append(chain, i)
		}
	}
	return chain, last.begun
}

// sinceFirst words a number of panes.
func sinceFirst(panes int32) string {
	if panes == 0 {
		return "15 minutes"
	}
	return span(time.Duration(int64(panes+1) * PaneLength))
}
