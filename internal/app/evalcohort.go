package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/internal/simulate"
	"github.com/lapwing-sec/lapwing/schemas"
)

// cohort is what one fleet's tape gave under each condition.
type cohort struct {
	seed, turn int
	events     int
	seconds    float64 // of judging alone
	stats      detect.Stats

	main     simulate.Scorecard
	shifted  simulate.Scorecard // labels moved by three days
	without  simulate.Scorecard // the stream without the attacks' events
	baseline simulate.Scorecard
	ablated  map[string]simulate.Scorecard
	leftOut  map[string]simulate.Scorecard
}

// placeboShift is by how much labels are moved to see what time alone matches.
const placeboShift = 3 * 24 * time.Hour

// learnDays and judgedDays of the fleets that are judged in full.
const (
	evalLearnDays  = 21
	evalJudgedDays = 14
)

// evalFleet is a fleet of the evaluation.
func evalFleet(cfg simulate.Config) (*simulate.Fleet, error) {
	if cfg.Days == 0 {
		cfg.Days, cfg.LearnDays = evalLearnDays+evalJudgedDays, evalLearnDays
	}
	if cfg.Start.IsZero() {
		// The judged weeks hold a first of the month that the learned ones lack.
		cfg.Start = time.Date(2026, 7, 6, 0, 0, 0, 0, time.UTC)
	}
	return simulate.New(cfg)
}

// runCohort judges one fleet. deep adds the conditions that need runs of their
// own.
func runCohort(ctx context.Context, cfg Config, fc simulate.Config, deep bool) (*cohort, error) {
	fleet, err := evalFleet(fc)
	if err != nil {
		return nil, err
	}
	t, err := recordTape(ctx, cfg, fleet)
	if err != nil {
		return nil, err
	}
	c := &cohort{seed: int(fc.Seed), turn: fc.Turn, events: len(t.events), ablated: map[string]simulate.Scorecard{}, leftOut: map[string]simulate.Scorecard{}} //nolint:gosec // small
	score := func(labels []simulate.Label, o judging) (simulate.Scorecard, error) {
		alerts, err := t.judge(ctx, o)
		return simulate.Score(labels, alerts, fleet.Judged(), fleet.End()), err
	}
	first := newFirstSeen()
	if _, err := t.judge(ctx, judging{blind: true, visit: first.event}); err != nil {
		return nil, err
	}
	c.baseline = simulate.Score(t.labels, first.alerts, fleet.Judged(), fleet.End())
	start := time.Now()
	alerts, err := t.judge(ctx, judging{onEnd: func(e *detect.Engine) error { c.stats = e.Stats(); return nil }})
	if err != nil {
		return nil, err
	}
	c.seconds = time.Since(start).Seconds()
	c.main = simulate.Score(t.labels, alerts, fleet.Judged(), fleet.End())
	c.shifted = simulate.Score(shiftLabels(t.labels, fleet), alerts, fleet.Judged(), fleet.End())
	if !deep {
		return c, nil
	}
	played := playedEvents(t.labels)
	if c.without, err = score(loud(t.labels), judging{drop: func(ev *schemas.Event) bool {
		return played[playedKey{ev.IdentityId, ev.Time / 1e6}]
	}}); err != nil {
		return nil, err
	}
	for _, log := range t.topics {
		kept := slices.DeleteFunc(slices.Clone(t.labels), func(l simulate.Label) bool { return l.Kind == simulate.KindAttack && l.Log == log })
		s, err := score(kept, judging{drop: func(ev *schemas.Event) bool { return ev.RawTopic == log }})
		if err != nil {
			return nil, err
		}
		c.leftOut["log "+log] = s
	}
	for _, m := range detect.Mechanisms() {
		s, err := score(t.labels, judging{tune: func(c *detect.Config) { c.Without = []string{m} }})
		if err != nil {
			return nil, fmt.Errorf("without %s: %w", m, err)
		}
		c.ablated[m] = s
	}
	return c, nil
}

// shiftLabels moves the attacks' labels within the judged days: what is still
// found is found by chance.
func shiftLabels(labels []simulate.Label, fleet *simulate.Fleet) []simulate.Label {
	out := slices.Clone(labels)
	span := fleet.End().Sub(fleet.Judged())
	for i := range out {
		l := &out[i]
		if l.Kind != simulate.KindAttack {
			continue
		}
		by := placeboShift
		if l.Start.Add(by + 6*time.Hour).After(fleet.End()) {
			by -= span / 2
		}
		l.Start, l.End = l.Start.Add(by), l.End.Add(by)
		l.Times = slices.Clone(l.Times)
		for j := range l.Times {
			l.Times[j] += by.Milliseconds()
		}
	}
	return out
}

// loud leaves out the attacks that are silences: they have no events to take
// away.
func loud(labels []simulate.Label) []simulate.Label {
	return slices.DeleteFunc(slices.Clone(labels), func(l simulate.Label) bool { return l.Silence })
}

type playedKey struct {
	identity string
	ms       int64
}

// playedEvents are the events that attacks made.
func playedEvents(labels []simulate.Label) map[playedKey]bool {
	out := map[playedKey]bool{}
	for i := range labels {
		if labels[i].Kind == simulate.KindAttack {
			for _, t := range labels[i].Times {
				out[playedKey{labels[i].Identity, t}] = true
			}
		}
	}
	return out
}
